"""JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax import numpy as jnp


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


def refuse_replicas(wrapper: str) -> None:
    """Nothing to refuse: a sharded program computes whole gradients."""
