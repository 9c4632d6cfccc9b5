"""Counting the steps that a wrapper does not make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from ..backends import flow, kernels

Tensor = Any


class StalledError(RuntimeError):
    """Too many steps in a row were skipped."""


class SkipTally:
    """Counts how many steps were skipped, for which reasons, and how many in a row.

    Args:
        optimizer: The optimizer whose state the counts are.
        reasons: What is said of each reason in an error, by the reason's name.
        max_consecutive_skips: How many skipped steps in a row are an error.
        remedy: What to do about it.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer,
        reasons: Mapping[str, str],
        max_consecutive_skips: int,
        remedy: str,
    ) -> None:
        def counts(length: int, name: str) -> Any:
            return optimizer.add_variable((length,), initializer="zeros", dtype="int32", name=name)

        self._whose = type(optimizer).__name__
        self._reasons = dict(reasons)
        self._most = max_consecutive_skips
        self._remedy = remedy
        self._skips = counts(len(self._reasons), "skips")
        self._in_a_row = counts(2, "skips_in_a_row")  # now, most since the last error
        self.variables = (self._skips, self._in_a_row)

    def count(self, **reasons: Tensor) -> None:
        """Counts a step, skipped if one of the reasons holds."""
        given = (reasons[name] for name in self._reasons)
        skips, in_a_row = kernels.of_scalars(_counted, self._skips, self._in_a_row, *given)
        flow.assign(self._skips, skips)
        flow.assign(self._in_a_row, in_a_row)

    def total(self) -> Tensor:
        """Return how many steps were skipped."""
        return ops.sum(ops.convert_to_tensor(self._skips))

    def by_reason(self) -> dict[str, int] | None:
        """Return how many steps were skipped for each reason; None where that cannot be read."""
        skips = flow.read(self._skips)
        return None if skips is None else dict(zip(self._reasons, skips.tolist(), strict=True))

    def check(self) -> None:
        """Raises if too many steps in a row were skipped; does nothing in a graph.

        Raises:
            StalledError: After `max_consecutive_skips` skipped steps in a row.
        """
        in_a_row = flow.read(self._in_a_row)
        if in_a_row is None or in_a_row[1] < self._most:
            return
        counts = self.by_reason()
        if counts is None:
            return
        self._in_a_row.assign(np.zeros(2))  # or training could not go on
        reasons = "; ".join(
            f"{count} times {self._reasons[name]}" for name, count in counts.items() if count
        )
        raise StalledError(
            f"{self._whose} left the weights as they are for {in_a_row[1]} steps in a row "
            f"(max_consecutive_skips={self._most}). Since the start of training: {reasons}. "
            f"{self._remedy}"
        )


def _counted(numpy: Any, skips: Tensor, in_a_row: Tensor, *reasons: Tensor) -> tuple[Tensor, ...]:
    """Return the counts after a step that was skipped for one of the reasons, or for none."""
    skipped = numpy.stack([numpy.where(reason, 1, 0) for reason in reasons])
    now = (in_a_row[0] + 1) * numpy.sum(skipped)
    most = numpy.where(now > in_a_row[1], now, in_a_row[1])
    return skips + skipped, numpy.stack([now, most])
