"""What every step does, recorded on the device and read now and then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..core import stack
from ..core.optimizer_wrapper import OptimizerWrapper
from ..core.sparse import works_on_rows

Tensor = Any
Variable = Any

QUANTITIES = ("loss", "learning_rate", "gradient_norm", "step_norm")
CAPACITY = 4096
LOSSES_TO_GIVE_UP = 100  # fewer may be batches that a wrapper skips


class StepTrace(OptimizerWrapper):
    """Keeps a row of `QUANTITIES` for each of the last `CAPACITY` steps, and changes nothing.

    The loss is that of the batch, before the step. The learning rate is the effective one of a
    loss-based wrapper where there is one, else the optimizer's; a `MultiOptimizer` has none. The
    norms are those of the record that the wrapper inside keeps of its step.

    Args:
        inner_optimizer: A wrapper, as `traced` makes one of every optimizer.
    """

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the table, the count of its rows so far, and the record that these are from."""
        super().build(variables)
        self._record = self.inner_optimizer.record_steps()
        self._table = self.add_variable(
            (CAPACITY, len(QUANTITIES)), initializer="zeros", dtype="float32", name="trace"
        )
        self._rows = self.add_variable((), initializer="zeros", dtype="int32", name="rows")

    @works_on_rows
    def apply_inner(
        self, gradients: list[Tensor | None], variables: list[Variable], loss: Tensor | None
    ) -> None:
        """Does the step, and copies what was recorded of it."""
        super().apply_inner(gradients, variables, loss)
        row = (
            np.nan if loss is None else loss,
            self._learning_rate_of_step(),
            self._record.last_of("gradient_norm"),
            self._record.last_of("step_norm"),
        )
        place = self._rows % CAPACITY
        self._table.assign(
            ops.slice_update(
                ops.convert_to_tensor(self._table),
                (place, ops.zeros_like(place)),
                ops.stack([ops.cast(value, "float32") for value in row])[None],
            )
        )
        self._rows.assign(self._rows + 1)

    def _learning_rate_of_step(self) -> Any:
        if "learning_rate" in self._record.quantities:
            return self._record.last_of("learning_rate")
        effective = (
            member.effective_learning_rate
            for member in stack.walk(self.inner_optimizer)
            if "effective_learning_rate" in getattr(member, "measured", ())
        )
        return next(effective, np.nan)

    def rows_from(self, start: int) -> np.ndarray:
        """Return the rows of the steps from that one on: steps × quantities."""
        if not self.built:
            return np.empty((0, len(QUANTITIES)), "float32")
        rows = int(self._rows)
        if rows - start > CAPACITY:
            raise ValueError(
                f"{rows - start} steps were made at once, of which {CAPACITY} can be recorded. "
                f"Give the model's `steps_per_execution` a value of at most {CAPACITY // 2}."
            )
        return ops.convert_to_numpy(self._table)[np.arange(start, rows) % CAPACITY]


class TraceReader(keras.callbacks.Callback):
    """Reads a trace as it fills, and stops training when the loss stays not finite."""

    def __init__(self, trace: StepTrace) -> None:
        super().__init__()
        self._trace = trace
        self._batches_unread = 0
        self._batches_of_epoch = 0
        self._rows_before = 0  # the epoch
        self.learning_rates: list[float] = []  # the mean of each epoch
        self.rows = np.empty((0, len(QUANTITIES)), "float32")

    @property
    def diverged_at(self) -> int | None:
        """Return the first of the steps since which no loss was finite, from 1; None if the last
        is.
        """
        finite = np.flatnonzero(np.isfinite(self.rows[:, QUANTITIES.index("loss")]))
        first = finite[-1] + 1 if len(finite) else 0
        return None if first == len(self.rows) else int(first) + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Reads before rows are overwritten; an execution may be of half the capacity."""
        self._batches_unread += batch + 1 - self._batches_of_epoch
        self._batches_of_epoch = batch + 1
        if self._batches_unread >= CAPACITY // 2:
            self._read()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Reads what there is."""
        self._read()
        self._batches_of_epoch = 0
        of_epoch = self.rows[self._rows_before :, QUANTITIES.index("learning_rate")]
        self.learning_rates.append(float(of_epoch.mean()) if len(of_epoch) else np.nan)
        self._rows_before = len(self.rows)

    def go_on(self, learning_rates: list[float], rows: np.ndarray) -> None:
        """Goes on from what these were at the end of an epoch."""
        self.learning_rates, self.rows = learning_rates, rows
        self._rows_before = len(rows)

    def _read(self) -> None:
        model = self.model  # on JAX this brings the state of the last step into the variables
        self.rows = np.concatenate([self.rows, self._trace.rows_from(len(self.rows))])
        self._batches_unread = 0
        if self.diverged_at and len(self.rows) >= self.diverged_at + LOSSES_TO_GIVE_UP:
            model.stop_training = True


def traced(optimizer: keras.optimizers.Optimizer) -> tuple[keras.optimizers.Optimizer, StepTrace]:
    """Return the optimizer with a trace around it, and the trace."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        # Inside it, where the loss is not scaled.
        trace = StepTrace(_with_whole_steps(optimizer.inner_optimizer))
        optimizer.inner_optimizer = trace
        return optimizer, trace
    trace = StepTrace(_with_whole_steps(optimizer))
    return trace, trace


def _with_whole_steps(optimizer: keras.optimizers.Optimizer) -> OptimizerWrapper:
    """Return the optimizer as a wrapper whose record is of all that it adds to the weights.

    That of a wrapper which takes steps is exact, but without what reaches the weights beside
    them. Any other's is what the weights differ by, which has all, but loses a step to rounding
    where the weights do: only so does the optimizer inside write as it would alone.
    """
    if not isinstance(optimizer, OptimizerWrapper):
        return OptimizerWrapper(optimizer)
    writes_more = stack.decays_weights(optimizer) or optimizer.overrides("after_step")
    return OptimizerWrapper(optimizer) if optimizer.takes_steps and writes_more else optimizer
