"""PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch


def dense(gradient: Any, variable: Any) -> Any:
    """The gradient with its zeros written out, if it is sparse."""
    return gradient.to_dense() if gradient.is_sparse else gradient


def sum_of_squares(tensor: Any) -> Any:
    """The product of the flat tensor with itself, which needs no copy for the squares."""
    flat = tensor.reshape(-1)
    return torch.dot(flat, flat)


def all_finite(scalars: Sequence[Any]) -> Any:
    """Whether every one of the scalars is finite."""
    return torch.isfinite(torch.stack(list(scalars))).all()


def cond(predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
    """Python's own conditional."""
    return if_true() if predicate else if_false()


def refuse_replicas(wrapper: str) -> None:
    """Nothing to refuse: DistributedDataParallel averages gradients before the optimizer."""
