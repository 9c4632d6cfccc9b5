"""One step of a wrapper: its hooks in their order, around the step of the optimizer inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import checks
from ..backends import replicas
from . import stack
from .batch import Batch, is_overwritten
from .capture import proposed_steps

Tensor = Any
Wrapper = Any  # an OptimizerWrapper, which is made of this


def step_on(wrapper: Wrapper, batch: Batch) -> None:
    """Does a step on gradients that are dense, or rows, and summed up over replicas."""
    if not batch.places:
        run_inner(wrapper, batch)
        return
    enter_into_record = wrapper.recording(batch)
    if wrapper.overrides("transform_gradients"):
        seen = batch.seen
        transformed = wrapper.transform_gradients(batch.seen, batch.seen_variables)
        checks.same_form(_named(wrapper, "transform_gradients"), transformed, seen, "gradient")
        batch = batch.replaced(transformed)
    steps = None
    if wrapper.takes_steps:
        steps = _steps(wrapper, batch)
        wrapper.write_steps(batch.seen_variables, steps)
    else:
        run_inner(wrapper, batch)
    if wrapper.overrides("after_step"):
        wrapper.after_step([one for one in batch.variables if not is_overwritten(one)])
    enter_into_record(steps)


def run_inner(wrapper: Wrapper, batch: Batch) -> None:
    """Has the optimizer inside do the step, or the wrapper decide whether it does."""
    if wrapper.overrides("apply_inner"):
        wrapper.apply_inner(batch.gradients, batch.variables, batch.loss)
    else:
        stack.hand_over(wrapper.inner_optimizer, batch)


def _steps(wrapper: Wrapper, batch: Batch) -> list[Tensor]:
    """Return what the wrapper adds to the variables that it sees."""

    def inner_steps(gradients: Sequence[Tensor]) -> list[Tensor]:
        proposed = proposed_steps(wrapper.inner_optimizer, batch.replaced(gradients))
        return [proposed[replicas.local_key(variable)] for variable in batch.seen_variables]

    steps = wrapper.take_steps(inner_steps, batch.seen, batch.seen_variables)
    hook = "take_steps" if wrapper.overrides("take_steps") else "transform_steps"
    # Of the variables' forms, which take longer to ask for.
    checks.same_form(_named(wrapper, hook), steps, batch.seen, "variable")
    return steps


def _named(wrapper: Wrapper, hook: str) -> str:
    return f"{type(wrapper).__name__}.{hook}"
