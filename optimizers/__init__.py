"""Base optimizers by name: what a stack may start from, and those that Keras lacks."""

from .catalogue import example, get, names, register, unregister
from .radam import RAdam

__all__ = ["RAdam", "example", "get", "names", "register", "unregister"]
