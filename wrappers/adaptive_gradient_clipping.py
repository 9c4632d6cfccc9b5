"""Gradients clipped by the size of the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from .. import checks
from ..backends import current as backend
from ..exclusions import Exclusions
from .catalogue import wrapper
from .optimizer_wrapper import OptimizerWrapper, Tensor, Variable


@wrapper("adaptive_gradient_clipping")
class AdaptiveGradientClipping(OptimizerWrapper):
    """Bounds the gradient of every unit by a share of the norm of the unit's weights.

        bound ← clipping · max(‖w‖, epsilon)
        g     ← g · bound / ‖g‖    where ‖g‖ > bound
        g     ← g                  elsewhere, bit for bit

    Norms are L2, in float32 or wider; where a norm overflows there, finite elements become 0. A
    unit is an output: w and g are a column of a dense kernel or a filter of a convolution, all
    axes but the last. Biases and other vectors, and scalars, are one unit each. The paper's
    authors leave out the last layer of a classifier: `exclude="logits/"`, if that is its name.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        clipping: The largest ratio of the norms of gradient and weights, above 0.
            Default: 0.01.
        epsilon: What counts as the norm of weights that are smaller, above 0, so that
            weights that start at zero can move. Default: 1e-3.
        exclude: Regular expressions, or a single one; variables in whose path, such as
            "dense/kernel", one is found are not clipped. Default: none.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `clipping` or `epsilon` is no number above 0, or `exclude`
            has what is no regular expression. When built, warns of one that is found in no
            path.

    References:
        Brock, De, Smith, Simonyan: "High-Performance Large-Scale Image Recognition Without
        Normalization", arXiv 2102.06171, Section 4.1, Equation 3.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        clipping: float = 0.01,
        epsilon: float = 1e-3,
        exclude: str | Sequence[str] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.clipping = checks.number("clipping", clipping, above=0)
        self.epsilon = checks.number("epsilon", epsilon, above=0)
        self.exclude = checks.patterns("exclude", exclude)

    def build(self, variables: Sequence[Variable]) -> None:
        """Looks for the excluded variables."""
        if self.built:
            return
        super().build(variables)
        self._excluded = Exclusions("exclude", self.exclude, variables)

    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """The gradients, clipped unit by unit."""
        return [
            gradient if variable in self._excluded else self._clip(gradient, variable)
            for gradient, variable in zip(gradients, variables, strict=True)
        ]

    def _clip(self, gradient: Tensor, variable: Variable) -> Tensor:
        weight_norm = ops.sqrt(backend.sums_of_squares_of_units(ops.convert_to_tensor(variable)))
        gradient_norm = ops.sqrt(backend.sums_of_squares_of_units(gradient))
        least = ops.full_like(weight_norm, self.epsilon)
        bound = self.clipping * ops.where(weight_norm > least, weight_norm, least)
        exceeds = gradient_norm > bound
        scale = bound / ops.where(exceeds, gradient_norm, bound)
        clipped = ops.cast(ops.cast(gradient, scale.dtype) * scale, gradient.dtype)
        return ops.where(exceeds, clipped, gradient)
