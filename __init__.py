"""Optimizer wrappers for Keras 3: one line around any optimizer, on every backend."""

from importlib.metadata import version

from .command import arguments as command_arguments
from .command import messages as hidden_messages

if command_arguments.are_of_this_process():
    command_arguments.prepare()  # before Keras, which loads a backend
    hidden_messages.hide()

from . import callbacks, checks, normalizers, optimizers, presets, wrappers
from .core import moved_names
from .optimizers import RAdam, old_names
from .text import chain, describe, parse
from .toolkit.layer_decay import layer_decay
from .toolkit.selection import VECTORS
from .wrappers import classes
from .wrappers.classes import *  # noqa: F403

__version__ = version("stepwrap")

__all__ = [
    "VECTORS",
    "RAdam",
    "callbacks",
    "chain",
    "describe",
    "layer_decay",
    "normalizers",
    "optimizers",
    "parse",
    "presets",
    "wrappers",
]
__all__ += classes.__all__


def __getattr__(name: str) -> object:
    """Raises the error of what is not there, with where it is, or the nearest name."""
    hint = old_names.hint_for_package(name)
    for module in (callbacks, presets):
        if name in module.__all__:
            hint = f" It is `{module.__name__}.{name}`."
    hint = hint or checks.nearest(name, __all__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{hint}")


moved_names.install()
