"""Records of the steps of a wrapper, which a `StepMonitor` reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backends import flow, kernels, replicas
from . import stack
from .batch import Batch
from .record import StepRecord

Tensor = Any


class Recorded:
    """A wrapper whose steps can be recorded; without a record that costs nothing."""

    measured: tuple[str, ...] = ()
    """Attributes that a `stepwrap.callbacks.StepMonitor` reads after every step, all scalars."""

    step_record: StepRecord | None = None
    """What a `StepMonitor` reads, once there is one."""

    def check_progress(self) -> None:
        """Raises or warns if training stands still; called where a graph cannot."""

    def record_steps(self, outermost: bool = True) -> StepRecord | None:
        """Starts a record of what it measures, if there is none yet; None if that is nothing.

        A training function made before does not know of it and must be made again.

        Args:
            outermost: Whether it is also of gradients, steps and the learning rate, which the
                wrappers inside need not measure again.
        """
        if not outermost and not self.measured:
            self.step_record = None
        elif self.step_record is None or self.step_record.of_steps != outermost:
            nominal = ["learning_rate"] if outermost and self._has_nominal_rate() else []
            with replicas.scope_of(self.iterations):
                self.step_record = StepRecord(outermost, [*self.measured, *nominal])
        return self.step_record

    def _has_nominal_rate(self) -> bool:
        """Return whether steps are made at its learning rate: no wrapper sets another one."""
        # Keras' MultiOptimizer has a learning rate in each part.
        return hasattr(self, "learning_rate") and not any(
            "effective_learning_rate" in getattr(member, "measured", ())
            for member in stack.walk(self)
        )

    def recording(self, batch: Batch, own: Batch) -> Callable[[list[Tensor] | None], None]:
        """Looks at what a step will change; returns what enters the step when it is made.

        A step that the wrapper does not take itself is what the weights differ by: taken on
        its way, it would be written with another rounding than without a record.

        Args:
            batch: The step.
            own: The same, with the places that the wrapper acts on.
        """
        record = self.step_record
        if record is None:
            return lambda steps: None
        # Now, for a schedule counts the step that is made.
        nominal = [self.learning_rate] if "learning_rate" in record.quantities else []
        # What decays beside the steps is part of what the weights differ by.
        taken = own.places if self.takes_steps and not self.decays_weights else ()
        others = tuple(place for place in batch.places if place not in taken)
        variables = batch.at(others).seen_variables
        before = flow.snapshot(variables) if record.of_steps else []

        def enter(steps: list[Tensor] | None) -> None:
            steps = list(steps or ()) if taken else []
            if before:
                steps += kernels.add_scaled(flow.snapshot(variables), before, -1.0)
            measured = [getattr(self, name) for name in self.measured]
            seen = batch.at((*taken, *others)).seen
            dense = [kernels.written_out(gradient) for gradient in seen]
            record.observe(dense, steps, [*measured, *nominal])

        return enter
