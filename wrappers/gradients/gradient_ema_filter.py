"""Gradients whose slow part is amplified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from ... import checks
from ...backends import kernels
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...toolkit.slots import Slots, scalar, scalar_dtype
from ..catalogue import wrapper


@wrapper("gradient_ema_filter")
class GradientEMAFilter(OptimizerWrapper):
    """Adds to the gradient a multiple of its moving average: Grokfast-EMA.

        μ ← g at the first step, alpha · μ + (1 − alpha) · g afterwards
        g ← g + amplification · μ

    Elements of a gradient that are not finite stay so, and do not enter the average.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        alpha: The decay of the average, in [0, 1). Default: 0.98.
        amplification: How much of the average is added, at least 0. Default: 2.0.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `alpha` or `amplification` is no number of its range.

    References:
        Lee, Kang, Kim, Lee: "Grokfast: Accelerated Grokking by Amplifying Slow Gradients",
        arXiv 2405.20233, Section 4, Algorithm 2; the first step is that of the authors' code.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        alpha: float = 0.98,
        amplification: float = 2.0,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.alpha = checks.number("alpha", alpha, least=0, below=1)
        self.amplification = checks.number("amplification", amplification, least=0)

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the averages."""
        super().build(variables)
        self._averages = Slots(self, variables, "gradient_average")

    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the gradients with their amplified averages."""
        alpha = scalar(self.alpha, scalar_dtype(gradients))
        decay = ops.where(ops.equal(self.iterations, 0), ops.zeros_like(alpha), alpha)
        kernels.blend(self._averages.of(variables), gradients, decay)
        averages = self._averages.values(variables)
        return kernels.add_scaled(gradients, averages, self.amplification)
