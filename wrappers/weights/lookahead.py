"""Lookahead: k steps forward, 1 step back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ... import checks
from ...backends import flow, keras_private, kernels
from ...core import stack
from ...core.optimizer_wrapper import Tensor, Variable
from ...toolkit.slots import Slots, scalar_dtype
from ..catalogue import wrapper
from .averaged_weights import AveragedWeights

SLOW_STATES = ("keep", "reset", "pullback")


@wrapper("lookahead", example={"sync_period": 2})
class Lookahead(AveragedWeights):
    """Every k-th step, goes back part of the way to where it was k steps before.

        slow ← slow + slow_step_size · (w − slow)    after steps k, 2k, 3k, ...
        w ← slow

    The slow weights start at the weights. With slow_step_size = 1 nothing changes. The state
    that `slow_state` is about are the floating-point variables with at least one axis of the
    innermost optimizers, such as Adam's two moments: not what wrappers inside keep, no
    learning rate, no counter, no average that `use_ema` keeps, and nothing that belongs to a
    weight which is a single number. Where an element of a weight is not finite, the slow one
    stays as it is, and the weight goes back to it.

    `use_ema` inside averages the weights before they go back: put `MovingAverage` around
    instead.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        sync_period: k, in steps; at least 1. Default: 6.
        slow_step_size: Above 0, at most 1. Default: 0.5.
        slow_state: What becomes of the inner optimizer's state when w does: "keep": it
            stays; "reset": it starts anew, iterations excepted; "pullback": it goes back
            as w does, to slow state of its own. The last two keep a copy of the state.
            Default: "keep".
        end_on_slow_weights: Whether the model has the slow weights at the end of `fit`.
            Default: False.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If an argument is not of that kind; if "reset" would put
            away the weights that ScheduleFreeAdamW keeps in its state; if it stands inside
            a wrapper that takes steps, or around one that runs on some steps only; if
            `slow_state` is not "keep" and variables are left out.

    References:
        Zhang et al.: "Lookahead Optimizer: k steps forward, 1 step back", arXiv
        1907.08610, Algorithm 1; it also names the three choices of `slow_state`.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        sync_period: int = 6,
        slow_step_size: float = 0.5,
        slow_state: str = "keep",
        end_on_slow_weights: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.sync_period = checks.count("sync_period", sync_period)
        self.slow_step_size = checks.probability("slow_step_size", slow_step_size)
        self.slow_state = checks.choice("slow_state", slow_state, SLOW_STATES)
        self.end_on_slow_weights = checks.flag("end_on_slow_weights", end_on_slow_weights)
        self._check_state()

    @property
    def ends_on_averages(self) -> bool:
        """Return whether `fit` leaves the slow weights in the model."""
        return self.end_on_slow_weights

    def check_selection(self, argument: str, patterns: Any) -> None:
        """Refuses to act on some variables only where it acts on the state inside as well."""
        super().check_selection(argument, patterns)
        if getattr(self, "slow_state", "keep") != "keep":
            raise ValueError(
                f"`{argument}` cannot be given to {type(self).__name__} with "
                f"slow_state={self.slow_state!r}, for it cannot tell which state of the optimizer "
                "inside belongs to which variable. Leave out one of the two. "
                f"Received: {argument}={patterns!r}."
            )

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the slow weights and the slow state."""
        super().build(variables)
        self._check_state()  # again, for a MultiOptimizer has its parts only now
        self._state = [] if self.slow_state == "keep" else _state(self.inner_optimizer)
        self._slow_state = Slots(self, self._state, "slow")
        self._slow_state.start_at(self._state)

    def after_step(self, variables: list[Variable]) -> None:
        """Brings weights and slow weights together, if it is time."""
        slow = self._averages.of(variables)
        slow_state = self._slow_state.of(self._state)

        def synchronise() -> None:
            kept = ops.full((), 1 - self.slow_step_size, scalar_dtype(variables))
            kept = ops.where(self.starts_anew(), ops.zeros_like(kept), kept)
            self._pull_back(variables, slow, kept)
            if self.slow_state == "pullback":
                self._pull_back(self._state, slow_state, kept)
            else:
                flow.copy(self._state, slow_state)

        due = ops.equal(self.iterations % self.sync_period, 0) | self.starts_anew()
        read = [*slow, *self._state, *slow_state, self._held_until, self.iterations]
        flow.run_if(due, synchronise, [*variables, *read])

    def _pull_back(
        self, variables: Sequence[Variable], slow: Sequence[Variable], kept: Tensor
    ) -> None:
        kernels.blend(slow, variables, kept)
        flow.copy(variables, slow)

    def _check_state(self) -> None:
        keeps_weights = getattr(keras.optimizers, "ScheduleFreeAdamW", ())  # not in every Keras
        for leaf in stack.leaves(self.inner_optimizer):
            if self.slow_state == "reset" and isinstance(leaf, keeps_weights):
                raise ValueError(
                    "`slow_state='reset'` would put away the weights that "
                    f"{type(leaf).__name__} keeps in its state. Use 'keep' or 'pullback'."
                )


def _state(optimizer: keras.optimizers.Optimizer) -> list[Variable]:
    """Return the state that goes with the weights."""
    leaves = stack.leaves(optimizer)
    averages = {id(average) for leaf in leaves for average in keras_private.averages(leaf)}
    return [
        variable
        for leaf in leaves
        for variable in leaf.variables
        if len(variable.shape) > 0
        and keras.backend.is_float_dtype(variable.dtype)
        and id(variable) not in averages
    ]
