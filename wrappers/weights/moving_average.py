"""The moving average of the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from ... import checks
from ...backends import kernels
from ...core.optimizer_wrapper import Tensor, Variable
from ...toolkit.slots import scalar_dtype
from ..catalogue import wrapper
from .averaged_weights import AveragedWeights


@wrapper("moving_average", "ema", example={"average_decay": 0.5})
class MovingAverage(AveragedWeights):
    """Keeps a moving average of the weights, which the model has at the end of `fit`.

        average ← decay · average + (1 − decay) · w    after each step, with n = steps before it

        decay = 0                                                         where n < start_step
        decay = average_decay                                             elsewhere
        decay = min(average_decay, (1 + n − start_step) / (10 + n − start_step))
                                                                          with dynamic_decay

    Training goes on from the weights themselves, while it lasts; another `fit` goes on from
    the averages. `stepwrap.callbacks.EvaluateOnAverages` evaluates on the averages
    meanwhile. They have the dtypes of the weights. An element of a weight that is not finite
    leaves its average as it is.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        average_decay: At least 0, below 1. Default: 0.99.
        start_step: The first step to average over; until then the average is the weights.
            At least 0. Default: 0.
        dynamic_decay: Whether the decay grows from 0.1, so that the average forgets the
            first weights sooner. Default: False.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If an argument is not of that kind; if it stands inside a
            wrapper that takes steps, or around one that runs on some steps only.

    References:
        Polyak, Juditsky: "Acceleration of Stochastic Approximation by Averaging", 1992. The
        arguments are those of TensorFlow Addons' MovingAverage.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        average_decay: float = 0.99,
        start_step: int = 0,
        dynamic_decay: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.average_decay = checks.number("average_decay", average_decay, least=0, below=1)
        self.start_step = checks.count("start_step", start_step, least=0)
        self.dynamic_decay = checks.flag("dynamic_decay", dynamic_decay)

    def after_step(self, variables: list[Variable]) -> None:
        """Moves the averages towards the weights."""
        kernels.blend(self._averages.of(variables), variables, self._decay(variables))

    def _decay(self, variables: Sequence[Variable]) -> Tensor:
        since_start = ops.cast(self.iterations - 1 - self.start_step, scalar_dtype(variables))
        decay = ops.full((), self.average_decay, since_start.dtype)
        if self.dynamic_decay:
            growing = (1 + since_start) / (10 + since_start)
            decay = ops.where(growing < decay, growing, decay)
        anew = (since_start < 0) | self.starts_anew()
        return ops.where(anew, ops.zeros_like(decay), decay)
