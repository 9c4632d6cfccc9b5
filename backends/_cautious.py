"""The steps that do not oppose the gradient, in the form that XLA compiles to few passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

Tensor = Any

MANY, VERY_MANY = 2**16, 2**20  # elements
ROWS = 8


def downhill(
    steps: Sequence[Tensor],
    gradients: Sequence[Tensor],
    least_kept: float,
    rows_of_very_many: int = ROWS,
) -> list[Tensor]:
    """Each mask is made twice, in the loop that counts and in the one that writes.

    Args:
        steps: The steps.
        gradients: The gradient of each.
        least_kept: The least part of a step's elements that it is divided by.
        rows_of_very_many: In how many rows XLA counts the elements of the largest tensors the
            fastest, which depends on its version.
    """
    return [
        _downhill(step, gradient, least_kept, rows_of_very_many)
        for step, gradient in zip(steps, gradients, strict=True)
    ]


def _downhill(step: Tensor, gradient: Tensor, least_kept: float, rows_of_very_many: int) -> Tensor:
    wide = "float64" if ops.dtype(step) == "float64" else "float32"
    size = math.prod(step.shape)
    rows = 1 if size < MANY else ROWS if size < VERY_MANY else rows_of_very_many
    kept = ops.cast(_opposed_in(step, gradient, rows), wide) / size
    scale = 1 / ops.where(kept > least_kept, kept, least_kept)
    scaled = step * ops.cast(scale, step.dtype)
    return ops.where(_opposed(step, gradient), scaled, ops.zeros_like(step))


def _opposed(step: Tensor, gradient: Tensor) -> Tensor:
    """Where their product is negative, which would underflow."""
    return ((step < 0) & (gradient > 0)) | ((step > 0) & (gradient < 0))


def _opposed_in(step: Tensor, gradient: Tensor, rows: int) -> Tensor:
    """In how many elements: XLA adds up a few rows faster than all, and keeps no mask."""
    if rows == 1:
        return ops.sum(ops.cast(_opposed(step, gradient), "float32"))
    size = math.prod(step.shape)
    length = size // rows
    flat = [ops.reshape(tensor, (size,)) for tensor in (step, gradient)]
    counts = [
        ops.cast(_opposed(*(tensor[row * length : (row + 1) * length] for tensor in flat)), "int32")
        for row in range(rows)
    ]
    while len(counts) > 1:
        counts = [one + other for one, other in zip(counts[::2], counts[1::2], strict=True)]
    rest = _opposed(*(tensor[rows * length :] for tensor in flat))
    return ops.sum(counts[0]) + ops.sum(ops.cast(rest, "int32"))
