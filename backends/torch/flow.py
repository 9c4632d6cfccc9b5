"""Control flow and state on PyTorch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np
import torch

from .. import keras_private, reference
from .parts import update_in_parts


class Flow(reference.Flow):
    """Python's own conditionals, and variables that are written in place."""

    hands_variables_on = False

    def cond(self, predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        """Uses Python's own: Keras' adds text of its own to errors that come from inside."""
        return if_true() if predicate else if_false()

    def uncompiled(self, function: Callable) -> Callable:
        """Breaks the graph around it: torch.compile mistakes methods that stand in."""
        return torch.compiler.disable(function)

    def without_gradients(self) -> AbstractContextManager:
        """Has PyTorch record nothing."""
        return torch.no_grad()

    def save_memory(self, optimizer: Any) -> None:
        """Has those of Keras that update all variables at once do it in parts."""
        if keras_private.parallel_update_step(optimizer) is not None:
            keras_private.replace_parallel_update_step(optimizer, update_in_parts)

    def captured(
        self, optimizer: Any, steps: dict[Any, Any], wanted: Container[Any] | None = None
    ) -> AbstractContextManager[None]:
        """Gives Keras' optimizers that write past `assign*` zeros for weights."""
        update = keras_private.parallel_update_step(optimizer)
        if update is None:
            return super().captured(optimizer, steps, wanted)
        return self._captured_on_zeros(optimizer, update, steps, wanted)

    @contextlib.contextmanager
    def _captured_on_zeros(
        self, optimizer: Any, update: Any, steps: dict[Any, Any], wanted: Container[Any] | None
    ) -> Iterator[None]:
        """These optimizers add to the weights without reading them: to zeros they add the step.

        The weights themselves stay in place, for other threads may be computing with them.
        """

        def stand_in_of(variable: Any, value: Any) -> Any:
            is_wanted = wanted is None or self.replicas.local_key(variable) in wanted
            return _StandIn(variable, value) if is_wanted else variable

        def update_zeros(gradients: Any, variables: Any, learning_rate: Any) -> None:
            values = self.values(variables)
            stand_ins = [stand_in_of(*pair) for pair in zip(variables, values, strict=True)]
            index_of = keras_private.index_look_up(optimizer, _StandIn.for_which)
            with self.replaced(optimizer, **{keras_private.VARIABLE_INDEX: index_of}):
                update(gradients, stand_ins, learning_rate)
            for variable, stand_in in zip(variables, stand_ins, strict=True):
                if stand_in is not variable:
                    steps[self.replicas.local_key(variable)] = stand_in.value

        with self.replaced(optimizer, **{keras_private.PARALLEL_UPDATE_STEP: update_zeros}):
            yield

    def assign(self, variable: Any, value: Any) -> None:
        """Writes numbers where they are, unless Keras keeps what is written beside."""
        if torch.is_tensor(value) or keras_private.in_stateless_scope():
            super().assign(variable, value)
        elif np.ndim(value):
            self.value(variable).detach().copy_(torch.from_numpy(value))
        else:
            self.value(variable).detach().fill_(value.item())

    def value(self, variable: Any) -> Any:
        """Asks Keras for no more than that."""
        if isinstance(variable, keras.Variable):
            [variable] = keras_private.held_values([variable])
        return variable

    def values(self, variables: Sequence[Any]) -> list[Any]:
        """Return the tensors that variables hold, and tensors as they are."""
        if any(map(torch.is_tensor, variables)):
            return list(map(self.value, variables))
        return keras_private.held_values(variables)

    @torch.no_grad()
    def copy(self, variables: Sequence[Any], sources: Sequence[Any]) -> None:
        """Copies all at once, in place."""
        if variables:
            torch._foreach_copy_(self.values(variables), self.values(sources))

    def snapshot(self, variables: Sequence[Any]) -> list[Any]:
        """Leaves the parameters' gradients behind."""
        return [value.detach().clone() for value in self.values(variables)]

    def read(self, variable: Any) -> Any:
        """Has none where torch.compile is at work."""
        if torch.compiler.is_compiling():
            return None
        return self.value(variable).numpy(force=True).copy()

    def random_state(self) -> list[list[int]]:
        """Return those of the CPU, for data loaders and Dropout without a seed, and of each GPU."""
        states = torch.get_rng_state(), *torch.cuda.get_rng_state_all()
        return [state.tolist() for state in states]

    def put_random_state(self, states: list[list[int]]) -> None:
        """Puts them back."""
        of_cpu, *of_gpus = (torch.tensor(state, dtype=torch.uint8) for state in states)
        torch.set_rng_state(of_cpu)
        torch.cuda.set_rng_state_all(of_gpus)


class _StandIn:
    """Zeros in the place of a variable's value; all else is the variable's."""

    def __init__(self, variable: Any, value: Any) -> None:
        self._variable = variable
        self.value = torch.zeros_like(value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._variable, name)

    @staticmethod
    def for_which(variable: Any) -> Any:
        """Return the variable that it stands for, or the variable itself."""
        return variable._variable if isinstance(variable, _StandIn) else variable
