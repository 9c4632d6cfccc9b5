"""Steps as long as the weights are large."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from ... import checks
from ...backends import kernels
from ...core import stack
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...normalizers import norms
from ...toolkit.selection import VECTORS
from ...toolkit.slots import scalar, scalar_dtype
from ..catalogue import wrapper


@wrapper("trust_ratio")
class TrustRatio(OptimizerWrapper):
    """Makes the step of every variable as long as its weights, times the learning rate.

        d ← −p / learning rate + weight_decay · w
        r ← coefficient · ‖w‖ / (‖d‖ + epsilon), or 1 where ‖w‖ or ‖d‖ is 0
        w ← w − learning rate · r · d

    p is the inner optimizer's step, so that d is its direction at learning rate 1. Around
    Adam it is LAMB; around plain SGD, with a coefficient of 0.001 and `StepMomentum` around
    it, LARS, whose paper has ‖g‖ + weight_decay · ‖w‖ in place of ‖g + weight_decay · w‖.
    Those are `stepwrap.presets.lamb` and `lars`. The length that an inner optimizer, such as
    L4, gave its step is lost.

    Variables that are left out do as the inner optimizer says, without decay.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        coefficient: The length of a step at learning rate 1, as a share of the norm of the
            weights, above 0. Default: 1, as in LAMB; LARS has 0.001.
        weight_decay: How much of the weights is added to the direction, at least 0. The
            inner optimizer's own `weight_decay` is no part of its step. Default: 0.
        epsilon: Added to the norm of the direction, at least 0. Default: 0.
        exclude: Patterns of the variables that are left out, see `OptimizerWrapper`. Default:
            None, which is `stepwrap.VECTORS`, as published: biases, and scales and offsets of
            normalisations.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If a number is not in its range.

    References:
        You, Gitman, Ginsburg: "Large Batch Training of Convolutional Networks",
        arXiv 1708.03888, Section 4, Equation 6.
        You et al.: "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes",
        arXiv 1904.00962, Algorithm 2.
    """

    excluded_by_default = (VECTORS,)

    def __init__(
        self,
        inner_optimizer: Any,
        coefficient: float = 1.0,
        weight_decay: float = 0.0,
        epsilon: float = 0.0,
        exclude: str | Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name, exclude=exclude)
        self.coefficient = checks.number("coefficient", coefficient, above=0)
        self.weight_decay = checks.number("weight_decay", weight_decay, least=0)
        self.epsilon = checks.number("epsilon", epsilon, least=0)

    def build(self, variables: Sequence[Variable]) -> None:
        """Looks for the learning rate of each variable."""
        super().build(variables)
        self._leaf_of = stack.LeafOfVariable(self.inner_optimizer)

    def take_steps(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> list[Tensor]:
        """Return the steps, in proportion to the weights."""
        # A schedule is one step further once the inner optimizer has run.
        learning_rates = [self._rate_of(variable) for variable in variables]
        steps = list(inner_steps(gradients))
        # Without elements there is no norm.
        places = [place for place, one in enumerate(variables) if math.prod(one.shape)]
        if places:
            scaled = self._scaled(*_at(places, steps, learning_rates, variables))
            for place, step in zip(places, scaled, strict=True):
                steps[place] = step
        return steps

    def _rate_of(self, variable: Variable) -> Tensor:
        learning_rate = self._leaf_of[variable].learning_rate
        return scalar(ops.convert_to_tensor(learning_rate), scalar_dtype([variable]))

    def _scaled(
        self, steps: list[Tensor], learning_rates: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        weights = [ops.convert_to_tensor(variable) for variable in variables]
        if self.weight_decay:
            steps = [
                step - ops.cast(learning_rate * self.weight_decay, weight.dtype) * weight
                for step, learning_rate, weight in zip(steps, learning_rates, weights, strict=True)
            ]
        blocks = [[tensor] for tensor in (*steps, *weights)]
        measured = norms.measure(norms.l2, blocks, down_to_zero=True)
        count = len(steps)
        of_steps, of_weights = measured.part(0, count), measured.part(count, 2 * count)

        def factor(
            norm: Tensor, scale: Tensor, weight_norm: Tensor, weight_scale: Tensor, rate: Tensor
        ) -> Tensor:
            # Of the step times its scale, whose norm this is: the ratio by itself could overflow.
            length = self.coefficient * (weight_norm / weight_scale) * rate
            has_ratio = (weight_norm > 0) & (norm > 0)
            divisor = ops.where(has_ratio, norm + self.epsilon * rate * scale, ops.ones_like(norm))
            return ops.where(has_ratio, length / divisor, 1 / scale)

        blocks = blocks[:count]
        rates = kernels.numbers(learning_rates, blocks)
        factors = kernels.each(factor, *of_steps[:2], *of_weights[:2], rates)
        return [step for [step] in kernels.scaled(of_steps.in_range(blocks), factors)]


def _at(places: Sequence[int], *lists: Sequence[Any]) -> list[list[Any]]:
    """Return what stands in these places of each list."""
    return [[values[place] for place in places] for values in lists]
