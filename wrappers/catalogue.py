"""The catalogue: every wrapper of stepwrap by a short name.

What is in it is tested by `tests/test_catalogue.py` without another line.
"""

from __future__ import annotations

from collections.abc import Callable

import keras

from .. import checks
from .optimizer_wrapper import OptimizerWrapper

_wrappers: dict[str, type[OptimizerWrapper]] = {}


def wrapper(
    name: str,
) -> Callable[[type[OptimizerWrapper]], type[OptimizerWrapper]]:
    """Class decorator: enters a wrapper under a name, and registers it with Keras for saving."""

    def enter(cls: type[OptimizerWrapper]) -> type[OptimizerWrapper]:
        _wrappers[name] = keras.saving.register_keras_serializable(package="stepwrap")(cls)
        return cls

    return enter


def names() -> list[str]:
    """The names of all wrappers, sorted."""
    return sorted(_wrappers)


def get(name: str) -> type[OptimizerWrapper]:
    """The wrapper of that name.

    Raises:
        ValueError: If there is none.
    """
    if name not in _wrappers:
        raise ValueError(
            f"`name` {name!r} is no wrapper.{checks.nearest(name, names())} "
            f"Wrappers: {checks.listed(names())}."
        )
    return _wrappers[name]
