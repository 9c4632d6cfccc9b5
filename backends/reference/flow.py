"""Control flow and state: conditionals, traces, what is compiled, and the values of variables."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np
from keras import ops

from . import assignments
from .replicas import Replicas


class Flow:
    """Decides what is run, and writes what is written.

    Args:
        replicas: Those of the backend.
    """

    def __init__(self, replicas: Replicas) -> None:
        self.replicas = replicas

    # Conditionals.

    hands_variables_on: bool = True
    """Return whether `run_if` has to be given the variables that its function reads or writes."""

    def cond(self, predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        """Return what one of two functions does that change no state, the other one not run."""
        return ops.cond(predicate, if_true, if_false)

    def run_if(
        self,
        predicate: Any,
        function: Callable[..., Sequence[Any] | None],
        variables: Sequence[Any],
        *tensors: Any,
        like: Sequence[Any] = (),
    ) -> Sequence[Any]:
        """Calls function(*tensors) if the predicate holds; returns what it does, or zeros.

        Args:
            predicate: The same on all replicas.
            function: What changes no state but the variables.
            variables: All that the function reads or writes.
            tensors: Lists of tensors, or single ones; what the function takes from a
                replica must come this way.
            like: Variables of the shapes and dtypes of what the function returns.
        """
        return self.cond(
            predicate,
            lambda: function(*tensors) or [],
            lambda: [ops.zeros(variable.shape, variable.dtype) for variable in like],
        )

    # What is traced: a graph, or a transformation, in which tensors are no numbers yet.

    def trace_of(self, tensor: Any) -> Any:
        """Return what the tensor, which was given here, belongs to; None when eager."""
        return None

    def goes_on(self, trace: Any) -> bool:
        """Return whether what belongs to it can be used here."""
        return True

    def of_here(self, tensors: Any) -> Any:
        """Return tensors, of a trace around this one, as tensors of this one."""
        return tensors

    def compiled(self, function: Callable, wanted: Callable[[], bool]) -> Callable:
        """Return a function of tensors that changes variables, compiled if that makes it faster.

        It is as it is where the compiler has not all that it needs, or where compilation is not
        `wanted`, which is asked only where it is possible.
        """
        return function

    def uncompiled(self, function: Callable) -> Callable:
        """Return the function, left out where a compiler would get its side effects wrong.

        Tracing, as here, runs them once, and leaves none in the graph.
        """
        return function

    def without_gradients(self) -> AbstractContextManager:
        """Return where a model that is called keeps nothing for gradients.

        It is anywhere, where gradients are asked for beforehand.
        """
        return contextlib.nullcontext()

    # The step of an optimizer.

    def save_memory(self, optimizer: Any) -> None:
        """Has an optimizer that is built need less memory in a step, to the same result."""

    def replaced(self, optimizer: Any, **methods: Callable) -> AbstractContextManager[None]:
        """Has other methods stand in for those of this one optimizer."""
        return assignments.replaced(optimizer, **methods)

    def captured(
        self, optimizer: Any, steps: dict[Any, Any], wanted: Container[Any] | None = None
    ) -> AbstractContextManager[None]:
        """Puts what an optimizer would add to each variable into `steps`, by `local_key`.

        These variables stay as they are.

        Args:
            optimizer: The optimizer.
            steps: Receives the steps.
            wanted: The keys of those whose steps are taken, None for all. It writes to others.
        """
        return assignments.captured(
            optimizer,
            steps,
            wanted,
            self.replicas.local_key,
            lambda variable: self.snapshot([variable])[0],
        )

    # State.

    def value(self, variable: Any) -> Any:
        """Return the tensor that a variable holds on this replica, or a tensor as it is."""
        return variable.value if isinstance(variable, keras.Variable) else variable

    def values(self, variables: Sequence[Any]) -> list[Any]:
        """Return the tensors that several variables hold."""
        return list(map(self.value, variables))

    def assign(self, variable: Any, value: Any) -> None:
        """Gives a variable of scalars another value, from `kernels.of_scalars`."""
        variable.assign(value)

    def write(self, variable: Any, value: Any) -> None:
        """Gives the variable another value on this replica."""
        self.replicas.local(variable).assign(value)

    def copy(self, variables: Sequence[Any], sources: Sequence[Any]) -> None:
        """Gives each variable the value of another one, without sharing memory."""
        for variable, source in zip(variables, sources, strict=True):
            self.write(variable, ops.copy(self.value(source)))

    def start_at(self, variables: Sequence[Any], sources: Sequence[Any]) -> bool:
        """Copies at once, also where a graph is built; returns False if some have no values yet."""
        self.copy(variables, sources)
        return True

    def snapshot(self, variables: Sequence[Any]) -> list[Any]:
        """Return the values of the variables, unaffected by what is written to them later."""
        return [ops.copy(self.value(variable)) for variable in variables]

    def restore_unless(
        self, accepted: Any, variables: Sequence[Any], values: Sequence[Any]
    ) -> None:
        """Puts the values back into the variables, unless accepted."""

        def restore() -> bool:
            for variable, value in zip(variables, values, strict=True):
                self.write(variable, value)
            return False

        self.cond(accepted, lambda: True, restore)

    def read(self, variable: Any) -> Any:
        """Return the variable's value as a NumPy array, or None where it has none to be read."""
        return np.array(ops.convert_to_numpy(self.value(variable)))

    # Random numbers that no variable decides on.

    def random_state(self) -> list[list[int]]:
        """Return the states of the backend's own generators that training draws from."""
        return []

    def put_random_state(self, states: list[list[int]]) -> None:
        """Goes on from what `random_state` returned."""
