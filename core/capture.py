"""Taking an optimizer's step before it is written to the weights.

New minus old weights would lose a small step to rounding: 0.1 + 1e-8 is 0.1 in
float32. So the step is taken on its way to the weights.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras

from ..backends import flow, replicas
from . import stack
from .batch import Batch

Tensor = Any
Variable = Any
Optimizer = keras.optimizers.Optimizer


@flow.uncompiled
def proposed_steps(optimizer: Optimizer, batch: Batch) -> dict[Any, Tensor]:
    """Runs the optimizer up to the write, and gives what it would add to the variables.

    The optimizer's own state advances, and decoupled weight decay, which is no part
    of the step, reaches the variables. Constraints are left to whoever writes the step.

    Returns:
        The steps by `replicas.local_key(variable)`.
    """

    def capture(run: Callable[[], None]) -> dict[Any, Tensor]:
        steps: dict[Any, Tensor] = {}
        with contextlib.ExitStack() as captures:
            captures.enter_context(_without_constraints(batch.variables))
            for writer in writers(optimizer):
                if hasattr(writer, "write_steps"):
                    captures.enter_context(_captured_wrapper(writer, steps))
                else:
                    captures.enter_context(flow.captured(writer, steps))
            run()
        return steps

    def apply(tensors: list) -> None:
        stack.hand_over(optimizer, batch.carried_over(*tensors))

    return replicas.once_for_all_replicas(capture, apply, [batch.gradients, batch.loss])


def writers(optimizer: Optimizer) -> list[Optimizer]:
    """Return those in a stack that write to the variables: wrappers that take steps, or leaves."""
    if getattr(optimizer, "takes_steps", False) or not stack.parts(optimizer):
        return [optimizer]
    return [writer for part in stack.parts(optimizer) for writer in writers(part)]


@contextlib.contextmanager
def _captured_wrapper(wrapper: Optimizer, steps: dict[Any, Tensor]) -> Iterator[None]:
    def write_steps(variables: Sequence[Variable], new_steps: Sequence[Tensor]) -> None:
        for variable, step in zip(variables, new_steps, strict=True):
            steps[replicas.local_key(variable)] = step

    with flow.replaced(wrapper, write_steps=write_steps):
        yield


@contextlib.contextmanager
def _without_constraints(variables: Sequence[Variable]) -> Iterator[None]:
    constrained = [
        (variable, variable.constraint)
        for variable in variables
        if isinstance(variable, keras.Variable) and variable.constraint is not None
    ]
    for variable, _ in constrained:
        variable.constraint = None
    try:
        yield
    finally:
        for variable, constraint in constrained:
            variable.constraint = constraint
