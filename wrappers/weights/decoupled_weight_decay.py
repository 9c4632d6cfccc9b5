"""Weight decay beside the step."""

from __future__ import annotations

from ...backends import kernels
from ...core.optimizer_wrapper import Variable
from ..catalogue import wrapper
from .weight_decay import WeightDecay


@wrapper("decoupled_weight_decay", example={"rate": 0.1})
class DecoupledWeightDecay(WeightDecay):
    """Shrinks the weights before each step, whatever the gradient is.

        w ← w − η · rate · w
        w ← w + p

    η is the learning rate that the inner optimizer has in this step, p its step. Around Adam it
    is AdamW, around SGD with momentum SGDW: what Keras' optimizers do with `weight_decay`, and
    PyTorch's AdamW; but `exclude` is saved with the model, what `exclude_from_weight_decay` was
    told is not.

    The decay is no part of the step: what stands around this wrapper, such as L4 or `TrustRatio`,
    scales the step alone, but for `LearningRateMultipliers`, `WarmUp` and `Freeze`, which scale
    both. Variables without a gradient do not decay.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        rate: At least 0; often between 0.01 and 0.1 around Adam.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `rate` is no number of at least 0; if `inner_optimizer` has a
            `weight_decay` of its own, also if that is set later; when built, if a variable
            decays in a wrapper inside, too.

    References:
        Loshchilov, Hutter: "Decoupled Weight Decay Regularization", arXiv 1711.05101,
        Algorithms 1 and 2.
    """

    def before_step(self, variables: list[Variable]) -> None:
        """Shrinks the weights."""
        for learning_rate, weights, _ in self.by_learning_rate(variables):
            kernels.decay(weights, learning_rate * self.rate)
