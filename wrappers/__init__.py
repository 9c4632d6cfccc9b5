"""The wrappers: one file each, in folders by what they act on."""

from . import classes
from .catalogue import example, get, names, register, unregister
from .classes import *  # noqa: F403

__all__ = ["example", "get", "names", "register", "unregister"]
__all__ += classes.__all__
