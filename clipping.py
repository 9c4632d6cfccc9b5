"""Scaling blocks of tensors down to a largest norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from .normalizers.norms import Block, Norm, measure

Tensor = Any


def clip_blocks(norm: Norm, largest: float, blocks: Sequence[Block]) -> list[list[Tensor]]:
    """The blocks whose norm is above the largest times largest/norm, the others bit for bit."""
    norms = measure(norm, blocks)
    return [
        [_clip(tensor, block_norm, largest) for tensor in block]
        for block, block_norm in zip(blocks, norms, strict=True)
    ]


def _clip(tensor: Tensor, norm: Tensor, largest: float) -> Tensor:
    exceeds = norm > largest
    scale = largest / ops.where(exceeds, norm, largest)
    scaled = ops.cast(ops.cast(tensor, norm.dtype) * scale, tensor.dtype)
    # A choice, not a factor of 1, which would flush the smallest numbers to zero.
    return ops.where(exceeds, scaled, tensor)
