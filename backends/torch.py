"""PyTorch."""

from __future__ import annotations

from typing import Any


def dense(gradient: Any, variable: Any) -> Any:
    """The gradient with its zeros written out, if it is sparse."""
    return gradient.to_dense() if gradient.is_sparse else gradient


def replicas() -> int:
    """1: DistributedDataParallel averages gradients before the optimizer sees them."""
    return 1
