"""Weight decay as part of the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from ... import checks
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...toolkit.exclusions import Exclusions
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
        exclude: Regular expressions, or a single one; variables in whose path, such as
            "dense/kernel", one is found do not decay. Default: none.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `rate` is no number of at least 0, or `exclude` has what is
            no regular expression. When built, warns of one that is found in no path.

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
        super().__init__(inner_optimizer, name=name)
        self.rate = checks.number("rate", rate, least=0)
        self.exclude = checks.patterns("exclude", exclude)

    def build(self, variables: Sequence[Variable]) -> None:
        """Looks for the excluded variables."""
        super().build(variables)
        self._excluded = Exclusions("exclude", self.exclude, variables)

    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the gradients with the weights' share."""
        return [
            gradient if variable in self._excluded else self._with_decay(gradient, variable)
            for gradient, variable in zip(gradients, variables, strict=True)
        ]

    def _with_decay(self, gradient: Tensor, variable: Variable) -> Tensor:
        return gradient + self.rate * ops.convert_to_tensor(variable)
