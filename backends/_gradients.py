"""Gradients of any kind as tensors, on any backend."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def tensor(gradient: Any, variable: Any, native: type) -> Any:
    """Return the gradient as one of the backend's tensors, in the variable's dtype.

    Keras' optimizers accept the same: variables, arrays and lists, of any dtype.

    Args:
        gradient: A tensor, a variable, an array or lists.
        variable: What it is the gradient of.
        native: The class of the backend's tensors.
    """
    if not isinstance(gradient, native):
        gradient = ops.convert_to_tensor(gradient, sparse=False)
        if keras.backend.standardize_dtype(gradient.dtype) == "string":
            raise TypeError("text is no number")
    dtype = keras.backend.standardize_dtype(variable.dtype)
    if keras.backend.standardize_dtype(gradient.dtype) != dtype:
        gradient = ops.cast(gradient, dtype)
    return gradient
