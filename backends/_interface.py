"""What a backend module must have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Backend(Protocol):
    """The functions of a backend module."""

    def dense(self, gradient: Any, variable: Any) -> Any:
        """The gradient as an ordinary tensor of the variable's shape."""

    def sum_of_squares(self, tensor: Any) -> Any:
        """The sum of the squares of all elements, in the tensor's dtype, in one pass."""

    def all_finite(self, scalars: Sequence[Any]) -> Any:
        """Whether every one of the scalars is finite."""

    def cond(self, predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        """The result of one of two functions that change no state, the other one not run."""

    def refuse_replicas(self, wrapper: str) -> None:
        """Raises where several replicas hand over gradients that are not summed yet."""

    # The step of an optimizer.

    def key(self, variable: Any) -> Any:
        """What tells a variable from others, as a layer and as an optimizer knows it."""

    def replaced(self, optimizer: Any, **methods: Callable) -> AbstractContextManager[None]:
        """Has other methods stand in for those of this one optimizer."""

    def captured(self, optimizer: Any, steps: dict[Any, Any]) -> AbstractContextManager[None]:
        """Puts what an optimizer would add to each variable into `steps`, by `key`.

        The variables stay as they are.
        """

    def uncompiled(self, function: Callable) -> Callable:
        """The function, left out where a compiler would get its side effects wrong."""

    def add(self, variables: Sequence[Any], steps: Sequence[Any]) -> None:
        """Adds to each variable its step."""

    def scaled_or_zero(self, accepted: Any, tensors: Sequence[Any], scale: Any) -> list[Any]:
        """The tensors times a scalar where accepted, else zeros, whatever the tensors hold."""

    def dot(self, tensors: Sequence[Any], others: Sequence[Any]) -> Any:
        """The inner product of two lists of tensors, as a scalar of float32 or wider."""

    def update_averages(
        self, averages: Sequence[Any], tensors: Sequence[Any], decay: float
    ) -> list[Any]:
        """Each average becomes decay · average + (1 − decay) · tensor; returns the new values."""

    # State that is put back.

    def snapshot(self, variables: Sequence[Any]) -> list[Any]:
        """The values of the variables, unaffected by what is written to them later."""

    def restore_unless(
        self, accepted: Any, variables: Sequence[Any], values: Sequence[Any]
    ) -> None:
        """Puts the values back into the variables, unless accepted."""

    def read(self, variable: Any) -> Any:
        """The variable's value as a NumPy array, or None where it has none to be read."""
