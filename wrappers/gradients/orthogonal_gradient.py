"""Gradients at right angles to the weights."""

from __future__ import annotations

import math

import numpy as np
from keras import ops

from ...backends import kernels
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...normalizers import norms
from ..catalogue import wrapper


@wrapper("orthogonal_gradient")
class OrthogonalGradient(OptimizerWrapper):
    """Removes the part of the gradient along the weights, and restores the gradient's norm.

        g⊥ ← g − (w·g / w·w) w
        g  ← g⊥ ‖g‖ / ‖g⊥‖

    for every variable by itself, so that training does not merely scale the weights up.
    A gradient along the weights, up to rounding, becomes zero. Variables of one element,
    which have no other direction, and gradients of zero weights stay as they are, and so do
    gradients that are not finite.

    When not to use it: where weights have a size to find. A step of SGD at right angles to
    the weights makes them longer, each one, and none makes them shorter. That does no harm
    where their scale hardly changes the output, as before a normalization. But on the parabola
    ‖w − (1, −1, 1)‖² from (−1, 10, 1), where SGD(0.1) ends at the minimum, with this wrapper it
    runs away: after 100 steps the loss has risen from 125 to 2,874, with the authors' formula
    likewise. Enough `weight_decay` of the inner optimizer holds it.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        name: The wrapper's name. Default: made from the class name.

    References:
        Prieto, Barsbey, Mediano, Birdal: "Grokking at the Edge of Numerical Stability",
        arXiv 2501.04697, Section 5, which calls it ⊥Grad.
    """

    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the gradients, at right angles to the weights."""
        places = [
            place for place, gradient in enumerate(gradients) if math.prod(gradient.shape) > 1
        ]
        turned = list(gradients)
        if places:
            seen = [gradients[place] for place in places]
            weights = [ops.convert_to_tensor(variables[place]) for place in places]
            for place, gradient in zip(places, _orthogonal(seen, weights), strict=True):
                turned[place] = gradient
        return turned


def _orthogonal(gradients: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
    blocks = [[tensor] for tensor in (*gradients, *weights)]
    measured = norms.measure(norms.l2, blocks, down_to_zero=True)
    in_range = measured.in_range(blocks)
    count = len(gradients)
    of_gradients, of_weights = measured.part(0, count), measured.part(count, 2 * count)
    along = kernels.each(_along, kernels.dots(in_range[count:], in_range[:count]), of_weights.norms)
    rests = [
        [_rest(gradient, weight, one)]
        for [gradient], [weight], one in zip(in_range[:count], in_range[count:], along, strict=True)
    ]
    rest_norms = norms.l2(rests)
    factors = kernels.each(_factor, *of_gradients[:2], rest_norms)
    finite = kernels.each(_are_finite, of_gradients.norms, rest_norms)
    return [
        ops.where(is_finite, ops.cast(turned, gradient.dtype), gradient)
        for is_finite, [turned], gradient in zip(
            finite, kernels.scaled(rests, factors), gradients, strict=True
        )
    ]


def _along(product: Tensor, weight_norm: Tensor) -> Tensor:
    """Return how many times the weights the gradient has in it."""
    return product / ops.where(weight_norm > 0, ops.square(weight_norm), ops.ones_like(product))


def _rest(gradient: Tensor, weights: Tensor, along: Tensor) -> Tensor:
    """Return the gradient without that, in float32 or wider."""
    dtype = along.dtype
    return ops.cast(gradient, dtype) - along * ops.cast(weights, dtype)


def _factor(norm: Tensor, scale: Tensor, rest_norm: Tensor) -> Tensor:
    """Return what the rest is multiplied with, of a gradient that was brought into range."""
    # What is left of a gradient along the weights is rounding, which must not be scaled up.
    rounding = 8 * float(np.finfo(str(ops.dtype(norm))).eps) * norm
    is_left = rest_norm > rounding
    divisor = ops.where(is_left, rest_norm, ops.ones_like(rest_norm))
    return ops.where(is_left, norm / divisor / scale, ops.zeros_like(norm))


def _are_finite(norm: Tensor, rest_norm: Tensor) -> Tensor:
    return ops.isfinite(norm) & ops.isfinite(rest_norm)
