"""Kernels on JAX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax import numpy as jnp

from .. import reference, xla
from . import device


class Kernels(reference.Kernels):
    """Leaves fusing to XLA, in the forms that it compiles best for a CPU."""

    def sums_of_squares(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """Takes the inner product of each block with itself on a CPU."""
        return self.dots(blocks, blocks) if device.on_cpu() else super().sums_of_squares(blocks)

    def dot(self, tensors: Sequence[Any], others: Sequence[Any]) -> Any:
        """Multiplies vectors on a CPU: XLA may write the products of a sum of them out."""
        if not device.on_cpu():
            return super().dot(tensors, others)
        return sum(
            jnp.vdot(self._wide(tensor), self._wide(other))
            for tensor, other in zip(tensors, others, strict=True)
        )

    def scaled_unless(
        self, unscaled: Any, blocks: Sequence[Sequence[Any]], factors: Any
    ) -> Sequence[Sequence[Any]]:
        """Looks at what is known, as it is when eager."""
        known = not isinstance(unscaled, jax.core.Tracer)
        return blocks if known and unscaled else self.scaled(blocks, factors)

    def downhill(
        self, steps: Sequence[Any], gradients: Sequence[Any], least_kept: float
    ) -> list[Any]:
        """Has XLA count a few rows on a CPU, where it fuses anything at all."""
        fuses = any(isinstance(tensor, jax.core.Tracer) for tensor in (*steps, *gradients))
        downhill = xla.downhill if fuses and device.on_cpu() else super().downhill
        return downhill(steps, gradients, least_kept)
