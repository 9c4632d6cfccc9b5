"""PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def dense(gradient: Any, variable: Any) -> Any:
    """The gradient with its zeros written out, if it is sparse."""
    return gradient.to_dense() if gradient.is_sparse else gradient


def cond(predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
    """Python's own conditional."""
    return if_true() if predicate else if_false()


def replicas() -> int:
    """1: DistributedDataParallel averages gradients before the optimizer sees them."""
    return 1
