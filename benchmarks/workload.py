"""What is trained: dense networks and tables of words, their weights, gradients and data."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

SIZES = {  # the widths of dense layers
    "S": (784, 300, 100, 10),
    "D": (784, *[128] * 30, 10),
    "N": (*[32] * 101, 10),  # so many layers that each variable costs more than its numbers
    "L": (1826,) * 4,
    "XL": (4082,) * 4,
    # For memory: TensorFlow allocates powers of two.
    "M": (2048, 2048, 2048, 1024),
}
# To see how cost grows with one of these: how many → the name of the size.
SCALES = {
    "weights": {10**5 * n: f"{n / 10:g}M" for n in (3, 10, 30, 100, 300, 1000)},
    "variables": {n: f"{n}V" for n in (10, 30, 100, 300, 1000)},
}
SIZES |= {size: (round((weights / 3) ** 0.5),) * 4 for weights, size in SCALES["weights"].items()}
SIZES |= {size: (32,) * (variables // 2 + 1) for variables, size in SCALES["variables"].items()}
BATCH_SIZE = 64
# Words and numbers for each, of an Embedding, whose gradients are sparse on TensorFlow.
TABLES = {"T": (500_000, 16), "TL": (1_000_000, 32)}
TEXTS = (256, 10)  # of a batch, and words of each


@dataclass(frozen=True)
class Workload:
    """One size, and whether the optimizer's step alone is done or a whole train step.

    Args:
        size: A name in `SIZES`.
        kind: "step" or "train".
        compiled: Whether TensorFlow uses XLA.
    """

    size: str
    kind: str
    compiled: bool = True

    @property
    def widths(self) -> tuple[int, ...]:
        """Return the widths of the layers."""
        return SIZES[self.size]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the kernels and biases."""
        return [
            shape
            for rows, columns in itertools.pairwise(self.widths)
            for shape in ((rows, columns), (columns,))
        ]

    @property
    def parameters(self) -> int:
        """Return how many numbers the model has."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    def weights(self) -> list[np.ndarray]:
        """Return new weights, the same each time, as large as those of trained networks."""
        random = np.random.default_rng(0)
        return [0.05 * random.standard_normal(shape, "float32") for shape in self.shapes]

    @functools.cached_property
    def gradients(self) -> list[Any]:
        """Return the same tensors for everyone: nobody may write to them."""
        random = np.random.default_rng(1)
        return [
            keras.ops.convert_to_tensor(random.standard_normal(shape, "float32"))
            for shape in self.shapes
        ]

    @functools.cached_property
    def loss(self) -> Any:
        """Return the loss that the gradients are of, for those who need one."""
        return keras.ops.convert_to_tensor(1.0)

    @functools.cached_property
    def batch(self) -> tuple[Any, Any]:
        """Inputs and targets."""
        random = np.random.default_rng(2)
        return tuple(
            keras.ops.convert_to_tensor(random.standard_normal((BATCH_SIZE, width), "float32"))
            for width in (self.widths[0], self.widths[-1])
        )

    def model(self, optimizer: keras.optimizers.Optimizer | None = None) -> keras.Model:
        """Return a ReLU network, compiled as Keras' users do."""
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((self.widths[0],))])
        for width in self.widths[1:-1]:
            model.add(keras.layers.Dense(width, "relu", kernel_initializer="he_normal"))
        model.add(keras.layers.Dense(self.widths[-1]))
        if optimizer is not None:
            compiles = self.compiled if keras.backend.backend() == "tensorflow" else "auto"
            model.compile(optimizer, loss="mse", jit_compile=compiles)
        return model


@dataclass(frozen=True)
class TableWorkload(Workload):
    """An Embedding, of which a batch looks up few rows.

    Args:
        size: A name in `TABLES`.
        kind: See `Workload`.
        compiled: See `Workload`.
    """

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shape of the table."""
        return [TABLES[self.size]]

    @functools.cached_property
    def gradients(self) -> list[Any]:
        """Return the sparse gradient of a batch."""
        import tensorflow as tf

        words, _ = self.batch
        _, width = TABLES[self.size]
        random = np.random.default_rng(1)
        rows = random.standard_normal((TEXTS[0] * TEXTS[1], width), "float32")
        return [tf.IndexedSlices(rows, tf.reshape(words, (-1,)), tf.constant(TABLES[self.size]))]

    @functools.cached_property
    def batch(self) -> tuple[Any, Any]:
        """Words, and what the mean of theirs should be."""
        rows, width = TABLES[self.size]
        random = np.random.default_rng(2)
        words = random.integers(0, rows, TEXTS).astype("int32")
        targets = random.standard_normal((TEXTS[0], width), "float32")
        return keras.ops.convert_to_tensor(words), keras.ops.convert_to_tensor(targets)

    def model(self, optimizer: keras.optimizers.Optimizer | None = None) -> keras.Model:
        """Return the mean of a text's words."""
        keras.utils.set_random_seed(3)
        layers = [keras.layers.Embedding(*TABLES[self.size])]
        layers += [keras.layers.GlobalAveragePooling1D()]
        model = keras.Sequential([keras.Input((TEXTS[1],), dtype="int32"), *layers])
        if optimizer is not None:
            model.compile(optimizer, loss="mse", jit_compile=self.compiled)
        return model


def workload(size: str, kind: str, compiled: bool = True) -> Workload:
    """Return what a size of any kind stands for."""
    return (TableWorkload if size in TABLES else Workload)(size, kind, compiled)
