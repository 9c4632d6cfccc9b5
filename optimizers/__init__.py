"""Base optimizers by name: what a stack may start from."""

from .catalogue import get, names, register, unregister

__all__ = ["get", "names", "register", "unregister"]
