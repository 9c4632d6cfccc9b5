"""JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax


def dense(gradient: Any, variable: Any) -> Any:
    """The gradient: JAX has no sparse ones."""
    return gradient


def cond(predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
    """A conditional under a transformation, Python's own outside of one.

    There jax.lax.cond would compile its functions anew at every call.
    """
    if isinstance(predicate, jax.core.Tracer):
        return jax.lax.cond(predicate, if_true, if_false)
    return if_true() if predicate else if_false()


def replicas() -> int:
    """1: a sharded program computes whole gradients."""
    return 1
