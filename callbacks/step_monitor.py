"""A callback that logs what the wrappers do."""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

import keras

from .. import checks
from ..core import stack
from ..core.optimizer_wrapper import OptimizerWrapper
from ..core.record import StepRecord


class StepMonitor(keras.callbacks.Callback):
    """Logs what the wrappers of the model's optimizer do, wherever they are in its stack.

    Into the logs of every epoch, so that `History`, and `CSVLogger` and `TensorBoard`
    where they stand after it in the list of callbacks, show them:

    - `gradient_norm`: the norm of the gradient, over all variables
    - `step_norm`: the norm of what was added to the weights
    - `cosine`: between the negative gradient and the step; 1 is steepest descent
    - `learning_rate`: the optimizer's, of a schedule, too; not where a wrapper sets its own,
      nor of a `MultiOptimizer`, which has several
    - `effective_learning_rate`, `effective_learning_rate_min` and `_max`: of a
      loss-based wrapper; 0 for a skipped step
    - `min_loss`, `skipped_steps`: of a loss-based wrapper, at the end of the epoch

    Norms, cosine and learning rates are means over the epoch's batches, those that are
    not finite left out. What several wrappers have is taken from the outermost of them;
    what none has is not logged. The step of a wrapper that takes steps is the one it
    makes, without decoupled weight decay; any other's is what the weights differ by
    afterwards, everything included, and 0 at a batch without a step. For an optimizer
    alone, `stepwrap.OptimizerWrapper(optimizer)` is a wrapper that changes nothing.

    While it is on, training is measured, which costs time, and the training function
    is compiled anew at the start of the first `fit`. A loss-based wrapper that makes
    no step any more raises its error at once, not only at the end of `fit`.

    Args:
        batch_log: A CSV file for the values of every batch, or of every execution if
            `steps_per_execution` is more than 1. It is overwritten; its folder must
            exist. Default: none is written.

    Raises:
        TypeError: If `batch_log` is no path.
        ValueError: If its folder does not exist; at the start of training, if the
            optimizer has no stepwrap wrapper.
    """

    def __init__(self, batch_log: str | pathlib.Path | None = None) -> None:
        super().__init__()
        self.batch_log = None if batch_log is None else checks.new_file("batch_log", batch_log)
        self._file: TextIO | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Starts the records, and the file."""
        model = self.model
        self._wrappers = [
            member for member in stack.walk(model.optimizer) if isinstance(member, OptimizerWrapper)
        ]
        if not self._wrappers:
            raise ValueError(
                "StepMonitor needs a model whose optimizer is, or holds, a stepwrap wrapper. "
                f"Received: {type(model.optimizer).__name__}. "
                "`stepwrap.OptimizerWrapper(optimizer)` makes it one that changes nothing."
            )
        before = [wrapper.step_record for wrapper in self._wrappers]
        self._records = list(_records(model.optimizer))
        if before != [wrapper.step_record for wrapper in self._wrappers]:
            model.make_train_function(force=True)
        if self.batch_log is not None:
            self._file = self.batch_log.open("w", newline="", encoding="utf-8")
            quantities = [name for record in self._records for name in record.quantities]
            self._writer = csv.DictWriter(
                self._file, ["epoch", "batch", *dict.fromkeys(quantities)]
            )
            self._writer.writeheader()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Forgets the steps of the last epoch."""
        self._epoch = epoch
        for record in self._records:
            record.reset()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the batch's row, and lets wrappers say that training stands still."""
        self.model  # noqa: B018 (on JAX it brings the state of this step into the variables)
        if self._file is not None:
            row = _outermost(record.last() for record in self._records)
            self._writer.writerow({"epoch": self._epoch, "batch": batch, **row})
        for wrapper in self._wrappers:
            wrapper.check_progress()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds to the epoch's logs."""
        if logs is not None:
            readings = _outermost(record.summary() for record in self._records)
            if "learning_rate" in logs:  # a callback that sets it has put its exact value there
                readings.pop("learning_rate", None)
            logs.update(readings)
        if self._file is not None:
            self._file.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _records(optimizer: keras.optimizers.Optimizer, outermost: bool = True) -> Iterator[StepRecord]:
    """Yield the records of the wrappers that measure anything, the outermost first."""
    if isinstance(optimizer, OptimizerWrapper):
        record = optimizer.record_steps(outermost)
        if record is not None:
            yield record
        outermost = False
    for part in stack.parts(optimizer):
        yield from _records(part, outermost)


def _outermost(readings: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return one reading of each quantity, the first there is."""
    merged: dict[str, float] = {}
    for reading in readings:
        merged = {**reading, **merged}
    return merged
