"""What optimizers are compared on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from .. import checks


@dataclass(frozen=True)
class Task:
    """A model, and the data it learns.

    Args:
        name: What it is called in tables and folders.
        model: Makes the model and compiles it with the optimizer it is given. Random numbers of
            Keras, NumPy and Python are seeded before each call, so that every optimizer starts
            from the same weights.
        train: What `fit` trains on: (inputs, targets) as arrays, or a data set, such as a
            `tf.data.Dataset`, that can be gone through again and again.
        test: The same, to evaluate on after every epoch. Default: None, for none.
        epochs: How many there are if nobody says otherwise. Default: 20.
        batch_size: How many samples of arrays make a batch. Default: 32.
        full_batch: Whether every batch is all of the data, so that the loss of a single step
            means something: results are then shown by step rather than by epoch.
            Default: False.
        shuffle: Whether `fit` shuffles the samples of arrays. Default: True.

    Raises:
        TypeError, ValueError: If `model` is no function, `epochs` or `batch_size` no whole number
            above 0, or `shuffle` neither True nor False.
    """

    name: str
    model: Callable[[keras.optimizers.Optimizer], keras.Model]
    train: Any
    test: Any = None
    epochs: int = 20
    batch_size: int = 32
    full_batch: bool = False
    shuffle: bool = True

    def __post_init__(self) -> None:
        if not callable(self.model) or isinstance(self.model, keras.Model):
            raise TypeError(
                "`model` must be a function that takes an optimizer, and returns a model compiled "
                f"with it. Received: {self.model!r}"
            )
        checks.count("epochs", self.epochs)
        checks.count("batch_size", self.batch_size)
        checks.flag("shuffle", self.shuffle)


Arrays = tuple[np.ndarray, np.ndarray]
