"""Whether gradients are finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from .backends import current as backend

Tensor = Any


def all_finite(tensors: Sequence[Tensor]) -> Tensor:
    """Whether all elements of all tensors are finite, in one pass where they are not huge."""
    if not tensors:
        return ops.convert_to_tensor(True)
    return backend.cond(
        backend.all_finite(backend.sums_of_squares([[tensor] for tensor in tensors])),
        lambda: ops.convert_to_tensor(True),
        lambda: ops.all(ops.stack([ops.all(ops.isfinite(tensor)) for tensor in tensors])),
    )
