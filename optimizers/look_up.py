"""The Keras optimizer that an instance, a text or a config stands for."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from .. import checks
from ..backends import keras_private
from . import text_form


def optimizer_of(value: Any) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer that an instance, a text or a config stands for."""
    if isinstance(value, keras.optimizers.Optimizer):
        return value
    if isinstance(value, str):
        return _optimizer_of_text(value)
    if isinstance(value, dict):
        if "class_name" not in value:
            raise ValueError(
                "`inner_optimizer` given as a config must have a 'class_name', as "
                f"`keras.optimizers.serialize` writes it. Received: {value!r}"
            )
        return keras.optimizers.get(keras_private.with_public_classes(value))
    if inspect.isclass(value):
        raise TypeError(
            "`inner_optimizer` must be an optimizer, not a class. "
            f"Received: {value!r}. Write `{value.__name__}()` to make an instance of it."
        )
    raise TypeError(
        "`inner_optimizer` must be a Keras optimizer, such as `keras.optimizers.Adam(1e-3)`, "
        "a text, such as 'adam(1e-3) | normalized', or its config. "
        f"Received: {checks.brief(value)} of type {checks.qualified_name(type(value))}."
    )


def _optimizer_of_text(text: str) -> keras.optimizers.Optimizer:
    try:
        return text_form.read(text)
    except (TypeError, ValueError) as error:
        if keras.saving.get_registered_object(text) is not None:
            return keras.optimizers.get(text)  # a class that the user registered with Keras
        raise type(error)(f"`inner_optimizer`, given as a text: {error}") from error
