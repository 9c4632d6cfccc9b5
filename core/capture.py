"""Taking an optimizer's step before it is written to the weights.

New minus old weights would lose a small step to rounding: 0.1 + 1e-8 is 0.1 in
float32. So the step is taken on its way to the weights.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

import keras

from ..backends import flow, replicas
from . import stack
from .batch import Batch

Tensor = Any
Variable = Any
Optimizer = keras.optimizers.Optimizer


@flow.uncompiled
def proposed_steps(
    optimizer: Optimizer, batch: Batch, variables: Sequence[Variable]
) -> dict[Any, Tensor]:
    """Runs the optimizer up to the write, and gives what it would add to the variables.

    The optimizer's own state advances, and decoupled weight decay, which is no part
    of the step, reaches the variables. Constraints are left to whoever writes the step.

    Args:
        optimizer: The optimizer.
        batch: The step.
        variables: Those whose steps are wanted. To the others of the step it writes as ever.

    Returns:
        The steps by `replicas.local_key(variable)`.
    """

    def capture(run: Callable[[], None]) -> dict[Any, Tensor]:
        steps: dict[Any, Tensor] = {}
        with contextlib.ExitStack() as captures:
            captures.enter_context(_without_constraints(variables))
            for writer, written in writers(optimizer, variables):
                # All, unless some are somebody else's to write.
                wanted = None if written is batch.variables else _keys_on_replicas(written)
                if hasattr(writer, "write_steps"):
                    captures.enter_context(_captured_wrapper(writer, steps, wanted))
                else:
                    captures.enter_context(flow.captured(writer, steps, wanted))
            run()
        return steps

    def apply(tensors: list) -> None:
        stack.hand_over(optimizer, batch.carried_over(*tensors))

    return replicas.once_for_all_replicas(capture, apply, [batch.gradients, batch.loss])


def writers(
    optimizer: Optimizer, variables: Sequence[Variable]
) -> Iterator[tuple[Optimizer, Sequence[Variable]]]:
    """Yield those in a stack that write to the variables: wrappers that take steps, or leaves.

    Each comes with the variables that it may write to, the same list if that is all.
    """
    if getattr(optimizer, "takes_steps", False):
        own = optimizer.selected(variables)
        yield optimizer, own
        if len(own) == len(variables):
            return
        keys = set(map(replicas.key, own))
        variables = [one for one in variables if replicas.key(one) not in keys]
    elif not stack.parts(optimizer):
        yield optimizer, variables
    for part in stack.parts(optimizer):
        yield from writers(part, variables)


def _keys_on_replicas(variables: Sequence[Variable]) -> set[Any]:
    return {key for variable in variables for key in replicas.local_keys(variable)}


@contextlib.contextmanager
def _captured_wrapper(
    wrapper: Optimizer, steps: dict[Any, Tensor], wanted: Container[Any] | None
) -> Iterator[None]:
    write = wrapper.write_steps

    def write_steps(variables: Sequence[Variable], new_steps: Sequence[Tensor]) -> None:
        others = []
        for variable, step in zip(variables, new_steps, strict=True):
            key = replicas.local_key(variable)
            if wanted is None or key in wanted:
                steps[key] = step
            else:
                others.append((variable, step))
        if others:
            write(*map(list, zip(*others, strict=True)))

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
