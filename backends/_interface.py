"""What a backend module must have."""

from __future__ import annotations

from typing import Any, Protocol


class Backend(Protocol):
    """The functions of a backend module."""

    def dense(self, gradient: Any, variable: Any) -> Any:
        """The gradient as an ordinary tensor of the variable's shape."""

    def replicas(self) -> int:
        """How many replicas train in step, each handing its own gradients to the optimizer."""
