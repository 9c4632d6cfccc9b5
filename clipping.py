"""Scaling blocks of tensors down to a largest norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from .backends import current as backend
from .normalizers.norms import Block, Norm, measure

Tensor = Any


def clip_blocks(norm: Norm, largest: float, blocks: Sequence[Block]) -> list[list[Tensor]]:
    """The blocks whose norm is above the largest times largest/norm, the others bit for bit."""

    def exceeds(norm: Tensor) -> Tensor:
        return norm > largest

    def factor(norm: Tensor) -> Tensor:
        return largest / ops.where(exceeds(norm), norm, largest)

    norms = measure(norm, blocks)
    return backend.scaled_where(backend.each(exceeds, norms), blocks, backend.each(factor, norms))
