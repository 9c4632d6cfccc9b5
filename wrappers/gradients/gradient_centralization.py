"""Gradients without their mean."""

from __future__ import annotations

import math

from keras import ops

from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...normalizers import norms
from ...toolkit.slots import scalar_dtype
from ..catalogue import wrapper


@wrapper("gradient_centralization")
class GradientCentralization(OptimizerWrapper):
    """Subtracts from the gradient of each output unit its mean.

        g ← g − mean(g)    over all axes but the last, for variables of two axes or more

    Keras keeps output units last: the columns of a dense kernel, the filters of a
    convolution. Biases and other vectors stay as they are. Of a kernel with one input
    nothing of the gradient is left, and every row of an embedding moves.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        name: The wrapper's name. Default: made from the class name.

    References:
        Yong, Huang, Hua, Zhang: "Gradient Centralization: A New Optimization Technique for
        Deep Neural Networks", arXiv 2004.01461, Section 3, Equation 1.
    """

    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the gradients, centralised."""
        places = [place for place, gradient in enumerate(gradients) if len(gradient.shape) > 1]
        centralized = list(gradients)
        if places:
            seen = [gradients[place] for place in places]
            means, scales, _ = norms.measure_units(_mean_of_units, seen)
            for place, mean, scale in zip(places, means, scales, strict=True):
                gradient = gradients[place]
                centralized[place] = gradient - ops.cast(mean / scale, gradient.dtype)
        return centralized


def _mean_of_units(gradient: Tensor) -> Tensor:
    wide = ops.cast(gradient, scalar_dtype([gradient]))
    axes = tuple(range(len(gradient.shape) - 1))
    return ops.sum(wide, axis=axes, keepdims=True) / math.prod(gradient.shape[:-1])
