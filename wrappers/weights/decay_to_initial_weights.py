"""Weight decay towards the weights that training starts from."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from ...backends import flow, kernels
from ...core.optimizer_wrapper import Variable
from ...toolkit.slots import Slots
from ..catalogue import wrapper
from .weight_decay import WeightDecay


@wrapper("decay_to_initial_weights", example={"rate": 0.1})
class DecayToInitialWeights(WeightDecay):
    """Takes the weights back towards those of the first step, before each step.

        w₀ ← w                          before the first step
        w ← w − η · rate · (w − w₀)
        w ← w + p

    η is the learning rate that the inner optimizer has in this step, p its step. It is for
    fine-tuning: weights that were loaded are kept where the new data does not need others. The
    paper's L2-SP is the penalty rate/2 · ‖w − w₀‖² in the loss, and so in the gradient; that the
    decay is beside the step, as in AdamW, is ours.

    w₀ are the weights of the first step, whenever they were loaded before it, one copy of the
    model's; they are saved with it, and training that is resumed goes on with the same.
    An element that is not finite then counts as 0. The decay is no part of the step: what stands
    around this wrapper, such as L4 or `TrustRatio`, scales the step alone, but for
    `LearningRateMultipliers`, `WarmUp` and `Freeze`, which scale both. Variables without a
    gradient do not decay.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        rate: At least 0; the paper's penalties are between 0.001 and 1 around SGD.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `rate` is no number of at least 0; if `inner_optimizer` has a
            `weight_decay` of its own, also if that is set later; when built, if a variable
            decays in a wrapper inside, too.

    References:
        Li, Grandvalet, Davoine: "Explicit Inductive Bias for Transfer Learning with
        Convolutional Networks", arXiv 1802.01483, Equation 2.
    """

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes room for the initial weights, which are known at the first step."""
        super().build(variables)
        self._initial = Slots(self, self.decaying, "initial")
        self._starts = self.add_variable((), initializer="zeros", dtype="int32", name="starts")

    def before_step(self, variables: list[Variable]) -> None:
        """Takes the weights back."""
        weights = self.decaying
        states = [*self._initial.of(weights), self._starts]
        flow.run_if(ops.equal(self._starts, 0), self._start, [*weights, *states])
        for learning_rate, weights, _ in self.by_learning_rate(variables):
            kernels.decay_towards(weights, self._initial.of(weights), learning_rate * self.rate)

    def _start(self) -> None:
        """Notes the weights of all variables, whether they have a gradient in this step or not."""
        weights = self.decaying
        for slot, variable in zip(self._initial.of(weights), weights, strict=True):
            weight = flow.value(variable)
            flow.write(slot, ops.where(ops.isfinite(weight), weight, ops.zeros_like(weight)))
        self._starts.assign(self._starts + 1)
