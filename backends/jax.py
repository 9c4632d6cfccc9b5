"""JAX."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import keras
import numpy as np
from jax import numpy as jnp

from . import _assignments, _cautious, _counter_hash
from ._assignments import replaced as replaced
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
    """The gradient: JAX has no sparse ones."""
    return gradient


def sum_of_squares(tensor: Any) -> Any:
    """The plain formula, which XLA makes one pass of."""
    return jnp.sum(jnp.square(tensor))


def all_finite(scalars: Sequence[Any]) -> Any:
    """Whether every one of the scalars is finite."""
    return jnp.all(jnp.isfinite(jnp.stack(scalars)))


def cond(predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
    """A conditional under a transformation, Python's own outside of one.

    There jax.lax.cond would compile its functions anew at every call.
    """
    if isinstance(predicate, jax.core.Tracer):
        return jax.lax.cond(predicate, if_true, if_false)
    return if_true() if predicate else if_false()


def run_if(
    predicate: Any, function: Callable[..., None], variables: Sequence[Any], *tensors: Any
) -> None:
    """A conditional from the variables' values to their new ones."""
    if not isinstance(predicate, jax.core.Tracer):
        if predicate:
            function(*tensors)
        return

    def run(values: Any, tensors: Any) -> Any:
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            function(*tensors)
        return [scope.get_current_value(variable) for variable in variables]

    values = [variable.value for variable in variables]
    new_values = jax.lax.cond(predicate, run, lambda values, tensors: values, values, tensors)
    for variable, value in zip(variables, new_values, strict=True):
        variable.assign(value)


def add_up(sums: Sequence[Any], tensors: Sequence[Any], anew: Any) -> None:
    """Selects element by element, which XLA fuses with the sum."""
    for total, tensor in zip(sums, tensors, strict=True):
        total.assign(jnp.where(anew, 0, total.value) + tensor)


def once_summed(step: Callable[[list, Any], None], gradients: list, loss: Any) -> None:
    """Nothing to sum: a sharded program computes whole gradients and losses."""
    step(gradients, loss)


def captured(optimizer: Any, steps: dict[Any, Any]) -> AbstractContextManager[None]:
    """Everything goes through `assign*`."""
    return _assignments.captured(optimizer, steps, local_key, lambda variable: variable.value)


def uncompiled(function: Callable) -> Callable:
    """The function itself: tracing runs its side effects once and leaves none in the graph."""
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


def dot(tensors: Sequence[Any], others: Sequence[Any]) -> Any:
    """The plain formula, which XLA makes one pass of."""
    return sum(
        jnp.sum(_wide(tensor) * _wide(other)) for tensor, other in zip(tensors, others, strict=True)
    )


def _wide(tensor: Any) -> Any:
    return tensor.astype(jnp.promote_types(tensor.dtype, jnp.float32))


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
