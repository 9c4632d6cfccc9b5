"""JAX."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.extend
import keras
import numpy as np
from jax import numpy as jnp

from . import _assignments, _cautious, _counter_hash, _gradients
from ._assignments import replaced as replaced
from ._never_sparse import (  # noqa: F401 (part of the interface)
    is_sparse,
    rows,
    sizes_are_known,
    slices,
    written_out,
)
from ._one_replica import (  # noqa: F401 (part of the interface)
    agree,
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
    """The gradient, which JAX has no sparse ones of."""
    return _gradients.tensor(gradient, variable, jax.Array)


def all_finite(scalars: Sequence[Any]) -> Any:
    """One by one."""
    return functools.reduce(jnp.logical_and, map(jnp.isfinite, scalars))


def all_hold(conditions: Sequence[Any]) -> Any:
    """One by one."""
    return functools.reduce(jnp.logical_and, conditions)


def cond(predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
    """A conditional under a transformation, Python's own outside of one.

    There jax.lax.cond would compile its functions anew at every call.
    """
    if isinstance(predicate, jax.core.Tracer):
        return jax.lax.cond(predicate, if_true, if_false)
    return if_true() if predicate else if_false()


def run_if(
    predicate: Any,
    function: Callable[..., Sequence[Any] | None],
    variables: Sequence[Any],
    *tensors: Any,
    like: Sequence[Any] = (),
) -> Sequence[Any]:
    """A conditional from the variables' values to their new ones, and to what is returned."""
    zeros = [jnp.zeros(variable.shape, variable.dtype) for variable in like]
    if not isinstance(predicate, jax.core.Tracer):
        return (function(*tensors) or []) if predicate else zeros

    def run(values: Any, tensors: Any) -> Any:
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            results = function(*tensors) or []
        return [scope.get_current_value(variable) for variable in variables], results

    values = [variable.value for variable in variables]
    new_values, results = jax.lax.cond(
        predicate, run, lambda values, tensors: (values, zeros), values, tensors
    )
    for variable, value in zip(variables, new_values, strict=True):
        variable.assign(value)
    return results


def add_up(sums: Sequence[Any], tensors: Sequence[Any], anew: Any) -> None:
    """Selects element by element, which XLA fuses with the sum."""
    for total, tensor in zip(sums, tensors, strict=True):
        total.assign(jnp.where(anew, 0, total.value) + tensor)


def trace_of(tensor: Any) -> Any:
    """The transformation that a tensor belongs to.

    `_trace`, for no public name tells: there in every JAX, but not public.
    """
    return getattr(tensor, "_trace", None)


def goes_on(trace: Any) -> bool:
    """Looks for it among the transformations around this one.

    `parent_trace` and `EvalTrace`, the outermost one, for no public name tells: in JAX 0.10.
    Where they are not, everything counts as going on. What is eager can be used everywhere, as
    `cond` traces its functions when eager, too.
    """
    if trace is None or not hasattr(jax.extend.core, "take_current_trace"):
        return True
    with jax.extend.core.take_current_trace() as around:
        while around is not trace and hasattr(around, "parent_trace"):
            around = around.parent_trace
    return around is trace or type(around).__name__ != "EvalTrace"


