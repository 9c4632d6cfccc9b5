"""The optimizers that come with Keras."""

from __future__ import annotations

import inspect

import keras


def keras_optimizer_classes() -> list[type[keras.optimizers.Optimizer]]:
    """Return every optimizer class that this version of Keras has, wrappers of its own included."""
    return [
        value
        for _, value in sorted(vars(keras.optimizers).items())
        if inspect.isclass(value)
        and issubclass(value, keras.optimizers.Optimizer)
        and value is not keras.optimizers.Optimizer
    ]
