"""Statistics of the steps, kept on the device: what `StepMonitor` and comparisons read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..backends import kernels

Tensor = Any

_COLUMNS = ("last", "count", "sum", "least", "most")
_STATES = ("min_loss", "skipped_steps")  # of which the last value counts
_RANGES = ("effective_learning_rate",)
_EMPTY = (np.nan, 0.0, 0.0, np.inf, -np.inf)


class StepRecord:
    """For every quantity its last value, and its mean and range since `reset`.

    A value that is not finite is a last value, but takes no part in mean and range.

    Args:
        of_steps: Whether it is of gradients and steps, and not of the rest alone.
        measured: The other quantities.
    """

    def __init__(self, of_steps: bool, measured: Iterable[str]) -> None:
        self.of_steps = of_steps
        known = ("gradient_norm", "step_norm", "cosine") if of_steps else ()
        self.quantities = (*known, *measured)
        self.variable = keras.Variable(
            self._empty(), trainable=False, dtype="float32", name="step_record"
        )

    def _empty(self) -> np.ndarray:
        return np.tile(np.array(_EMPTY, "float32"), (len(self.quantities), 1))

    def reset(self) -> None:
        """Forgets all steps."""
        self.variable.assign(self._empty())

    def observe(
        self,
        gradients: Sequence[Tensor],
        steps: Sequence[Tensor],
        measured: Iterable[Tensor],
    ) -> None:
        """Enters one step.

        Args:
            gradients: The gradients as the wrapper was given them.
            steps: What was added to the weights, in the same order, if it is of steps.
            measured: The other quantities.
        """
        values = []
        if self.of_steps:
            norms = _norm(gradients), _norm(steps)
            values = [*norms, -kernels.dot(gradients, steps) / (norms[0] * norms[1])]
        last = ops.stack([ops.cast(value, "float32") for value in (*values, *measured)])
        _, count, total, least, most = ops.unstack(ops.convert_to_tensor(self.variable), axis=1)
        finite = ops.isfinite(last)
        self.variable.assign(
            ops.stack(
                [
                    last,
                    count + ops.cast(finite, "float32"),
                    total + ops.where(finite, last, ops.zeros_like(last)),
                    ops.where(finite & (last < least), last, least),
                    ops.where(finite & (last > most), last, most),
                ],
                axis=1,
            )
        )

    def last_of(self, quantity: str) -> Tensor:
        """Return the last value of a quantity, on the device."""
        return ops.convert_to_tensor(self.variable)[self.quantities.index(quantity), 0]

    def last(self) -> dict[str, float]:
        """Return the last value of every quantity."""
        return {name: row["last"] for name, row in self._rows()}

    def summary(self) -> dict[str, float]:
        """Return what stands in the logs of an epoch, of every quantity that was measured."""
        summary = {}
        for name, row in self._rows():
            if not row["count"]:
                continue
            summary[name] = row["last"] if name in _STATES else row["sum"] / row["count"]
            if name in _RANGES:
                summary[f"{name}_min"], summary[f"{name}_max"] = row["least"], row["most"]
        return summary

    def _rows(self) -> Iterator[tuple[str, dict[str, float]]]:
        table = ops.convert_to_numpy(self.variable).tolist()
        for name, row in zip(self.quantities, table, strict=True):
            yield name, dict(zip(_COLUMNS, row, strict=True))


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    return ops.sqrt(kernels.dot(tensors, tensors))
