"""Random numbers for a wrapper, from a generator that is part of its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from .slots import scalar_dtype

Tensor = Any


class RandomNumbers:
    """Draws for each tensor anew, the same on every replica.

    Args:
        generator: What `OptimizerWrapper.add_seed_generator` returned.
    """

    def __init__(self, generator: keras.random.SeedGenerator) -> None:
        self._generator = generator

    def thinned(self, tensors: Sequence[Tensor], keep: float) -> list[Tensor]:
        """The tensors with each element kept with a probability, else 0."""
        return [
            ops.where(
                keras.random.uniform(tensor.shape, dtype="float32", seed=self._generator) < keep,
                tensor,
                ops.zeros_like(tensor),
            )
            for tensor in tensors
        ]

    def normal(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Standard normal numbers of the tensors' shapes, in float32 or wider."""
        return [
            keras.random.normal(tensor.shape, dtype=scalar_dtype([tensor]), seed=self._generator)
            for tensor in tensors
        ]
