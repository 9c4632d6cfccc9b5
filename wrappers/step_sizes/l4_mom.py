"""L4 with momentum."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import ops

from ...core.optimizer_wrapper import Tensor, Variable
from ...optimizers.catalogue import base_optimizer
from .l4 import L4


@base_optimizer("l4mom")
class L4Mom(L4):
    """Descent along the averaged gradient, with the learning rate set from the loss L.

        η ← fraction · (L − minloss_factor · min_loss) / (g̃ᵀg̃ + epsilon)
        w ← w − η · g̃

    g̃ is the average of the gradient with decay 1 − 1 / gradient_time_scale, corrected
    for its start at zero. min_loss, and when no step is made: as in `L4Wrapper`.

    Args:
        fraction: As in `L4Wrapper`. Default: 0.15.
        minloss_factor: As in `L4Wrapper`. Default: 0.9.
        init_factor: As in `L4Wrapper`. Default: 0.75.
        minloss_forget_time: As in `L4Wrapper`. Default: 1000.
        epsilon: As in `L4Wrapper`. Default: 1e-12.
        gradient_time_scale: As in `L4Wrapper`. Default: 10.
        loss_floor: As in `L4Wrapper`. Default: 0.
        max_learning_rate: As in `L4Wrapper`. Default: None.
        max_consecutive_skips: As in `L4Wrapper`. Default: 100.
        name: The optimizer's name. Default: made from the class name.

    Raises:
        TypeError, ValueError, RuntimeError: As `L4Wrapper`.

    References:
        Rolínek, Martius: "L4: Practical loss-based stepsize adaptation for deep
        learning", NeurIPS 2018, arXiv 1802.05074, Section 3 and Algorithm 1.
    """

    def __init__(
        self,
        fraction: float = 0.15,
        minloss_factor: float = 0.9,
        init_factor: float = 0.75,
        minloss_forget_time: float = 1000.0,
        epsilon: float = 1e-12,
        gradient_time_scale: float = 10.0,
        loss_floor: float = 0.0,
        max_learning_rate: float | None = None,
        max_consecutive_skips: int = 100,
        name: str | None = None,
    ) -> None:
        super().__init__(
            keras.optimizers.SGD(1.0),  # writes what `direction` gives
            fraction,
            minloss_factor,
            init_factor,
            minloss_forget_time,
            epsilon,
            gradient_time_scale,
            loss_floor,
            max_learning_rate,
            max_consecutive_skips,
            name,
        )

    def propose(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Along the averaged gradient."""
        averages, correction = self.gradient_average.update(gradients, variables)
        direction = [average * ops.cast(1 / correction, average.dtype) for average in averages]
        return inner_steps(direction), averages, correction
