"""scikit-learn's handwritten digits: 1,797 images of 8×8 pixels, shipped with the library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import sklearn.datasets
import sklearn.model_selection

Arrays = tuple[np.ndarray, np.ndarray]


def load() -> tuple[Arrays, Arrays]:
    """(x, y) to train on and (x, y) to test on, three quarters and one, the same each time."""
    x, y = sklearn.datasets.load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = sklearn.model_selection.train_test_split(
        (x / 16).astype("float32"), y, test_size=0.25, random_state=0, stratify=y
    )
    return (x_train, y_train), (x_test, y_test)


def network(seed: int, widths: Sequence[int] = (64, 128, 64, 10)) -> keras.Model:
    """A ReLU network with layers of these widths, initialised from the seed, not yet compiled."""
    keras.utils.set_random_seed(seed)
    inputs, *hidden, outputs = widths
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            *(keras.layers.Dense(width, activation="relu") for width in hidden),
            keras.layers.Dense(outputs),
        ]
    )


def compile_network(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, **options: Any
) -> None:
    """Compiles the network for classification, with options of `compile`."""
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **options,
    )
