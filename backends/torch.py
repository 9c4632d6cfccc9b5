"""PyTorch."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from . import _assignments, _gradients, keras_private
from ._assignments import replaced as replaced
from ._never_sparse import (  # noqa: F401 (part of the interface)
    is_sparse,
    rows,
    sizes_are_known,
    slices,
    written_out,
)
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
    if torch.is_tensor(gradient) and gradient.is_sparse:
        gradient = gradient.to_dense()
    return _gradients.tensor(gradient, variable, torch.Tensor)


def all_finite(scalars: Any) -> Any:
    """All at once."""
    vector = scalars if torch.is_tensor(scalars) else _vector(scalars)
    return torch.isfinite(vector).all()


def all_hold(conditions: Any) -> Any:
    """All at once."""
    vector = conditions if torch.is_tensor(conditions) else torch.stack(list(conditions))
    return vector.all()


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


def trace_of(tensor: Any) -> None:
    """Nothing is traced."""


def goes_on(trace: Any) -> bool:
    """There is nothing else."""
    return True


def numbers(values: Sequence[Any], blocks: Sequence[Sequence[Any]]) -> Any:
    """A vector."""
    if torch.is_tensor(values[0]):
        return _vector(values)
    dtypes = {tensor.dtype for block in blocks for tensor in block}
    widest = functools.reduce(torch.promote_types, dtypes, torch.float32)
    return torch.tensor(values, dtype=widest, device=blocks[0][0].device)


def each(formula: Callable[..., Any], *numbers: Any) -> Any:
    """All at once."""
    return formula(*numbers)


def first(blocks: Sequence[Sequence[Any]]) -> Any:
    """A vector."""
    return _vector([_wide(block[0]).reshape(-1)[0] for block in blocks])


def sums(function: Callable[..., Any], blocks: Sequence[Sequence[Any]], *numbers: Any) -> Any:
    """Tensor by tensor."""
    of_tensors = (_for_all(blocks, vector) for vector in numbers)
    sums = [
        function(*arguments).sum() for arguments in zip(_all_of(blocks), *of_tensors, strict=True)
    ]
    return _of_blocks(torch.sum, sums, blocks)


def sums_of_squares(blocks: Sequence[Sequence[Any]]) -> Any:
    """Products of flat tensors with themselves; norms of many elements would be less exact."""
    flat = _flat(blocks)
    return _products(blocks, flat, flat)


def dots(blocks: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]]) -> Any:
    """One product for each pair."""
    return _products(blocks, _flat(blocks), _flat(others))


def dot(tensors: Sequence[Any], others: Sequence[Any]) -> Any:
    """One product for each pair."""
    return dots([tensors], [others])[0]


def _flat(blocks: Sequence[Sequence[Any]]) -> list[Any]:
    return [tensor.reshape(-1) for tensor in _all_of(blocks)]


def _products(blocks: Sequence[Sequence[Any]], flat: list[Any], others: list[Any]) -> Any:
    return _of_blocks(torch.sum, list(map(torch.dot, flat, others)), blocks)


def largest(blocks: Sequence[Sequence[Any]]) -> Any:
    """From the ends of the range of each tensor, which need no copy for the magnitudes."""
    ends = [torch.stack(torch.aminmax(tensor)).abs().amax() for tensor in _all_of(blocks)]
    return _of_blocks(torch.amax, ends, blocks)


def smallest(blocks: Sequence[Sequence[Any]]) -> Any:
    """Tensor by tensor."""
    return _of_blocks(torch.amin, [tensor.abs().amin() for tensor in _all_of(blocks)], blocks)


def _all_of(blocks: Sequence[Sequence[Any]]) -> list[Any]:
    return [_wide(tensor) for block in blocks for tensor in block]


def _of_blocks(reduce: Callable, scalars: Sequence[Any], blocks: Sequence[Sequence[Any]]) -> Any:
    """A vector of a reduction of every block, from those of all tensors in turn."""
    vector = _vector(scalars)
    lengths = [len(block) for block in blocks]
    if max(lengths) == 1:
        return vector
    return torch.stack([reduce(part) for part in vector.split(lengths)])


def _vector(scalars: Sequence[Any]) -> Any:
    """In the widest of their dtypes."""
    widest = functools.reduce(torch.promote_types, {scalar.dtype for scalar in scalars})
    return torch.stack([scalar.to(widest) for scalar in scalars])


def sums_of_squares_of_units(tensor: Any) -> Any:
    """The plain formula."""
    axes = tuple(range(max(1, tensor.ndim - 1)))[: tensor.ndim]
    return _wide(tensor).square().sum(axes, keepdim=True)


def _wide(tensor: Any) -> Any:
    return tensor if tensor.dtype == torch.float32 else tensor.to(_wide_dtype(tensor))


def _wide_dtype(tensor: Any) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)


def scaled(blocks: Sequence[Sequence[Any]], factors: Any) -> list[list[Any]]:
    """All at once."""
    products = torch._foreach_mul(_all_of(blocks), _for_all(blocks, factors))
    return _like(blocks, _as(products, [tensor for block in blocks for tensor in block]))


def scaled_unless(
    unscaled: Any, blocks: Sequence[Sequence[Any]], factors: Any
) -> Sequence[Sequence[Any]]:
    """Decided in Python."""
    if unscaled:
        return blocks
    return [
        [(_wide(tensor) * factor).to(tensor.dtype) for tensor in block]
        for block, factor in zip(blocks, factors, strict=True)
    ]


def scaled_where(
    chosen: Any,
    blocks: Sequence[Sequence[Any]],
    factors: Any,
    others: Sequence[Sequence[Any]],
) -> list[list[Any]]:
    """Decided in Python."""
    choices = chosen.tolist()
    if not any(choices):
        return list(others)
    products = iter(scaled(list(itertools.compress(blocks, choices)), factors[chosen]))
    return [
        next(products) if choice else other for choice, other in zip(choices, others, strict=True)
    ]


def _for_all(blocks: Sequence[Sequence[Any]], vector: Any) -> list[Any]:
    """For each tensor the number of its block."""
    return [number for number, block in zip(vector.unbind(), blocks, strict=True) for _ in block]


def _like(blocks: Sequence[Sequence[Any]], tensors: Sequence[Any]) -> list[list[Any]]:
    """The tensors in as many blocks."""
    rest = iter(tensors)
    return [list(itertools.islice(rest, len(block))) for block in blocks]


def _as(results: Sequence[Any], tensors: Sequence[Any]) -> list[Any]:
    """The results in the dtypes of the tensors."""
    return [
        result if result.dtype == tensor.dtype else result.to(tensor.dtype)
        for result, tensor in zip(results, tensors, strict=True)
    ]


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
    """These optimizers add to the weights without reading them: to zeros they add the step.

    The weights themselves stay in place, for other threads may be computing with them.
    """

    def update_zeros(gradients: Any, variables: Any, learning_rate: Any) -> None:
        stand_ins = [_StandIn(variable) for variable in variables]
        index_of = keras_private.index_look_up(optimizer, _StandIn.for_which)
        with replaced(optimizer, **{keras_private.VARIABLE_INDEX: index_of}):
            update(gradients, stand_ins, learning_rate)
        for variable, stand_in in zip(variables, stand_ins, strict=True):
            steps[local_key(variable)] = stand_in.value

    with replaced(optimizer, **{keras_private.PARALLEL_UPDATE_STEP: update_zeros}):
        yield


class _StandIn:
    """Zeros in the place of a variable's value; all else is the variable's."""

    def __init__(self, variable: Any) -> None:
        self._variable = variable
        self.value = torch.zeros_like(variable.value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._variable, name)

    @staticmethod
    def for_which(variable: Any) -> Any:
        """The variable that it stands for, or the variable itself."""
        return variable._variable if isinstance(variable, _StandIn) else variable


def uncompiled(function: Callable) -> Callable:
    """The function with a graph break around it: torch.compile mistakes methods that stand in."""
    return torch.compiler.disable(function)


def compiled(function: Callable, wanted: Callable[[], bool]) -> Callable:
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
    return _as(torch._foreach_mul([_wide(tensor) for tensor in tensors], scale), tensors)


@torch.no_grad()
def downhill(steps: Sequence[Any], gradients: Sequence[Any], least_kept: float) -> list[Any]:
    """Products with 0 or 1, and selections only where those are not finite."""
    results = [_empty_like(step) for step in steps]
    counts, sums = [], []
    for kept, step, gradient in _in_cache(results, steps, gradients):
        torch.sign(step, out=kept).mul_(gradient)  # the product itself could underflow
        counts.append(kept.lt_(0).sum(dtype=_wide_dtype(kept)))
        sums.append(kept.mul_(step).sum())
    scales = [
        step.numel() / (max(count, least_kept * step.numel()) or 1)
        for step, count in zip(steps, _summed(counts, steps), strict=True)
    ]
    if all_finite(sums):
        torch._foreach_mul_(results, scales)
        return results
    return [
        torch.where(torch.sign(step) * gradient < 0, step * scale, 0)
        for step, gradient, scale in zip(steps, gradients, scales, strict=True)
    ]


def _empty_like(tensor: Any) -> Any:
    """Of the same shape, in one piece of memory, whatever the tensor is a part of."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)


