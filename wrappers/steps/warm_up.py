"""A learning rate that rises at the start of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from ... import checks
from ...core.optimizer_wrapper import Variable
from ..catalogue import wrapper
from .scaled_steps import Scale, ScaledSteps, as_scalar


@wrapper("warm_up", example={"steps": 4, "start": 0.25})
class WarmUp(ScaledSteps):
    """Raises the learning rate linearly at the start of training, whatever it is.

        f ← min(1, start + (1 − start) · t / steps)    t = 0, 1, 2, ... steps made before
        w ← w + f · p

    p is the inner optimizer's step, so that its learning rate, a number, a schedule or what a
    callback sets, is multiplied by f; so is its decoupled weight decay. At a start of 0 the first
    step, of t = 0, leaves the weights as they are. Momentum of the optimizer inside is of steps at
    full length, as in PyTorch, where the learning rate multiplies the velocity; in Keras' SGD a
    schedule of the learning rate enters the velocity instead. After `steps` steps nothing changes.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        steps: How many steps it takes to reach the full learning rate, at least 1.
        start: Where the factor starts, in [0, 1]. Default: 0.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `steps` is no whole number above 0, or `start` no number in
            [0, 1]; if the optimizer inside is Ftrl or ScheduleFreeAdamW, which compute weights
            from their own state.

    References:
        Goyal et al.: "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", arXiv
        1706.02677, Section 2.2, which calls it gradual warm-up.
    """

    def __init__(
        self, inner_optimizer: Any, steps: int, start: float = 0.0, name: str | None = None
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.steps = checks.count("steps", steps)
        self.start = checks.number("start", start, least=0, most=1)

    def scales(self, variables: Sequence[Variable]) -> list[Scale]:
        """Return the factor of this step, the same for all."""
        count = self.count_of_steps()
        if count is not None:
            factor = min(1.0, self.start + (1 - self.start) * count / self.steps)
        else:
            count = as_scalar(self.iterations, variables)
            factor = self.start + (1 - self.start) * count / self.steps
            factor = ops.where(count >= self.steps, ops.ones_like(factor), factor)
        return [factor] * len(variables)
