"""Settings of Keras' optimizers that a wrapper leads to the optimizer inside, at any depth."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras

from .. import checks
from ..backends import keras_private
from . import refusals, stack

Optimizer = keras.optimizers.Optimizer


class InnerSetting:
    """An attribute of a wrapper that stands for the innermost optimizer's.

    Args:
        remedy: What does the same around a wrapper that makes its inner optimizer itself, with
            places for the wrapper and the value.
        check: Raises for a value that Keras' `__init__` would refuse in this optimizer.
    """

    def __init__(self, remedy: str, check: Callable[[str, Any, Optimizer], None]) -> None:
        self.remedy = remedy
        self.check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, wrapper: Any, cls: type | None = None) -> Any:
        if wrapper is None:
            return self
        return getattr(_innermost(wrapper), self.name, None)

    def __set__(self, wrapper: Any, value: Any) -> None:
        innermost = _innermost(wrapper)
        if innermost is None:
            return  # Keras' `__init__` sets its defaults before there is an inner optimizer
        if value is getattr(innermost, self.name, None):
            return
        for member in stack.walk(wrapper):
            self._refuse_around_ones_own(member, value)
        if stack.parts(innermost):
            raise ValueError(
                f"`{self.name}={value!r}` cannot be set on {type(wrapper).__name__}, for there are "
                f"several optimizers inside. Set it on those that it is meant for: "
                f"`for part in optimizer.optimizers: part.{self.name} = {value!r}`."
            )
        self.check(self.name, value, innermost)
        if self.name == "use_ema":
            for member in stack.walk(wrapper):
                if getattr(member, "takes_steps", False):
                    refusals.averages_what_is_written(type(member).__name__, innermost, value)
        if self.name == "weight_decay" and value:
            for member in stack.walk(wrapper):
                if getattr(member, "decays_weights", False):
                    inside = type(innermost).__name__
                    raise refusals.two_decays(type(member).__name__, inside, self.name, value)
        setattr(innermost, self.name, value)

    def _refuse_around_ones_own(self, member: Optimizer, value: Any) -> None:
        if not hasattr(member, "inner_optimizer") or is_given_its_inner_optimizer(type(member)):
            return
        name = type(member).__name__
        raise ValueError(
            f"`{self.name}={value!r}` cannot be set on {name}, which makes the optimizer inside of "
            "it itself, and may give it something else than gradients. Write "
            f"`{self.remedy.format(wrapper=f'{name}(...)', value=value)}`."
        )


class AveragesSetting(InnerSetting):
    """`use_ema`; Keras' `build` of the wrapper itself must not see it, or would make averages."""

    def __get__(self, wrapper: Any, cls: type | None = None) -> Any:
        if wrapper is not None and wrapper.builds_own_state:
            return False
        return super().__get__(wrapper, cls)


def _innermost(optimizer: Optimizer) -> Optimizer | None:
    """Return the one that wrappers have inside, or None for a wrapper that is still being made."""
    innermost = getattr(optimizer, "inner_optimizer", None)
    while hasattr(innermost, "inner_optimizer"):
        innermost = innermost.inner_optimizer
    return innermost


def is_given_its_inner_optimizer(cls: type) -> bool:
    """Return whether the class wraps what it is given, rather than an optimizer of its own."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    passes_on = any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
    return passes_on or any(p.name == "inner_optimizer" for p in parameters)


# Each of these raises for a value that is not allowed in the optimizer.


def _one_clip(name: str, value: Any, optimizer: Optimizer) -> None:
    for other in ("clipnorm", "clipvalue", "global_clipnorm"):
        set_already = getattr(optimizer, other, None)
        if other != name and None not in (value, set_already):
            raise ValueError(
                f"Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set on "
                f"{type(optimizer).__name__}. Received: {name}={value!r}, where "
                f"{other}={set_already!r}. Set that to None first."
            )


def _anything(name: str, value: Any, optimizer: Optimizer) -> None:
    """Keras does not look at it."""


def _averages_are_there(name: str, value: Any, optimizer: Optimizer) -> None:
    if checks.flag(name, value) and optimizer.built and not keras_private.has_averages(optimizer):
        raise ValueError(
            f"`{name}=True` cannot be set on {type(optimizer).__name__} once it is built, for it "
            f"has no averages. Give it to `{type(optimizer).__name__}(...)`, or set it before "
            "training."
        )


def _momentum(name: str, value: Any, optimizer: Optimizer) -> None:
    checks.number(name, value, least=0, most=1)


def _frequency(name: str, value: Any, optimizer: Optimizer) -> None:
    if value is not None:
        checks.count(name, value)


_CLIPPED = "stepwrap.ClippedOptimizer({wrapper}, "
_AVERAGED = "stepwrap.MovingAverage({wrapper})"


class InnerSettings(keras_private.DelegatedAverages):
    """What can be set on a Keras optimizer after it was made, for wrappers."""

    clipnorm = InnerSetting(_CLIPPED + "clipnorm={value!r})", _one_clip)
    clipvalue = InnerSetting(_CLIPPED + "'max', clipnorm={value!r})", _one_clip)
    global_clipnorm = InnerSetting(_CLIPPED + "clipnorm={value!r}, scope='global')", _one_clip)
    weight_decay = InnerSetting("stepwrap.CoupledWeightDecay({wrapper}, {value!r})", _anything)
    use_ema = AveragesSetting(_AVERAGED, _averages_are_there)
    ema_momentum = InnerSetting(_AVERAGED, _momentum)
    ema_overwrite_frequency = InnerSetting(_AVERAGED, _frequency)

    @property
    def gradient_accumulation_steps(self) -> None:
        """Always None: a wrapper makes a step of every batch."""

    @gradient_accumulation_steps.setter
    def gradient_accumulation_steps(self, steps: int | None) -> None:
        """Keras sets it to None in `__init__`."""
        if steps is not None:
            raise ValueError(
                f"`gradient_accumulation_steps={steps!r}` cannot be set on {type(self).__name__}. "
                f"Write `stepwrap.GradientAccumulation({type(self).__name__}(...), "
                f"steps={steps!r})`."
            )


def keep_own_settings(cls: type) -> None:
    """Lets a wrapper class have an argument by the name of an inner setting: that is its own."""
    if "__init__" not in vars(cls):
        return
    for name in inspect.signature(cls.__init__).parameters:
        if name not in vars(cls) and isinstance(vars(InnerSettings).get(name), InnerSetting):
            setattr(cls, name, None)
