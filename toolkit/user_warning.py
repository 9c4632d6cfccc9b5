"""Warnings that point to the user's own line."""

from __future__ import annotations

import inspect
import warnings

import keras

_PASSED_OVER = (__name__.partition(".")[0], "keras", keras.backend.backend())


def warn_user(message: str) -> None:
    """Warns at the innermost line that is not of this package, of Keras or of its backend.

    How many of their frames lie between differs: wrappers hand arguments on to each other.
    """
    frame, frames = inspect.currentframe(), 0
    while frame is not None and frame.f_globals["__name__"].partition(".")[0] in _PASSED_OVER:
        frame, frames = frame.f_back, frames + 1
    warnings.warn(message, stacklevel=frames + 1)