PIECE = 2**18  # elements, of which a few fit into a processor's cache


def _pieces(tensor: Any) -> Sequence[Any]:
    """The flat tensor, in pieces for which several operations are faster than one by one."""
    flat = tensor.reshape(-1)
    return flat.split(PIECE) if flat.numel() > PIECE and not flat.is_cuda else [flat]


def _in_cache(*lists: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The pieces of the tensors that stand in one place of the lists, place after place."""
    for tensors in zip(*lists, strict=True):
        yield from zip(*map(_pieces, tensors), strict=True)


def _summed(numbers: Sequence[Any], tensors: Sequence[Any]) -> list[float]:
    """The sum for each tensor of the numbers for its pieces."""
    rest = iter(torch.stack(list(numbers)).tolist())
    return [sum(itertools.islice(rest, len(_pieces(tensor)))) for tensor in tensors]


@torch.no_grad()
def update_averages(averages: Sequence[Any], tensors: Sequence[Any], decay: float) -> list[Any]:
    """In one pass."""
    values = _values(averages)
    torch._foreach_lerp_(values, _as(tensors, values), 1 - decay)
    return values


@torch.no_grad()
def blend(averages: Sequence[Any], targets: Sequence[Any], decay: Any) -> None:
    """In one pass, which is exact where the interface asks for it."""
    if not averages:
        return  # PyTorch has no such functions of empty lists
    values, ends = _values(averages), _values(targets)
    if not _are_finite(ends):
        ends = [
            torch.where(torch.isfinite(end), end, value)
            for end, value in zip(ends, values, strict=True)
        ]
    torch._foreach_lerp_(values, _as(ends, values), 1 - float(decay))


@torch.no_grad()
def accumulate(sums: Sequence[Any], tensors: Sequence[Any], decay: float) -> list[Any]:
    """In place."""
    values = _values(sums)
    if _are_finite(tensors):
        torch._foreach_mul_(values, decay)
        torch._foreach_add_(values, list(tensors))
        return values
    for value, tensor in zip(values, tensors, strict=True):
        value.copy_(torch.where(torch.isfinite(tensor), decay * value + tensor, value))
    return values


def _values(variables: Sequence[Any]) -> list[Any]:
    return [getattr(variable, "value", variable) for variable in variables]


def _are_finite(tensors: Sequence[Any]) -> Any:
    """Whether all elements are; where large ones have a sum that is not, the answer is no."""
    return all_finite([tensor.sum() for tensor in tensors])


@torch.no_grad()
def add_scaled(tensors: Sequence[Any], others: Sequence[Any], scale: float) -> list[Any]:
    """For all at once."""
    return list(torch._foreach_add(list(tensors), list(others), alpha=scale))


@torch.no_grad()
def copy(variables: Sequence[Any], sources: Sequence[Any]) -> None:
    """For all at once, in place."""
    if variables:
        torch._foreach_copy_(_values(variables), _values(sources))


def start_at(variables: Sequence[Any], sources: Sequence[Any]) -> bool:
    """There are no graphs."""
    copy(variables, sources)
    return True


def without_gradients() -> AbstractContextManager:
    """Where PyTorch records nothing."""
    return torch.no_grad()


_WHOLE_NUMBERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


@torch.compiler.disable
@torch.no_grad()
def thinned(tensors: Sequence[Any], keep: float, seed: Any) -> list[Any]:
    """As few random bits as the probability needs, of which PyTorch draws 64 the fastest.

    With 16 bits, it is rounded up or down at random, so that it is right on average.
    """
    generator, rounding = _generator(seed, tensors)
    width = 8 if (keep * 2**8).is_integer() else 16
    below = math.floor(keep * 2**width + rounding) - 2 ** (width - 1)
    results = [_empty_like(tensor) for tensor in tensors]
    for result, tensor in _in_cache(results, tensors):
        size, whole = tensor.numel(), _WHOLE_NUMBERS[tensor.element_size()]
        bits = torch.empty(-(-size * width // 64), dtype=torch.int64, device=tensor.device)
        drawn = bits.random_(-(2**63), None, generator=generator).view(_BITS[width])[:size]
        mask = drawn.lt_(below).neg_() if below < 2 ** (width - 1) else drawn.fill_(-1)
        result.view(whole).copy_(mask).bitwise_and_(tensor.view(whole))
    return results


_BITS = {8: torch.int8, 16: torch.int16}


@torch.compiler.disable
@torch.no_grad()
def with_noise(tensors: Sequence[Any], deviation: Any, seed: Any) -> list[Any]:
    """PyTorch's normal numbers."""
    generator, _ = _generator(seed, tensors)
    results = []
    for tensor in tensors:
        noise = torch.empty(tensor.shape, dtype=_wide_dtype(tensor), device=tensor.device)
        noise.normal_(generator=generator).mul_(deviation).add_(tensor)
        results.append(noise.to(tensor.dtype))
    return results


def _generator(seed: Any, tensors: Sequence[Any]) -> tuple[torch.Generator, float]:
    """A generator, and one number more, in [0, 1): PyTorch's seeds are of 32 bits."""
    words = np.random.SeedSequence([word % 2**32 for word in seed.tolist()]).generate_state(2)
    generator = torch.Generator(tensors[0].device).manual_seed(int(words[0]))
    return generator, int(words[1]) / 2**32


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
