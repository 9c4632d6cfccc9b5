"""Leaving variables out of a step of which only the graph knows whether they take part.

An optimizer is told with None that a variable has no gradient, while the graph is made. Where
that is known only when the graph runs, the optimizer gets zeros, and what it would do to such a
variable and to its slots is held back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from ..backends import flow, keras_private, replicas
from . import stack
from .batch import Batch
from .capture import writers

Tensor = Any
Variable = Any
Optimizer = keras.optimizers.Optimizer


def apply_where(
    takes_part: Mapping[Any, Tensor],
    optimizer: Optimizer,
    batch: Batch,
) -> None:
    """Does a step of any optimizer, which some variables take part in only if a scalar says so.

    The others, the slots that a wrapper or an optimizer made for them, decay and constraints
    included, are left as they are. Optimizers that go past `assign*` are not seen.

    Args:
        takes_part: A boolean scalar for each variable that may be left out, by `replicas.key`.
        optimizer: The optimizer.
        batch: The step, with gradients of zeros for the variables that are left out.
    """
    uncertain = [variable for variable in batch.variables if replicas.key(variable) in takes_part]

    def hold_back(run: Callable[[], None]) -> None:
        with contextlib.ExitStack() as stand_ins:
            stand_ins.enter_context(_constrained_where(takes_part, uncertain))
            for leaf in stack.leaves(optimizer):
                stand_ins.enter_context(_written_where(takes_part, leaf, uncertain))
            for writer, _ in writers(optimizer, batch.variables):
                if hasattr(writer, "write_steps"):
                    stand_ins.enter_context(_moved_where(takes_part, writer))
            for member in stack.walk(optimizer):
                if getattr(member, "decays_weights", False):
                    stand_ins.enter_context(_decayed_where(takes_part, member))
            run()

    def apply(tensors: list) -> None:
        slots = [_slots(optimizer, variable) for variable in uncertain]
        before = [flow.snapshot(of_variable) for of_variable in slots]
        stack.hand_over(optimizer, batch.carried_over(*tensors))
        for variable, of_variable, values in zip(uncertain, slots, before, strict=True):
            if of_variable:
                accepted = takes_part[replicas.key(variable)]
                flow.restore_unless(accepted, of_variable, values)

    replicas.once_for_all_replicas(hold_back, apply, [batch.gradients, batch.loss])


def _slots(optimizer: Optimizer, variable: Variable) -> list[Variable]:
    """Return what the wrappers in a stack made for the variable, but averages of weights.

    These go on while their weight has no gradient, and what weights decay to starts for all at
    once.
    """
    return [
        slot
        for member in stack.walk(optimizer)
        if hasattr(member, "overrides")
        and not member.overrides("after_step")
        and not member.decays_weights
        for slot in member.slots_of(variable)
    ]


class _ConstraintWhere(keras.constraints.Constraint):
    """Another constraint where a scalar says so: older versions of Keras take no function."""

    def __init__(self, accepted: Tensor, constraint: Callable) -> None:
        self._accepted = accepted
        self._constraint = constraint

    def __call__(self, weights: Variable) -> Tensor:
        """Return the weights with the constraint, or as they are."""
        constrained = self._constraint(weights)
        return ops.where(self._accepted, constrained, ops.convert_to_tensor(weights))


@contextlib.contextmanager
def _constrained_where(
    takes_part: Mapping[Any, Tensor], variables: Sequence[Variable]
) -> Iterator[None]:
    constrained = [
        (variable, variable.constraint)
        for variable in variables
        if isinstance(variable, keras.Variable) and variable.constraint is not None
    ]
    for variable, constraint in constrained:
        variable.constraint = _ConstraintWhere(takes_part[replicas.key(variable)], constraint)
    try:
        yield
    finally:
        for variable, constraint in constrained:
            variable.constraint = constraint


def _moved_where(
    takes_part: Mapping[Any, Tensor], wrapper: Optimizer
) -> contextlib.AbstractContextManager[None]:
    """Has a wrapper that takes steps add nothing to variables that are left out."""
    write = wrapper.write_steps

    def write_steps(variables: Sequence[Variable], steps: Sequence[Tensor]) -> None:
        accepted = [takes_part.get(replicas.key(variable)) for variable in variables]
        write(
            variables,
            [
                step if one is None else ops.where(one, step, ops.zeros_like(step))
                for one, step in zip(accepted, steps, strict=True)
            ],
        )

    return flow.replaced(wrapper, write_steps=write_steps)


def _decayed_where(
    takes_part: Mapping[Any, Tensor], wrapper: Optimizer
) -> contextlib.AbstractContextManager[None]:
    """Has a wrapper that decays weights write nothing to variables that are left out."""

    def held_back(hook: Callable) -> Callable:
        def stand_in(*arguments: Any) -> Any:
            variables = [one for one in arguments[-1] if replicas.key(one) in takes_part]
            before = flow.snapshot(variables)
            result = hook(*arguments)
            for variable, value in zip(variables, before, strict=True):
                flow.restore_unless(takes_part[replicas.key(variable)], [variable], [value])
            return result

        return stand_in

    return flow.replaced(
        wrapper,
        before_step=held_back(wrapper.before_step),
        take_steps=held_back(wrapper.take_steps),
    )


def _written_where(
    takes_part: Mapping[Any, Tensor], leaf: Optimizer, variables: Sequence[Variable]
) -> contextlib.AbstractContextManager[None]:
    """Has an optimizer write nothing while it updates a variable that is left out."""
    known = {replicas.key(variable) for variable in keras_private.built_variables(leaf)}
    own = [variable for variable in variables if replicas.key(variable) in known]
    update = _Update(
        leaf,
        {
            keras_private.variable_index(leaf, variable): takes_part[replicas.key(variable)]
            for variable in own
        },
        # Decay has reached the weights when the update begins.
        {
            keras_private.variable_index(leaf, variable): flow.snapshot([variable])[0]
            for variable in (own if stack.decays_weights(leaf) else ())
        },
    )
    return flow.replaced(
        leaf,
        update_step=update.update_step,
        assign=update.assign,
        assign_add=update.assign_add,
        assign_sub=update.assign_sub,
    )


class _Update:
    """The methods that stand in for those of the optimizer."""

    def __init__(
        self,
        leaf: Optimizer,
        takes_part: Mapping[int, Tensor],
        before_decay: Mapping[int, Tensor],
    ) -> None:
        self._leaf = leaf
        self._update_step = leaf.update_step
        self._assign = leaf.assign
        self._assign_add = leaf.assign_add
        self._assign_sub = leaf.assign_sub
        self._takes_part = takes_part
        self._before_decay = before_decay
        self._accepted: Tensor | None = None  # whether the one being updated takes part

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Any) -> None:
        place = keras_private.variable_index(self._leaf, variable)
        accepted = self._takes_part.get(place)
        if place in self._before_decay:
            before = self._before_decay[place]
            self._assign(variable, ops.where(accepted, _tensor(variable, variable), before))
        self._accepted = accepted
        try:
            self._update_step(gradient, variable, learning_rate)
        finally:
            self._accepted = None

    def assign(self, variable: Variable, value: Any) -> None:
        if self._accepted is not None:
            old = _tensor(variable, variable)
            value = ops.where(self._accepted, _tensor(value, variable), old)
        self._assign(variable, value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        self._assign_add(variable, self._or_zero(value, variable))

    def assign_sub(self, variable: Variable, value: Any) -> None:
        self._assign_sub(variable, self._or_zero(value, variable))

    def _or_zero(self, value: Any, variable: Variable) -> Any:
        if self._accepted is None:
            return value
        value = _tensor(value, variable)
        return ops.where(self._accepted, value, ops.zeros_like(value))


def _tensor(value: Any, variable: Variable) -> Tensor:
    """Return the value as a tensor of the variable's dtype."""
    return ops.cast(ops.convert_to_tensor(value), variable.dtype)
