"""Weight decay in proportion to the square of the learning rate."""

from __future__ import annotations

from typing import Any

from ... import checks
from ...backends import kernels
from ...core.optimizer_wrapper import Variable
from ..catalogue import wrapper
from .weight_decay import WeightDecay


@wrapper("corrected_weight_decay", example={"rate": 0.1, "peak_learning_rate": 0.25})
class CorrectedWeightDecay(WeightDecay):
    """Shrinks the weights before each step, less and less as the learning rate falls.

        w ← w − η² / η_peak · rate · w
        w ← w + p

    η is the learning rate that the inner optimizer has in this step, p its step, η_peak the
    largest learning rate of the schedule: there, the decay is that of `DecoupledWeightDecay`.
    Around Adam it is AdamC. It is meant for the weights of layers before a normalisation, whose
    length does not change what the layer computes. Steps, which lengthen them, and plain decay
    balance at a length that falls with η, so that the weights shrink and their gradients grow
    towards the end of a schedule; here they balance at the same length throughout. Leave out all
    other weights, such as those of the last layer, with `exclude`, and give them a
    `DecoupledWeightDecay`.

    η_peak has to be said: the largest rate so far would be η itself during a warm-up. The decay
    is no part of the step: what stands around this wrapper, such as L4 or `TrustRatio`, scales
    the step alone, but for `LearningRateMultipliers`, `WarmUp` and `Freeze`, whose factors are
    part of η here. Variables without a gradient do not decay.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        rate: At least 0; as for decoupled decay, often between 0.01 and 0.1 around Adam.
        peak_learning_rate: η_peak, above 0.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `rate` is no number of at least 0, or `peak_learning_rate` none
            above 0; if `inner_optimizer` has a `weight_decay` of its own, also if that is set
            later; when built, if a variable decays in a wrapper inside, too.

    References:
        Defazio: "Why Gradients Rapidly Increase Near the End of Training", arXiv 2506.02285.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        rate: float,
        peak_learning_rate: float,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, rate, name=name)
        self.peak_learning_rate = checks.number("peak_learning_rate", peak_learning_rate, above=0)

    def before_step(self, variables: list[Variable]) -> None:
        """Shrinks the weights."""
        for learning_rate, weights, _ in self.by_learning_rate(variables):
            share = learning_rate / self.peak_learning_rate
            kernels.decay(weights, learning_rate * share * self.rate)
