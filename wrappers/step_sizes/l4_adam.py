"""L4 with Adam's direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from ... import checks
from ...backends import kernels
from ...core.optimizer_wrapper import Tensor, Variable
from ...optimizers.catalogue import base_optimizer
from ...toolkit.slots import Slots
from .arguments import with_arguments_of_rule
from .l4 import L4


@base_optimizer("l4adam")
class L4Adam(L4):
    """Adam with the learning rate set from the loss L.

        v ← g̃ / (sqrt(s̃) + adam_epsilon)
        η ← fraction · (L − minloss_factor · min_loss) / (g̃ᵀv + epsilon)
        w ← w − η · v

    g̃ and s̃ are the averages of the gradient and of its square, with decays
    1 − 1 / gradient_time_scale and 1 − 1 / square_time_scale (Adam's beta_1 = 0.9 and
    beta_2 = 0.999), corrected for their start at zero. min_loss, and when no step is
    made: as in `L4Wrapper`.

    `L4Wrapper("adam")` differs in Keras' epsilon, 1e-7, inside the bias correction.

    Args:
        fraction, minloss_factor, init_factor, minloss_forget_time, epsilon, gradient_time_scale,
            loss_floor, max_learning_rate, max_consecutive_skips: As in `L4Wrapper`, with
            its defaults.
        square_time_scale: Over how many steps the squared gradient is averaged; at
            least 1. Default: 1000.
        adam_epsilon: Added to the root of the averaged square, in units of the
            gradient; at least 0. Default: 1e-4.
        name: The optimizer's name. Default: made from the class name.

    Raises:
        TypeError, ValueError, RuntimeError: As `L4Wrapper`.

    References:
        Rolínek, Martius: "L4: Practical loss-based stepsize adaptation for deep
        learning", NeurIPS 2018, arXiv 1802.05074, Section 3 and Algorithm 1.
        Kingma, Ba: "Adam: A Method for Stochastic Optimization", arXiv 1412.6980,
        Algorithm 1.
    """

    @with_arguments_of_rule
    def __init__(
        self, square_time_scale: float = 1000.0, adam_epsilon: float = 1e-4, **rule: Any
    ) -> None:
        super().__init__(keras.optimizers.SGD(1.0), **rule)  # writes the direction
        self.square_time_scale = checks.number("square_time_scale", square_time_scale, least=1)
        self.adam_epsilon = checks.number("adam_epsilon", adam_epsilon, least=0)

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the average of the squared gradient."""
        super().build(variables)
        self._square_averages = Slots(self, variables, "square_average")

    def propose(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Return the steps along Adam's direction, with epsilon outside the bias correction."""
        averages, correction = self.gradient_average.update(gradients, variables)
        decay = 1 - 1 / self.square_time_scale
        square_averages = kernels.update_averages(
            self._square_averages.of(variables),
            [ops.square(gradient) for gradient in gradients],
            decay,
        )
        # Factors: a division by them for each element would take more time.
        factor, square_factor = 1 / correction, 1 / self.gradient_average.correction(decay)
        direction = [
            (average * ops.cast(factor, average.dtype))
            / (ops.sqrt(square * ops.cast(square_factor, square.dtype)) + self.adam_epsilon)
            for average, square in zip(averages, square_averages, strict=True)
        ]
        return inner_steps(direction), averages, correction
