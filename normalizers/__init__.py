"""Normalizers by name: list, look up, register and unregister them."""

from .registry import get, get_norm, names, register, register_norm, unregister

__all__ = ["get", "get_norm", "names", "register", "register_norm", "unregister"]
