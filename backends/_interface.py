"""What a backend module must have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
