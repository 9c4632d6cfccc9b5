"""Scaling blocks of tensors down to a largest norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from ..backends import kernels
from ..normalizers.norms import LEAST, Block, Norm, measure

Tensor = Any


def clip_blocks(norm: Norm, largest: float, blocks: Sequence[Block]) -> list[list[Tensor]]:
    """Return blocks whose norm is above the largest times largest/norm, others bit for bit."""

    # Of smaller norms it matters only that they are not above the largest.
    measured = measure(norm, blocks, down_to_zero=largest < max(LEAST.values()))

    def exceeds(norm: Tensor, scale: Tensor) -> Tensor:
        return norm > largest * scale

    def factor(norm: Tensor, exceeds: Tensor) -> Tensor:
        return largest / ops.where(exceeds, norm, largest)

    exceeding = kernels.each(exceeds, measured.norms, measured.scales)
    factors = kernels.each(factor, measured.norms, exceeding)
    return kernels.scaled_where(exceeding, measured.in_range(blocks), factors, blocks)
