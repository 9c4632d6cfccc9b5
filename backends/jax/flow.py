"""Control flow and state on JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.extend
import keras
import numpy as np
from jax import numpy as jnp

from .. import reference


class Flow(reference.Flow):
    """Functions without side effects, and values that never change."""

    def cond(self, predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        """Uses a conditional under a transformation, Python's own outside of one.

        There jax.lax.cond would compile its functions anew at every call.
        """
        if isinstance(predicate, jax.core.Tracer):
            return jax.lax.cond(predicate, if_true, if_false)
        return if_true() if predicate else if_false()

    def run_if(
        self,
        predicate: Any,
        function: Callable[..., Sequence[Any] | None],
        variables: Sequence[Any],
        *tensors: Any,
        like: Sequence[Any] = (),
    ) -> Sequence[Any]:
        """Hands on the variables' values: a conditional of JAX may not write them."""
        if not isinstance(predicate, jax.core.Tracer):
            return super().run_if(predicate, function, variables, *tensors, like=like)

        def run(values: Any, tensors: Any) -> Any:
            with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
                results = function(*tensors) or []
            return [scope.get_current_value(variable) for variable in variables], results

        zeros = [jnp.zeros(variable.shape, variable.dtype) for variable in like]
        values = [variable.value for variable in variables]
        new_values, results = jax.lax.cond(
            predicate, run, lambda values, tensors: (values, zeros), values, tensors
        )
        for variable, value in zip(variables, new_values, strict=True):
            variable.assign(value)
        return results

    def trace_of(self, tensor: Any) -> Any:
        """Return the transformation that a tensor belongs to.

        `_trace`, for no public name tells: there in every JAX, but not public.
        """
        return getattr(tensor, "_trace", None)

    def goes_on(self, trace: Any) -> bool:
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

    def snapshot(self, variables: Sequence[Any]) -> list[Any]:
        """Takes no copies: arrays never change."""
        return [variable.value for variable in variables]

    def restore_unless(
        self, accepted: Any, variables: Sequence[Any], values: Sequence[Any]
    ) -> None:
        """Selects element by element, which XLA fuses, what has been written at all."""
        for variable, value in zip(variables, values, strict=True):
            if variable.value is not value:
                variable.assign(jnp.where(accepted, variable.value, value))

    def read(self, variable: Any) -> Any:
        """Has none where it is traced, or Keras' `fit` holds it, as after a step that failed."""
        try:
            value = variable.value
        except TypeError:
            return None
        return None if isinstance(value, jax.core.Tracer) else np.array(value)
