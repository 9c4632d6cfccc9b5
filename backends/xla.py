"""Forms that XLA compiles fastest for a CPU, on TensorFlow and JAX alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from .reference.kernels import opposed, scaled_by_part

Tensor = Any

MANY, VERY_MANY = 2**16, 2**20  # elements
ROWS = 8


def downhill(
    steps: Sequence[Tensor],
    gradients: Sequence[Tensor],
    least_kept: float,
    rows_of_very_many: int = ROWS,
) -> list[Tensor]:
    """Return what `Kernels.downhill` does.

    Each mask is made twice, in the loop that counts and in the one that writes.

    Args:
        steps: The steps.
        gradients: The gradient of each.
        least_kept: The least part of a step's elements that it is divided by.
        rows_of_very_many: In how many rows XLA counts the elements of the largest tensors the
            fastest, which depends on its version.
    """

    def of_one(step: Tensor, gradient: Tensor) -> Tensor:
        size = math.prod(step.shape)
        rows = 1 if size < MANY else ROWS if size < VERY_MANY else rows_of_very_many
        count = _opposed_in(step, gradient, rows)
        return scaled_by_part(step, opposed(step, gradient), count, least_kept)

    return list(map(of_one, steps, gradients))


def _opposed_in(step: Tensor, gradient: Tensor, rows: int) -> Tensor:
    """Return in how many elements: XLA adds up a few rows faster than all, and keeps no mask."""
    if rows == 1:
        return ops.sum(ops.cast(opposed(step, gradient), "float32"))
    size = math.prod(step.shape)
    length = size // rows
    flat = [ops.reshape(tensor, (size,)) for tensor in (step, gradient)]
    counts = [
        ops.cast(opposed(*(tensor[row * length : (row + 1) * length] for tensor in flat)), "int32")
        for row in range(rows)
    ]
    while len(counts) > 1:
        counts = [one + other for one, other in zip(counts[::2], counts[1::2], strict=True)]
    rest = opposed(*(tensor[rows * length :] for tensor in flat))
    return ops.sum(counts[0]) + ops.sum(ops.cast(rest, "int32"))
