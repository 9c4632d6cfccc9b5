"""Weight decay that does not work against the step."""

from __future__ import annotations

from collections.abc import Callable

from ...backends import kernels
from ...core.optimizer_wrapper import Tensor, Variable
from ..catalogue import wrapper
from .weight_decay import WeightDecay


@wrapper("cautious_weight_decay", example={"rate": 0.1})
class CautiousWeightDecay(WeightDecay):
    """Shrinks only those elements of the weights that the step does not enlarge.

        m ← 1 where −p · w ≥ 0, else 0
        w ← w − η · rate · m ⊙ w
        w ← w + p

    p is the inner optimizer's step, η the learning rate that it has in this step; both lines
    take the weights before it. In the paper u = −p / η is the update; nothing is divided here,
    so that η may be 0. Where the step is zero, weights decay. Unlike `DecoupledWeightDecay`, it
    moves no minimum of the loss: where the two disagree, the step has its way.

    The decay is no part of the step: what stands around this wrapper, such as L4 or `TrustRatio`,
    scales the step alone, but for `LearningRateMultipliers`, `WarmUp` and `Freeze`, which scale
    both. Variables without a gradient do not decay.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        rate: At least 0; the paper has the values of decoupled decay, often 0.1 around Adam.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `rate` is no number of at least 0; if `inner_optimizer` has a
            `weight_decay` of its own, also if that is set later; when built, if a variable
            decays in a wrapper inside, too.

    References:
        Chen et al.: "Cautious Weight Decay", arXiv 2510.12402, Algorithm 1.
    """

    def take_steps(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> list[Tensor]:
        """Shrinks the weights that the steps do not enlarge, and returns these as they are."""
        rates = self.by_learning_rate(variables)
        steps = inner_steps(gradients)
        for learning_rate, weights, places in rates:
            of_weights = [steps[place] for place in places]
            kernels.decay_unless_growing(weights, of_weights, learning_rate * self.rate)
        return steps
