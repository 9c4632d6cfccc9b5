"""What Python remembers between two lines of a step, where replicas take turns."""

from __future__ import annotations

from typing import Any

from ..backends import replicas


class ReplicaLocal:
    """A value for each replica by itself, None until it is set."""

    def __init__(self) -> None:
        self._values: dict[int, Any] = {}

    def set(self, value: Any) -> None:
        """Sets this replica's value."""
        self._values[replicas.replica()] = value

    def get(self) -> Any:
        """Return this replica's value."""
        return self._values.get(replicas.replica())

    def clear(self) -> None:
        """Forgets this replica's value."""
        self._values.pop(replicas.replica(), None)