def numbers(values: Sequence[Any], blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """The list: XLA makes slow code of many scalars put together."""
    return list(values)


def each(formula: Callable[..., Any], *numbers: Any) -> list[Any]:
    """Block by block."""
    return list(map(formula, *numbers))


def first(blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """Block by block."""
    return [_wide(block[0]).reshape(-1)[0] for block in blocks]


def sums(function: Callable[..., Any], blocks: Sequence[Sequence[Any]], *numbers: Any) -> list[Any]:
    """The plain formula."""
    return [
        sum(jnp.sum(function(_wide(tensor), *of_block)) for tensor in block)
        for block, *of_block in zip(blocks, *numbers, strict=True)
    ]


def sums_of_squares(blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """The inner product of each block with itself."""
    return dots(blocks, blocks)


def dots(blocks: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]]) -> list[Any]:
    """Block by block."""
    return list(map(dot, blocks, others))


def dot(tensors: Sequence[Any], others: Sequence[Any]) -> Any:
    """Products of vectors: of a sum of products, XLA may write the products out."""
    return sum(
        jnp.vdot(_wide(tensor), _wide(other)) for tensor, other in zip(tensors, others, strict=True)
    )


def largest(blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """The plain formula."""
    return _of_magnitudes(jnp.max, blocks)


def smallest(blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """The plain formula."""
    return _of_magnitudes(jnp.min, blocks)


def _of_magnitudes(reduce: Callable, blocks: Sequence[Sequence[Any]]) -> list[Any]:
    return [
        reduce(jnp.stack([reduce(jnp.abs(_wide(tensor))) for tensor in block])) for block in blocks
    ]


def scaled(blocks: Sequence[Sequence[Any]], factors: Any) -> list[list[Any]]:
    """The products, which XLA fuses with what they are for."""
    return [
        [_scaled(tensor, factor) for tensor in block]
        for block, factor in zip(blocks, factors, strict=True)
    ]


def scaled_unless(
    unscaled: Any, blocks: Sequence[Sequence[Any]], factors: Any
) -> Sequence[Sequence[Any]]:
    """The products, which XLA fuses with what they are for, unless it is known not to need them."""
    known = not isinstance(unscaled, jax.core.Tracer)
    return blocks if known and unscaled else scaled(blocks, factors)


def scaled_where(
    chosen: Any,
    blocks: Sequence[Sequence[Any]],
    factors: Any,
    others: Sequence[Sequence[Any]],
) -> list[list[Any]]:
    """Selected element by element: a factor of 1 would flush the smallest numbers to zero."""
    return [
        [jnp.where(choice, product, other) for product, other in zip(products, block, strict=True)]
        for choice, products, block in zip(chosen, scaled(blocks, factors), others, strict=True)
    ]


def sums_of_squares_of_units(tensor: Any) -> Any:
    """The plain formula."""
    axes = tuple(range(max(1, tensor.ndim - 1)))[: tensor.ndim]
    return jnp.sum(jnp.square(_wide(tensor)), axis=axes, keepdims=True)


def _wide(tensor: Any) -> Any:
    return tensor.astype(jnp.promote_types(tensor.dtype, jnp.float32))


def once_summed(step: Callable[[list, Any], None], gradients: list, loss: Any) -> None:
    """Nothing to sum: a sharded program computes whole gradients and losses."""
    step(gradients, loss)


def captured(optimizer: Any, steps: dict[Any, Any]) -> AbstractContextManager[None]:
    """Everything goes through `assign*`."""
    return _assignments.captured(optimizer, steps, local_key, lambda variable: variable.value)


def uncompiled(function: Callable) -> Callable:
    """The function itself: tracing runs its side effects once and leaves none in the graph."""
    return function


def compiled(function: Callable, wanted: Callable[[], bool]) -> Callable:
    """The function itself: whoever wants a step compiled has compiled all of it."""
    return function


def add(variables: Sequence[Any], steps: Sequence[Any]) -> None:
    """Adds to each variable its step."""
    for variable, step in zip(variables, steps, strict=True):
        variable.assign(variable.value + step)


def scaled_or_zero(accepted: Any, tensors: Sequence[Any], scale: Any) -> list[Any]:
    """Selected element by element, which XLA fuses with the write."""
    return [jnp.where(accepted, _scaled(tensor, scale), 0) for tensor in tensors]


def _scaled(tensor: Any, scale: Any) -> Any:
    return (tensor * scale).astype(tensor.dtype)


def downhill(steps: Sequence[Any], gradients: Sequence[Any], least_kept: float) -> list[Any]:
    """As XLA does it fastest."""
    return _cautious.downhill(steps, gradients, least_kept)


def update_averages(averages: Sequence[Any], tensors: Sequence[Any], decay: float) -> list[Any]:
    """The formula."""
    for average, tensor in zip(averages, tensors, strict=True):
        average.assign(decay * average.value + (1 - decay) * tensor)
    return [average.value for average in averages]


def blend(averages: Sequence[Any], targets: Sequence[Any], decay: Any) -> None:
    """The formula."""
    for average, target in zip(averages, targets, strict=True):
        target = _wide(target.value if isinstance(target, keras.Variable) else target)
        blended = target + decay * (average.value - target)
        average.assign(jnp.where(jnp.isfinite(blended), blended, average.value))


def accumulate(sums: Sequence[Any], tensors: Sequence[Any], decay: float) -> list[Any]:
    """The formula."""
    for total, tensor in zip(sums, tensors, strict=True):
        added = decay * total.value + tensor
        total.assign(jnp.where(jnp.isfinite(added), added, total.value))
    return [total.value for total in sums]


def add_scaled(tensors: Sequence[Any], others: Sequence[Any], scale: float) -> list[Any]:
    """The formula."""
    return [tensor + scale * other for tensor, other in zip(tensors, others, strict=True)]


def copy(variables: Sequence[Any], sources: Sequence[Any]) -> None:
    """Copies: a compiled step is given the memory of all variables, of each once."""
    for variable, source in zip(variables, sources, strict=True):
        variable.assign(jnp.copy(source.value))


def start_at(variables: Sequence[Any], sources: Sequence[Any]) -> bool:
    """They have values when optimizers are built."""
    copy(variables, sources)
    return True


def without_gradients() -> AbstractContextManager:
    """Anywhere: gradients are asked for beforehand."""
    return contextlib.nullcontext()


def thinned(tensors: Sequence[Any], keep: float, seed: Any) -> list[Any]:
    """Masks that XLA computes inside the loop that writes."""
    masks = _counter_hash.kept([tensor.shape for tensor in tensors], keep, seed)
    return [jnp.where(mask, tensor, 0) for tensor, mask in zip(tensors, masks, strict=True)]


def with_noise(tensors: Sequence[Any], deviation: Any, seed: Any) -> list[Any]:
    """Noise that XLA computes inside the loop that adds it."""
    noises = _counter_hash.normal([tensor.shape for tensor in tensors], seed)
    return [
        tensor + (deviation * noise).astype(tensor.dtype)
        for tensor, noise in zip(tensors, noises, strict=True)
    ]


def snapshot(variables: Sequence[Any]) -> list[Any]:
    """The arrays themselves, which never change."""
    return [variable.value for variable in variables]


def restore_unless(accepted: Any, variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Selects element by element, which XLA fuses, what has been written at all."""
    for variable, value in zip(variables, values, strict=True):
        if variable.value is not value:
            variable.assign(jnp.where(accepted, variable.value, value))


def read(variable: Any) -> Any:
    """The value, unless it is traced, or Keras' `fit` holds it, as after a step that failed."""
    try:
        value = variable.value
    except TypeError:
        return None
    return None if isinstance(value, jax.core.Tracer) else np.array(value)
