"""One step of a wrapper: its hooks in their order, around the step of the optimizer inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import checks
from ..backends import flow, replicas
from . import stack
from .batch import Batch, is_overwritten
from .capture import proposed_steps

Tensor = Any
Variable = Any
Wrapper = Any  # an OptimizerWrapper, which is made of this


def step_on(wrapper: Wrapper, batch: Batch) -> None:
    """Does a step on gradients that are dense, or rows, and summed up over replicas."""
    if not batch.places:
        run_inner(wrapper, batch)
        return
    own = wrapper.selected_in(batch)
    enter_into_record = wrapper.recording(batch, own)
    steps = None
    if not own.places:
        run_inner(wrapper, batch)
    else:
        if wrapper.overrides("before_step"):
            wrapper.before_step(own.seen_variables)
        if wrapper.overrides("transform_gradients"):
            own = own.replaced(_transformed(wrapper, own.seen, own.seen_variables))
        if wrapper.takes_steps:
            steps = _steps(wrapper, own, batch.places)
            wrapper.write_steps(own.seen_variables, steps)
        else:
            run_inner(wrapper, own.at(batch.places))
    if wrapper.overrides("after_step"):
        variables = wrapper.selected(batch.variables)
        if variables:
            wrapper.after_step([one for one in variables if not is_overwritten(one)])
    enter_into_record(steps)


def run_inner(wrapper: Wrapper, batch: Batch) -> None:
    """Has the optimizer inside do the step, or the wrapper decide whether it does."""
    if wrapper.overrides("apply_inner"):
        wrapper.apply_inner(batch.gradients, batch.variables, batch.loss)
    else:
        stack.hand_over(wrapper.inner_optimizer, batch)


def _transformed(
    wrapper: Wrapper, gradients: list[Tensor], variables: list[Variable]
) -> list[Tensor]:
    transformed = wrapper.transform_gradients(list(gradients), variables)
    checks.same_form(_named(wrapper, "transform_gradients"), transformed, gradients, "gradient")
    return transformed


def _steps(wrapper: Wrapper, batch: Batch, all_places: tuple[int, ...]) -> list[Tensor]:
    """Return what the wrapper adds to the variables that it sees.

    The optimizer inside, which sees those in all places, writes to the others itself.
    """
    taken = wrapper.selected(batch.variables)

    def inner_steps(gradients: Sequence[Tensor]) -> list[Tensor]:
        whole = batch.replaced(gradients).at(all_places)
        if whole.places is not batch.places:  # a hook hands on its own, to where it may call this
            whole = whole.carried_over(flow.of_here(whole.gradients), whole.loss)
        proposed = proposed_steps(wrapper.inner_optimizer, whole, taken)
        return [proposed[replicas.local_key(variable)] for variable in batch.seen_variables]

    steps = wrapper.take_steps(inner_steps, batch.seen, batch.seen_variables)
    hook = "take_steps" if wrapper.overrides("take_steps") else "transform_steps"
    # Of the variables' forms, which take longer to ask for.
    checks.same_form(_named(wrapper, hook), steps, batch.seen, "variable")
    return steps


def _named(wrapper: Wrapper, hook: str) -> str:
    return f"{type(wrapper).__name__}.{hook}"
