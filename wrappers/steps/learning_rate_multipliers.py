"""A learning rate for every variable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from ... import checks
from ...core.optimizer_wrapper import Variable
from ...toolkit.by_path import ByPath
from ...toolkit.selection import SELECTORS
from ..catalogue import wrapper
from .scaled_steps import Scale, ScaledSteps, as_scalar


@wrapper("learning_rate_multipliers", example={"multipliers": {"kernel": 0.25}, "default": 0.5})
class LearningRateMultipliers(ScaledSteps):
    """Multiplies the learning rate, for each variable by a number of its own.

        p ← m(path) · p
        w ← w + p

    p is the inner optimizer's step, m the multiplier of the first pattern that is found in the
    variable's path, such as "dense/kernel". Decoupled weight decay of the inner optimizer is
    multiplied, too, as in PyTorch's parameter groups. With m = 0 a variable stays bit for bit as
    it is: no step, no decay, no constraint. The learning rate is the inner optimizer's as ever:
    callbacks and schedules work. `stepwrap.layer_decay(model)` makes the multipliers of
    layer-wise decay.

    A wrapper of steps around this one may make something else of the steps, so put this one
    outside of it. Gradients and the inner optimizer's state are as without it.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        multipliers: A dictionary of patterns and multipliers: numbers of at least 0, or schedules
            of `keras.optimizers.schedules` or of your own, of the number of steps made, with such
            values. Patterns are regular expressions, searched for anywhere in a path, or
            `stepwrap.VECTORS`, see `OptimizerWrapper`.
        default: The multiplier of all other variables. Default: 1.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `multipliers` is no dictionary, a pattern no regular expression,
            a multiplier no finite number of at least 0 and no schedule; if the optimizer inside is
            Ftrl or ScheduleFreeAdamW, which compute weights from their own state. When built,
            warns of a pattern that is found in no path.

    References:
        Howard, Ruder: "Universal Language Model Fine-tuning for Text Classification",
        arXiv 1801.06146, Section 3.2, which calls it discriminative fine-tuning.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        multipliers: Mapping[str, float | LearningRateSchedule],
        default: float | LearningRateSchedule = 1.0,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.multipliers = checks.by_pattern(
            "multipliers", multipliers, "0.1", _multiplier, SELECTORS
        )
        self.default = _multiplier("default", default)

    def build(self, variables: Sequence[Variable]) -> None:
        """Looks for the multiplier of each variable."""
        super().build(variables)
        self._multipliers = ByPath("multipliers", self.multipliers, self.default, variables)

    def scales(self, variables: Sequence[Variable]) -> list[Scale]:
        """Return the multipliers at this step."""
        multipliers = [self._multipliers[variable] for variable in variables]
        now = {
            id(one): as_scalar(one(self.iterations), variables)
            for one in multipliers
            if not isinstance(one, float)
        }
        return [now.get(id(multiplier), multiplier) for multiplier in multipliers]

    @property
    def given_functions(self) -> list[Callable]:
        """Return the schedules."""
        multipliers = [*self.multipliers.values(), self.default]
        return [one for one in multipliers if not isinstance(one, float)]


def _multiplier(argument: str, value: Any) -> float | LearningRateSchedule:
    """Return a number of at least 0, or a schedule."""
    if isinstance(value, LearningRateSchedule):
        return value
    return checks.number(argument, value, least=0)
