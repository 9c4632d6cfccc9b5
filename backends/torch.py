"""PyTorch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch

from .. import keras_private
from . import _assignments
from ._assignments import replaced as replaced
from ._one_replica import (  # noqa: F401 (part of the interface)
    check_made_together,
    check_place,
    key,
    leave_sums_to_wrapper,
    local_key,
    must_sum,
    on_all_replicas,
    once_for_all_replicas,
    replica,
    scope_of,
)


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


def run_if(
    predicate: Any,
    function: Callable[..., Sequence[Any] | None],
    variables: Sequence[Any],
    *tensors: Any,
    like: Sequence[Any] = (),
) -> Sequence[Any]:
    """Python's own conditional."""
    if predicate:
        return function(*tensors) or []
    return [torch.zeros_like(variable.value) for variable in like]


@torch.no_grad()
def add_up(sums: Sequence[Any], tensors: Sequence[Any], anew: Any) -> None:
    """For all at once, in place."""
    totals = [total.value for total in sums]
    if anew:
        torch._foreach_copy_(totals, list(tensors))
    else:
        torch._foreach_add_(totals, list(tensors))


_has_mean_loss = False


def once_summed(step: Callable[[list, Any], None], gradients: list, loss: Any) -> None:
    """The mean of the processes' losses; DistributedDataParallel has averaged their gradients."""
    global _has_mean_loss
    if loss is None or _has_mean_loss or not _several_processes():
        step(gradients, loss)
        return
    loss = torch.as_tensor(loss).detach().clone()
    torch.distributed.all_reduce(loss)
    _has_mean_loss = True
    try:
        step(gradients, loss / torch.distributed.get_world_size())
    finally:
        _has_mean_loss = False


def agree(variables: Sequence[Any]) -> None:
    """Sends them from the first process to the others, as DistributedDataParallel does weights."""
    if _several_processes():
        for variable in variables:
            torch.distributed.broadcast(variable.value, src=0)


def _several_processes() -> bool:
    distributed = torch.distributed
    return (
        distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )


def captured(optimizer: Any, steps: dict[Any, Any]) -> AbstractContextManager[None]:
    """Through `assign*`, or for Keras' optimizers that write past it, with zeros for weights."""
    update = keras_private.parallel_update_step(optimizer)
    if update is None:
        return _assignments.captured(
            optimizer, steps, local_key, lambda variable: variable.value.detach().clone()
        )
    return _captured_on_zeros(optimizer, update, steps)


@contextlib.contextmanager
def _captured_on_zeros(optimizer: Any, update: Any, steps: dict[Any, Any]) -> Iterator[None]:
    """These optimizers add to the weights without reading them: to zeros they add the step."""

    def update_zeros(gradients: Any, variables: Any, learning_rate: Any) -> None:
        tensors = [variable.value for variable in variables]
        weights = [tensor.data for tensor in tensors]
        try:
            for tensor in tensors:
                tensor.data = torch.zeros_like(tensor.data)
            update(gradients, variables, learning_rate)
        finally:
            for variable, tensor, weight in zip(variables, tensors, weights, strict=True):
                steps[local_key(variable)], tensor.data = tensor.data, weight

    with replaced(optimizer, **{keras_private.PARALLEL_UPDATE_STEP: update_zeros}):
        yield


def uncompiled(function: Callable) -> Callable:
    """The function with a graph break around it: torch.compile mistakes weights set aside."""
    return torch.compiler.disable(function)


def compiled(function: Callable) -> Callable:
    """The function itself."""
    return function


@torch.no_grad()
def add(variables: Sequence[Any], steps: Sequence[Any]) -> None:
    """Adds to all variables their steps at once."""
    torch._foreach_add_([variable.value for variable in variables], list(steps))


def scaled_or_zero(accepted: Any, tensors: Sequence[Any], scale: Any) -> list[Any]:
    """Decided in Python."""
    if not accepted:
        return [torch.zeros_like(tensor) for tensor in tensors]
    scaled = torch._foreach_mul([_wide(tensor) for tensor in tensors], scale)
    return [result.to(tensor.dtype) for result, tensor in zip(scaled, tensors, strict=True)]


def dot(tensors: Sequence[Any], others: Sequence[Any]) -> Any:
    """One product for each pair."""
    products = [
        torch.dot(_wide(tensor).reshape(-1), _wide(other).reshape(-1))
        for tensor, other in zip(tensors, others, strict=True)
    ]
    return torch.stack(products).sum()


def _wide(tensor: Any) -> Any:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


@torch.no_grad()
def update_averages(averages: Sequence[Any], tensors: Sequence[Any], decay: float) -> list[Any]:
    """The formula, for all at once."""
    values = [average.value for average in averages]
    torch._foreach_mul_(values, decay)
    torch._foreach_add_(values, list(tensors), alpha=1 - decay)
    return values


@torch.no_grad()
def blend(averages: Sequence[Any], variables: Sequence[Any], decay: Any) -> None:
    """The formula, for all at once."""
    if not averages:
        return  # PyTorch has no such functions of empty lists
    targets = [_wide(variable.value) for variable in variables]
    blended = torch._foreach_sub([_wide(average.value) for average in averages], targets)
    torch._foreach_mul_(blended, decay)
    torch._foreach_add_(blended, targets)
    for average, value in zip(averages, blended, strict=True):
        average.value.copy_(torch.where(torch.isfinite(value), value, average.value))


@torch.no_grad()
def copy(variables: Sequence[Any], sources: Sequence[Any]) -> None:
    """In place."""
    for variable, source in zip(variables, sources, strict=True):
        variable.value.copy_(source.value)


def start_at(variables: Sequence[Any], sources: Sequence[Any]) -> bool:
    """There are no graphs."""
    copy(variables, sources)
    return True


def without_gradients() -> AbstractContextManager:
    """Where PyTorch records nothing."""
    return torch.no_grad()


def snapshot(variables: Sequence[Any]) -> list[Any]:
    """Copies: variables are written in place."""
    return [variable.value.detach().clone() for variable in variables]


def restore_unless(accepted: Any, variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Decided in Python."""
    if not accepted:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def read(variable: Any) -> Any:
    """The value, unless torch.compile is at work."""
    return None if torch.compiler.is_compiling() else variable.value.detach().cpu().numpy().copy()
