"""Capturing the step of an optimizer that writes it through `assign*`, on any backend."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterator
from typing import Any

import keras
from keras import ops

Tensor = Any
Variable = Any
Optimizer = keras.optimizers.Optimizer


@contextlib.contextmanager
def replaced(optimizer: Optimizer, **methods: Callable) -> Iterator[None]:
    """Has other methods stand in for those of this one instance."""
    own = vars(optimizer)
    before = {name: own[name] for name in methods if name in own}
    own.update(methods)
    try:
        yield
    finally:
        for name in methods:
            del own[name]
        own.update(before)


@contextlib.contextmanager
def captured(
    optimizer: Optimizer,
    steps: dict[Any, Tensor],
    wanted: Container[Any] | None,
    key: Callable[[Variable], Any],
    value_of: Callable[[Variable], Tensor],
) -> Iterator[None]:
    """Puts what `update_step` would add to variables into `steps`, and leaves these as they are.

    Args:
        optimizer: The optimizer that writes.
        steps: Receives the step of each variable under its key.
        wanted: The keys of these variables, None for all.
        key: The key of a variable.
        value_of: The value of a variable, unaffected by a later write.
    """
    recorder = _Recorder(optimizer, steps, wanted, key, value_of)
    with replaced(
        optimizer,
        update_step=recorder.update_step,
        assign=recorder.assign,
        assign_add=recorder.assign_add,
        assign_sub=recorder.assign_sub,
    ):
        yield


class _Recorder:
    """The methods that stand in for those of the optimizer."""

    def __init__(
        self,
        optimizer: Optimizer,
        steps: dict,
        wanted: Container[Any] | None,
        key: Callable,
        value_of: Callable,
    ) -> None:
        self._update_step = optimizer.update_step
        self._assign = optimizer.assign
        self._assign_add = optimizer.assign_add
        self._assign_sub = optimizer.assign_sub
        self._steps = steps
        self._wanted = wanted
        self._key = key
        self._value_of = value_of
        self._variable = None  # the one that is being updated
        self._step = None

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Any) -> None:
        if self._wanted is not None and self._key(variable) not in self._wanted:
            self._update_step(gradient, variable, learning_rate)
            return
        self._variable, self._step = variable, None
        before = self._value_of(variable)
        try:
            self._update_step(gradient, variable, learning_rate)
        finally:
            self._variable = None
        if self._step is None:  # written past `assign*`: all there is left is the difference
            self._step = variable - before
            variable.assign(before)
        self._steps[self._key(variable)] = self._step

    def assign(self, variable: Variable, value: Any) -> None:
        if variable is self._variable:
            self._step = self._tensor(value) - variable
        else:
            self._assign(variable, value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        if variable is self._variable:
            value = self._tensor(value)
            self._step = value if self._step is None else self._step + value
        else:
            self._assign_add(variable, value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        if variable is self._variable:
            self.assign_add(variable, -self._tensor(value))
        else:
            self._assign_sub(variable, value)

    def _tensor(self, value: Any) -> Tensor:
        """Return a tensor: a slot, which SGD with momentum hands over, would change under us."""
        return ops.cast(ops.convert_to_tensor(value), self._variable.dtype)
