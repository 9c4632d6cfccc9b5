"""What the tasks that sort images into ten classes share."""

from __future__ import annotations

from typing import Any

import keras

from ..task import Arrays
from .compiling import compiled


def scaled(
    train: Arrays, test: Arrays, shape: tuple[int, ...], lowest: float = 0
) -> tuple[Arrays, Arrays]:
    """Images in this shape, with numbers from the lowest to 1 in place of bytes."""
    return tuple(
        (x.reshape(-1, *shape).astype("float32") / 255 * (1 - lowest) + lowest, y)
        for x, y in (train, test)
    )


def relu_network(inputs: int, *widths: int, last_kernel: str = "glorot_uniform") -> keras.Model:
    """Dense layers of these widths, each but the last with a ReLU.

    Args:
        inputs: How many numbers a sample has.
        widths: How many outputs each layer has.
        last_kernel: What initializes the last layer's weights. Default: "glorot_uniform", as in
            the other layers.
    """
    *hidden, outputs = widths
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            *(keras.layers.Dense(width, activation="relu") for width in hidden),
            keras.layers.Dense(outputs, kernel_initializer=last_kernel),
        ]
    )


def compiled_classifier(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, **options: Any
) -> keras.Model:
    """The model, whose outputs are logits, compiled with options of `compiled`."""
    return compiled(
        model,
        optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **options,
    )
