"""State in the dtypes of the model: a variable for each of its variables, and scalars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ..backends import flow, replicas

Variable = Any


def scalar_dtype(variables: Sequence[Variable]) -> str:
    """Return the dtype of a wrapper's scalars: float64 if a variable's is, else float32."""
    dtypes = {keras.backend.standardize_dtype(variable.dtype) for variable in variables}
    return "float64" if "float64" in dtypes else "float32"


def scalar(value: Any, dtype: str) -> Any:
    """Return a scalar tensor of that dtype."""
    if not ops.is_tensor(value):  # a plain number, which `ops.cast` would make a float32 first
        return ops.convert_to_tensor(value, dtype)
    return ops.cast(value, dtype)


class Slots:
    """State variables of the shapes and dtypes of the model's variables, zero at first.

    Args:
        optimizer: The optimizer whose state they are.
        variables: The model's variables.
        name: What they are, in the singular.
    """

    def __init__(
        self, optimizer: keras.optimizers.Optimizer, variables: Sequence[Variable], name: str
    ) -> None:
        self._slots = {
            replicas.key(variable): optimizer.add_variable_from_reference(variable, name)
            for variable in variables
        }
        self._first_values: list[Variable] = []

    def of(self, variables: Sequence[Variable]) -> list[Variable]:
        """Return the slots of these variables."""
        self._start()
        return [self._slots[replicas.key(variable)] for variable in variables]

    def values(self, variables: Sequence[Variable]) -> list[Any]:
        """Return what is in the slots of these variables, as tensors."""
        return [ops.convert_to_tensor(slot) for slot in self.of(variables)]

    def start_at(self, variables: Sequence[Variable]) -> None:
        """Gives the slots the values of the variables that they are for.

        What is made while a graph is built has no values yet: the slots get theirs when that
        graph, or the next one, looks for them.
        """
        self._first_values = list(variables)
        self._start()

    def _start(self) -> None:
        slots = [self._slots[replicas.key(variable)] for variable in self._first_values]
        if slots and flow.start_at(slots, self._first_values):
            self._first_values = []


class MadeFor:
    """Which variables of an optimizer were made for which one of the model."""

    def __init__(self) -> None:
        self._made: dict[Any, list[Variable]] = {}

    def add(self, variable: Variable, made: Variable) -> None:
        """Notes that one was made for that variable."""
        self._made.setdefault(replicas.key(variable), []).append(made)

    def of(self, variable: Variable) -> list[Variable]:
        """Return what was made for that variable."""
        return self._made.get(replicas.key(variable), [])
