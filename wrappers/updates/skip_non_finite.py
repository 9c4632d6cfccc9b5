"""Leaving out steps that would spoil the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from ... import checks
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...core.sparse import works_on_rows
from ...toolkit.finite import all_finite
from ...toolkit.skip_tally import SkipTally
from ..catalogue import wrapper


@wrapper("skip_non_finite")
class SkipNonFinite(OptimizerWrapper):
    """Makes no step where a gradient, or the loss, holds a NaN or an infinity.

        w, inner state ← step of the inner optimizer    where all gradients and the loss are finite
        w, inner state ← w, inner state                 elsewhere, bit for bit

    Training goes on with the next batch as if the bad one did not exist; iterations,
    and with them schedules, do not count it. The loss is looked at if it is known, as
    it is in `fit`. Put it outside of wrappers with state of their own: what stands
    around it sees the gradient before it.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        max_consecutive_skips: After so many skipped steps in a row there is an error: at
            once when eager or with a `stepwrap.callbacks.StepMonitor`, at the end of
            `fit` when compiled; at least 1. Default: 100.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `max_consecutive_skips` is no whole number above 0; if
            it stands inside a wrapper that takes steps.
        RuntimeError: See `max_consecutive_skips`.

    References:
        Micikevicius et al.: "Mixed Precision Training", arXiv 1710.03740, Section 3.2,
        which leaves out steps in the same way.
    """

    measured = ("skipped_steps",)

    def __init__(
        self, inner_optimizer: Any, max_consecutive_skips: int = 100, name: str | None = None
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.max_consecutive_skips = checks.count("max_consecutive_skips", max_consecutive_skips)

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the counts."""
        super().build(variables)
        self._tally = SkipTally(
            self,
            {"not_finite": "the loss or a gradient was not finite"},
            self.max_consecutive_skips,
            "Look for the first batch whose loss or gradient is not finite, lower the learning "
            "rate, or clip the gradient with `stepwrap.ClippedOptimizer`.",
        )

    @works_on_rows
    def apply_inner(
        self, gradients: list[Tensor | None], variables: list[Variable], loss: Tensor | None
    ) -> None:
        """Runs the inner optimizer if everything is finite."""
        seen = [gradient for gradient in gradients if gradient is not None]
        if loss is not None:
            seen.append(ops.convert_to_tensor(loss))
        finite = all_finite(seen)

        def step(gradients: list[Tensor | None], loss: Tensor | None) -> None:
            super(SkipNonFinite, self).apply_inner(gradients, variables, loss)

        self.run_if(finite, step, gradients, loss)
        self._tally.count(not_finite=~finite)
        self.check_progress()

    @property
    def skipped_steps(self) -> Tensor:
        """Return how many steps left the weights as they were."""
        return self._tally.total() if self.built else ops.zeros((), "int32")

    def check_progress(self) -> None:
        """Raises if too many steps in a row were skipped; does nothing in a graph."""
        if self.built:
            self._tally.check()
