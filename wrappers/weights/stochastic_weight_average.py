"""Stochastic weight averaging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from ... import checks
from ...backends import flow, kernels
from ...core.optimizer_wrapper import Tensor, Variable
from ...toolkit.slots import scalar_dtype
from ..catalogue import wrapper
from .averaged_weights import AveragedWeights


@wrapper("stochastic_weight_average", "swa", example={"average_period": 2})
class StochasticWeightAverage(AveragedWeights):
    """Averages the weights of every k-th step, and the model has the average after `fit`.

        average ← (snapshots · average + w) / (snapshots + 1)
        snapshots ← snapshots + 1
                              after steps start_averaging + 1, + 1 + k, + 1 + 2k, ...

    All snapshots weigh the same. It is meant for a learning rate that stays high, or for a
    cyclic one and its period k. Training goes on from the weights themselves, while it
    lasts; another `fit` goes on from the averages, so that steps after the last snapshot are
    lost: let each last for some periods. Before the first snapshot the weights are their own
    average. Averages have the dtypes of the weights. An element of a weight that is not
    finite leaves its average as it is.

    The moving statistics of BatchNormalization are those of the weights, not of the
    averages: use `stepwrap.callbacks.EvaluateOnAverages` with data.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        start_averaging: How many steps come before the one with the first snapshot. At
            least 0. Default: 0.
        average_period: k, in steps; at least 1. Default: 10.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If an argument is not of that kind; if it stands inside a
            wrapper that takes steps, or around one that runs on some steps only.

    References:
        Izmailov et al.: "Averaging Weights Leads to Wider Optima and Better
        Generalization", arXiv 1803.05407, Algorithm 1. The arguments are those of
        TensorFlow Addons' SWA.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        start_averaging: int = 0,
        average_period: int = 10,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.start_averaging = checks.count("start_averaging", start_averaging, least=0)
        self.average_period = checks.count("average_period", average_period)

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the averages, and the number of snapshots in them."""
        super().build(variables)
        self._snapshots = self.add_variable(
            (), initializer="zeros", dtype="int32", name="snapshots"
        )

    def after_step(self, variables: list[Variable]) -> None:
        """Takes a snapshot, if it is time."""
        averages = self._averages.of(variables)

        def take_snapshot() -> None:
            snapshots = ops.cast(self._snapshots, scalar_dtype(variables))
            kept = snapshots / (snapshots + 1)
            kept = ops.where(self.starts_anew(), ops.zeros_like(kept), kept)
            kernels.blend(averages, variables, kept)
            self._snapshots.assign(self._snapshots + ops.cast(self._is_due(), "int32"))

        read = [*averages, self._snapshots, self._held_until, self.iterations]
        due = self._is_due() | self.starts_anew()
        flow.run_if(due, take_snapshot, [*variables, *read])

    def _is_due(self) -> Tensor:
        since_start = self.iterations - 1 - self.start_averaging
        return (since_start >= 0) & ops.equal(since_start % self.average_period, 0)

    def averages_of(self, variables: Sequence[Variable]) -> list[Variable]:
        """Return the averages of these weights; before the first snapshot, the weights."""
        if flow.read(self._snapshots) == 0:
            return list(variables)
        return super().averages_of(variables)
