"""What depends on a list of variables alone, worked out once for it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any


class KeptFor:
    """Keeps the last result, for as long as it is asked for with the very same variables."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[Any, ...], Any, Any] = ((), None, None)

    def of(self, variables: Sequence[Any], work: Callable[[], Any], beside: Any = None) -> Any:
        """Return what `work` returns, which it is called for only with other variables.

        Args:
            variables: What the result depends on, in their order.
            work: What makes the result. If it raises, nothing is kept.
            beside: What the result depends on beside them.
        """
        kept, kept_beside, result = self._kept
        same = len(kept) == len(variables) and all(map(operator.is_, kept, variables))
        if not (kept and same and kept_beside == beside):
            result = work()
            # Holding the variables, no other one can get their identity.
            self._kept = (tuple(variables), beside, result)
        return result

    def forget(self) -> None:
        """Makes the next call work it out again."""
        self._kept = ((), None, None)
