"""Normalizers by name: list, look up, register and unregister them."""

from .registry import get, get_norm, names, names_of_norms, register, register_norm, unregister

__all__ = ["get", "get_norm", "names", "names_of_norms", "register", "register_norm", "unregister"]
