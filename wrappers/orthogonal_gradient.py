"""Gradients at right angles to the weights."""

from __future__ import annotations

import math

import numpy as np
from keras import ops

from ..backends import current as backend
from .catalogue import wrapper
from .optimizer_wrapper import OptimizerWrapper, Tensor, Variable


@wrapper("orthogonal_gradient")
class OrthogonalGradient(OptimizerWrapper):
    """Removes the part of the gradient along the weights, and restores the gradient's norm.

        g⊥ ← g − (w·g / w·w) w
        g  ← g⊥ ‖g‖ / ‖g⊥‖

    for every variable by itself, so that training does not merely scale the weights up.
    A gradient along the weights, up to rounding, becomes zero. Variables of one element,
    which have no other direction, and gradients of zero weights stay as they are, and so do
    gradients that are not finite or so large that their squares are not.

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
        """The gradients, at right angles to the weights."""
        return [
            gradient
            if math.prod(gradient.shape) == 1
            else _orthogonal(gradient, ops.convert_to_tensor(variable))
            for gradient, variable in zip(gradients, variables, strict=True)
        ]


def _orthogonal(gradient: Tensor, weights: Tensor) -> Tensor:
    squared_weights = backend.dot([weights], [weights])
    along = backend.dot([weights], [gradient]) / ops.where(squared_weights > 0, squared_weights, 1)
    dtype = along.dtype
    orthogonal = ops.cast(gradient, dtype) - along * ops.cast(weights, dtype)
    norm = ops.sqrt(backend.dot([gradient], [gradient]))
    orthogonal_norm = ops.sqrt(backend.dot([orthogonal], [orthogonal]))
    # What is left of a gradient along the weights is rounding, which must not be scaled up.
    rounding = 8 * float(np.finfo(str(ops.dtype(along))).eps) * norm
    scale = norm / ops.where(orthogonal_norm > 0, orthogonal_norm, 1)
    scale = ops.where(orthogonal_norm <= rounding, 0, scale)
    turned = ops.cast(orthogonal * scale, gradient.dtype)
    return ops.where(ops.isfinite(norm) & ops.isfinite(orthogonal_norm), turned, gradient)
