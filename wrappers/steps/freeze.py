"""Variables that begin to train later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras import ops

from ... import checks
from ...backends import flow, keras_private
from ...core import stack
from ...core.optimizer_wrapper import Tensor, Variable
from ...toolkit.by_path import ByPath
from ...toolkit.selection import SELECTORS
from ..catalogue import wrapper
from .scaled_steps import Scale, ScaledSteps

SLOTS = ("see", "hold")


@wrapper("freeze", example={"until": {"bias": 2}})
class Freeze(ScaledSteps):
    """Leaves variables alone until a step, from which on they train.

        w ← w        at steps t < until(path), bit for bit;    t = 0, 1, 2, ... steps made before
        w ← w + p    from then on

    p is the inner optimizer's step, `until` that of the first pattern that is found in the
    variable's path, such as "dense/kernel". A variable that is frozen gets no step, no decoupled
    weight decay and no constraint. Nothing is compiled anew when it thaws, and no state is lost,
    as would be if `trainable` were set and the model compiled again; but its gradient is computed
    all the time.

    The inner optimizer's state sees the gradients meanwhile. Were it held, as with
    `slots="hold"`, Adam's first step on a variable would not have the right length: its bias
    correction counts from the first step of all, so that of an average which starts at zero at
    step 30, 300 or 1,000 it makes a step of 0.57, 1.6 or 2.5 times the length.

    Averages of weights stand outside, and are of the weights as they are. A wrapper of steps
    around this one, or of decay, writes what it makes of a step of zero, so put this one outside.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        until: A dictionary of patterns and steps: whole numbers of at least 0, or None for good.
            Patterns are regular expressions, searched for anywhere in a path, or
            `stepwrap.VECTORS`, see `OptimizerWrapper`. All other variables train.
        slots: "see": the state that the optimizers and wrappers inside keep for a variable goes
            on while it is frozen; "hold": it stays as it is. Default: "see".
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `until` is no dictionary, a pattern no regular expression, a
            step no whole number of at least 0 and not None, or `slots` unknown; if the optimizer
            inside is Ftrl or ScheduleFreeAdamW, which compute weights from their own state. When
            built, warns of a pattern that is found in no path.

    References:
        Howard, Ruder: "Universal Language Model Fine-tuning for Text Classification",
        arXiv 1801.06146, Section 3.3, which calls it gradual unfreezing.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        until: Mapping[str, int | None],
        slots: str = "see",
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.until = checks.by_pattern("until", until, "1000", _step, SELECTORS)
        self.slots = checks.choice("slots", slots, SLOTS)

    def build(self, variables: Sequence[Variable]) -> None:
        """Looks for the step of each variable."""
        super().build(variables)
        self._until = ByPath("until", self.until, 0, variables)

    def scales(self, variables: Sequence[Variable]) -> list[Scale]:
        """Return 0 for variables that are frozen at this step, 1 for the others."""
        steps = [self._until[variable] for variable in variables]
        scales: dict[int | None, Scale] = {step: self._scale_from(step) for step in set(steps)}
        return [scales[step] for step in steps]

    def _scale_from(self, step: int | None) -> Scale:
        """Return 0 before that step, 1 from then on."""
        if not step:
            return 0.0 if step is None else 1.0
        count = self.count_of_steps()
        if count is None:
            return ops.cast(self.iterations >= step, "float32")
        return float(count >= step)

    def take_steps(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> list[Tensor]:
        """Return the steps of the variables that train, and none of those that are frozen."""
        if self.slots == "see":
            return super().take_steps(inner_steps, gradients, variables)
        frozen = [variable for variable in variables if self._until[variable] != 0]
        trains = [ops.convert_to_tensor(scale) > 0 for scale in self.scales(frozen)]
        slots = [self._slots_inside(variable) for variable in frozen]
        before = [flow.snapshot(of_variable) for of_variable in slots]
        steps = super().take_steps(inner_steps, gradients, variables)
        for trains_now, of_variable, values in zip(trains, slots, before, strict=True):
            flow.restore_unless(trains_now, of_variable, values)
        return steps

    def _slots_inside(self, variable: Variable) -> list[Variable]:
        """Return the state that all inside keep for the variable."""
        wrappers = [one for one in stack.walk(self.inner_optimizer) if stack.parts(one)]
        of_wrappers = [
            slot for one in wrappers if hasattr(one, "slots_of") for slot in one.slots_of(variable)
        ]
        leaf = stack.LeafOfVariable(self.inner_optimizer)[variable]
        return [*of_wrappers, *keras_private.slots_of(leaf, variable)]


def _step(argument: str, value: Any) -> int | None:
    """Return a whole number of at least 0, or None."""
    return value if value is None else checks.count(argument, value, least=0)
