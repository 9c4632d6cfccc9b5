"""Tells whether gradients are finite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from keras import ops

from ..backends import flow, kernels

Tensor = Any


def all_finite(tensors: Sequence[Tensor]) -> Tensor:
    """Return whether all elements are finite, in one pass where they are not huge."""
    if not tensors:
        return ops.convert_to_tensor(True)
    blocks = [[tensor] for tensor in tensors]
    return flow.cond(
        kernels.all_finite(kernels.sums_of_squares(blocks)),
        lambda: ops.convert_to_tensor(True),
        lambda: _none(kernels.sums(_not_finite, blocks)),
    )


def _not_finite(tensor: Tensor) -> Tensor:
    """Return 1 where an element is not finite, else 0."""
    return ops.cast(ops.logical_not(ops.isfinite(tensor)), tensor.dtype)


def _none(counts: Iterable[Tensor]) -> Tensor:
    return ops.all(ops.stack([ops.equal(count, 0) for count in counts]))
