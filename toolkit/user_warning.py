"""Warnings that point to the user's own line."""

from __future__ import annotations

import inspect
import warnings

_PASSED_OVER = (__name__.partition(".")[0], "keras")


def warn_user(message: str) -> None:
    """Warns at the innermost line that is neither of this package nor of Keras.

    How many of their frames lie between differs: wrappers hand arguments on to each other.
    """
    frame, frames = inspect.currentframe(), 0
    while frame is not None and frame.f_globals["__name__"].partition(".")[0] in _PASSED_OVER:
        frame, frames = frame.f_back, frames + 1
    warnings.warn(message, stacklevel=frames + 1)
