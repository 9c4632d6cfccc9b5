"""What a backend module must have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Backend(Protocol):
    """The functions of a backend module."""

    def dense(self, gradient: Any, variable: Any) -> Any:
        """The gradient as an ordinary tensor of the variable's shape."""

    def cond(self, predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        """The result of one of two functions that change no state, the other one not run."""

    def replicas(self) -> int:
        """How many replicas train in step, each handing its own gradients to the optimizer."""
