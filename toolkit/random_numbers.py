"""Random numbers for a wrapper, from a generator that is part of its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..backends import kernels

Tensor = Any


class RandomNumbers:
    """Draws for each tensor anew, the same on every replica.

    Args:
        generator: What `OptimizerWrapper.add_seed_generator` returned.
    """

    def __init__(self, generator: keras.random.SeedGenerator) -> None:
        self._generator = generator

    def thinned(self, tensors: Sequence[Tensor], keep: float) -> list[Tensor]:
        """Return the tensors with each element kept with a probability, else 0."""
        return kernels.thinned(tensors, keep, self._generator.next())

    def with_noise(self, tensors: Sequence[Tensor], deviation: Tensor) -> list[Tensor]:
        """Return the tensors with normal noise of a standard deviation added to each element."""
        return kernels.with_noise(tensors, deviation, self._generator.next())
