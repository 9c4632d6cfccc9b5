"""Step sizes from the loss, around any optimizer."""

from __future__ import annotations

from collections.abc import Callable

from ...core.optimizer_wrapper import Tensor, Variable
from ..catalogue import wrapper
from .l4 import L4


@wrapper("l4")
class L4Wrapper(L4):
    """Sets the learning rate of any optimizer anew at every step, from the loss L.

        loss     ← L − loss_floor
        min_loss ← init_factor · loss at the first step, min(min_loss, loss) afterwards
        η        ← fraction · (loss − minloss_factor · min_loss) / (g̃ᵀv + epsilon)
        η        ← min(η, max_learning_rate)
        w        ← w − η · v
        min_loss ← (1 + 1 / minloss_forget_time) · min_loss

    v is the direction of the inner optimizer: its step at learning rate 1, with the
    sign of a descent step removed. Its own learning rate cancels out, except in
    decoupled weight decay, which is no part of the step. g̃ is the average of the
    gradient with decay 1 − 1 / gradient_time_scale, corrected for its start at zero.

    No step is made where g̃ᵀv ≤ 0, where the loss is below `loss_floor`, and where the
    loss, the sum of the gradient's squares or g̃ᵀv is not finite. Where it is the loss or
    the gradient, averages and the inner optimizer's state stay as they were, too.

    The loss comes from Keras' train step; in a loop of your own, from
    `optimizer.scale_loss(loss)` or `optimizer.apply(gradients, variables, loss=loss)`.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        fraction: How far to go towards the lowest loss at each step, if the loss were
            linear; in (0, 1]. Where the loss of batches varies much, the authors
            suggest 0.10. Default: 0.15.
        minloss_factor: What share of the lowest loss so far counts as attainable; in
            [0, 1]. Default: 0.9.
        init_factor: The first lowest loss, as a share of the first loss; in (0, 1].
            Default: 0.75.
        minloss_forget_time: After how many steps the lowest loss, if not reached again,
            has grown e-fold; at least 1. Default: 1000.
        epsilon: Added to g̃ᵀv, in units of loss per unit of learning rate; at least 0.
            Default: 1e-12.
        gradient_time_scale: Over how many steps the gradient is averaged; at least 1,
            which means not at all. Default: 10.
        loss_floor: A lower bound of the loss. Default: 0.
        max_learning_rate: The largest η, above 0, or None for no bound. Default: None.
        max_consecutive_skips: After how many steps in a row without a change of the
            weights there is an error, those apart whose gradient is zero; at least 1.
            Compiled steps cannot raise: there it comes from a
            `stepwrap.callbacks.StepMonitor`, or at the end of `fit`. Default: 100.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError: If an argument is no number.
        ValueError: If an argument is out of its range; if an inner optimizer has
            `use_ema`, `loss_scale_factor` or `gradient_accumulation_steps` set, or is a
            LossScaleOptimizer; at the first step, if no loss was given or it is no scalar.
        RuntimeError: See `max_consecutive_skips`.

    References:
        Rolínek, Martius: "L4: Practical loss-based stepsize adaptation for deep
        learning", NeurIPS 2018, arXiv 1802.05074, Section 3 and Algorithm 1.
    """

    def propose(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Return the steps of the inner optimizer, which chooses the direction, and the average."""
        steps = inner_steps(gradients)
        return steps, *self.gradient_average.update(gradients, variables)
