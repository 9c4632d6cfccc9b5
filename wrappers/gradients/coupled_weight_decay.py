"""Weight decay as part of the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from ... import checks
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ..catalogue import wrapper


@wrapper("coupled_weight_decay", example={"rate": 0.01})
class CoupledWeightDecay(OptimizerWrapper):
    """Adds the weights to the gradient, as an L2 penalty of rate/2 · ‖w‖² in the loss would.

        g ← g + rate · w

    The inner optimizer treats the sum like any gradient: `CoupledWeightDecay(Adam(), rate)`
    is "Adam with L2", where weights with large gradients decay less. Keras' own
    `weight_decay` is decoupled: w ← w − learning rate · rate · w beside the step, which is
    SGDW, AdamW and RAdamW. Around plain SGD the two are the same. The loss that is
    reported, and that loss-based wrappers see, has no penalty in it.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        rate: How much of the weights is added, at least 0, in units of gradient per
            weight; often 1e-4.
        exclude: Patterns of the variables that do not decay, see `OptimizerWrapper`.
            Default: none.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `rate` is no number of at least 0.

    References:
        Loshchilov, Hutter: "Decoupled Weight Decay Regularization", arXiv 1711.05101,
        Algorithms 1 and 2, which have both kinds.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        rate: float,
        exclude: str | Sequence[str] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name, exclude=exclude)
        self.rate = checks.number("rate", rate, least=0)

    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the gradients with the weights' share."""
        return [
            gradient + self.rate * ops.convert_to_tensor(variable)
            for gradient, variable in zip(gradients, variables, strict=True)
        ]
