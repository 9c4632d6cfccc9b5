"""L4 with momentum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from ...backends import kernels
from ...core.optimizer_wrapper import Tensor, Variable
from ...optimizers.catalogue import base_optimizer
from .arguments import with_arguments_of_rule
from .l4 import L4


@base_optimizer("l4mom")
class L4Mom(L4):
    """Descent along the averaged gradient, with the learning rate set from the loss L.

        η ← fraction · (L − minloss_factor · min_loss) / (g̃ᵀg̃ + epsilon)
        w ← w − η · g̃

    g̃ is the average of the gradient with decay 1 − 1 / gradient_time_scale, corrected
    for its start at zero. min_loss, and when no step is made: as in `L4Wrapper`.

    Args:
        fraction, minloss_factor, init_factor, minloss_forget_time, epsilon, gradient_time_scale,
            loss_floor, max_learning_rate, max_consecutive_skips: As in `L4Wrapper`, with
            its defaults.
        name: The optimizer's name. Default: made from the class name.

    Raises:
        TypeError, ValueError, RuntimeError: As `L4Wrapper`.

    References:
        Rolínek, Martius: "L4: Practical loss-based stepsize adaptation for deep
        learning", NeurIPS 2018, arXiv 1802.05074, Section 3 and Algorithm 1.
    """

    @with_arguments_of_rule
    def __init__(self, **rule: Any) -> None:
        super().__init__(keras.optimizers.SGD(1.0), **rule)  # writes the direction

    def propose(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Return the steps along the averaged gradient."""
        averages, correction = self.gradient_average.update(gradients, variables)
        return inner_steps(kernels.times(averages, 1 / correction)), averages, correction
