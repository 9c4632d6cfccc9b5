"""Gradients clipped by the size of the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from ... import checks
from ...backends import kernels
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...normalizers import norms
from ..catalogue import wrapper


@wrapper("adaptive_gradient_clipping")
class AdaptiveGradientClipping(OptimizerWrapper):
    """Bounds the gradient of every unit by a share of the norm of the unit's weights.

        bound ← clipping · max(‖w‖, epsilon)
        g     ← g · bound / ‖g‖    where ‖g‖ > bound
        g     ← g                  elsewhere, bit for bit

    Norms are L2, in float32 or wider. A unit is an output: w and g are a column of a dense kernel
    or a filter of a convolution, all axes but the last. Biases and other vectors, and scalars,
    are one unit each. The paper's authors leave out the last layer of a classifier:
    `exclude="logits/"`, if that is its name.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        clipping: The largest ratio of the norms of gradient and weights, above 0.
            Default: 0.01.
        epsilon: What counts as the norm of weights that are smaller, above 0, so that
            weights that start at zero can move. Default: 1e-3.
        exclude: Patterns of the variables that are not clipped, see `OptimizerWrapper`.
            Default: none.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `clipping` or `epsilon` is no number above 0.

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
        super().__init__(inner_optimizer, name=name, exclude=exclude)
        self.clipping = checks.number("clipping", clipping, above=0)
        self.epsilon = checks.number("epsilon", epsilon, above=0)

    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the gradients, clipped unit by unit."""
        weights = [ops.convert_to_tensor(variable) for variable in variables]
        # Smaller norms are below every bound, and as good as 0 beside epsilon.
        least_bound = min(1.0, self.clipping) * self.epsilon
        measured = norms.measure_units(
            _norm, [*gradients, *weights], down_to_zero=least_bound < max(norms.LEAST.values())
        )
        count = len(gradients)
        of_gradients = measured.part(0, count)
        of_weights = measured.part(count, 2 * count)
        in_range = of_gradients.in_range([[gradient] for gradient in gradients])
        return [
            self._clipped(gradient, block[0], *numbers)
            for gradient, block, *numbers in zip(
                gradients, in_range, *of_gradients[:2], *of_weights[:2], strict=True
            )
        ]

    def _clipped(
        self,
        gradient: Tensor,
        in_range: Tensor,
        norm: Tensor,
        scale: Tensor,
        weight_norm: Tensor,
        weight_scale: Tensor,
    ) -> Tensor:
        weight_norm = weight_norm / weight_scale
        least = ops.full_like(weight_norm, self.epsilon)
        bound = self.clipping * ops.where(weight_norm > least, weight_norm, least)
        exceeds = norm > bound * scale
        factor = bound / ops.where(exceeds, norm, bound)
        clipped = ops.cast(ops.cast(in_range, factor.dtype) * factor, gradient.dtype)
        return ops.where(exceeds, clipped, gradient)


def _norm(tensor: Tensor) -> Tensor:
    """Return the norm of every unit."""
    return norms.root(kernels.sums_of_squares_of_units(tensor))
