"""Noise in the gradients."""

from __future__ import annotations

from typing import Any

from keras import ops

from ... import checks
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...toolkit.random_numbers import RandomNumbers
from ..catalogue import wrapper


@wrapper("gradient_noise")
class GradientNoise(OptimizerWrapper):
    """Adds normal noise to every element of the gradients, less and less of it.

        g ← g + N(0, σ²),    σ² = eta / (1 + t)^gamma

    t is `iterations`, 0 at the first step.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        eta: The variance of the noise at the first step, in units of a squared gradient;
            at least 0. The paper tries 0.01, 0.3 and 1. Default: 0.3.
        gamma: How fast the variance falls; at least 0, which means not at all.
            Default: 0.55.
        seed: A whole number of at least 0 for the same noise in every run, or None for
            what `keras.utils.set_random_seed` decides. Default: None.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `eta`, `gamma` or `seed` is no number of its range.

    References:
        Neelakantan et al.: "Adding Gradient Noise Improves Learning for Very Deep
        Networks", arXiv 1511.06807, Section 3, Equation 1.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        eta: float = 0.3,
        gamma: float = 0.55,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.eta = checks.number("eta", eta, least=0)
        self.gamma = checks.number("gamma", gamma, least=0)
        self.seed = checks.seed("seed", seed)
        self._random = RandomNumbers(self.add_seed_generator(self.seed))

    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the gradients with noise."""
        step = ops.cast(self.iterations, "float32")
        deviation = ops.sqrt(self.eta / (1 + step) ** self.gamma)
        return self._random.with_noise(gradients, deviation)
