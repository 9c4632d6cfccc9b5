"""The steps that do not oppose the gradient, in the form that XLA compiles to few passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

Tensor = Any

ROWS = 8
MANY = 2**16


def downhill(
    steps: Sequence[Tensor], gradients: Sequence[Tensor], least_kept: float
) -> list[Tensor]:
    """Each mask is made twice, in the loop that counts and in the one that writes."""
    return [
        _downhill(step, gradient, least_kept)
        for step, gradient in zip(steps, gradients, strict=True)
    ]


def _downhill(step: Tensor, gradient: Tensor, least_kept: float) -> Tensor:
    wide = "float64" if ops.dtype(step) == "float64" else "float32"
    kept = ops.cast(_opposed_in(step, gradient), wide) / math.prod(step.shape)
    scale = 1 / ops.where(kept > least_kept, kept, least_kept)
    scaled = step * ops.cast(scale, step.dtype)
    return ops.where(_opposed(step, gradient), scaled, ops.zeros_like(step))


def _opposed(step: Tensor, gradient: Tensor) -> Tensor:
    """Where their product is negative, which would underflow."""
    return ((step < 0) & (gradient > 0)) | ((step > 0) & (gradient < 0))


def _opposed_in(step: Tensor, gradient: Tensor) -> Tensor:
    """In how many elements. Of many, XLA adds up rows faster than all, and keeps no mask."""
    size = math.prod(step.shape)
    if size < MANY:
        return ops.sum(ops.cast(_opposed(step, gradient), "float32"))
    flat = [ops.reshape(tensor, (size,)) for tensor in (step, gradient)]
    length = size // ROWS
    rows = [[tensor[row * length : (row + 1) * length] for tensor in flat] for row in range(ROWS)]
    counts = [ops.cast(_opposed(*row), "int32") for row in rows]
    while len(counts) > 1:
        counts = [one + other for one, other in zip(counts[::2], counts[1::2], strict=True)]
    rest = [tensor[ROWS * length :] for tensor in flat]
    return ops.sum(counts[0]) + ops.sum(ops.cast(_opposed(*rest), "int32"))
