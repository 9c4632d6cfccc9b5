"""Well-known combinations, each as its definition.

In texts they stand as bases: `parse("ranger(1e-3) | gradient_noise")`. `describe` gives back
what they are made of.

Each takes the arguments of its parts as well, by name: `ranger(beta_1=0.95, sync_period=5)`.
One that several parts have is that of the part which the definition gives it to; `name`, which
all have, cannot be given.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from . import checks, optimizers, wrappers
from .optimizers import old_names
from .optimizers.catalogue import base_optimizer
from .text import chain
from .text.arguments import arguments_of

__all__ = ["adamw_cautious", "lamb", "lars", "ranger"]

Optimizer = keras.optimizers.Optimizer
Parts = list[partial]


def _preset(definition: Callable[..., Parts]) -> Callable[..., Optimizer]:
    """Return a function that makes the stack whose parts the decorated one returns, base first.

    It takes the arguments of the parts as well, and its name is one in texts.
    """
    own = inspect.signature(definition).parameters
    known = {**_arguments_of_parts(definition()), **own}
    name = definition.__name__

    def hint_for(argument: str) -> str:
        hints = (old_names.hint_for_argument(part.func, argument) for part in definition())
        hint = next(filter(None, hints), "") or checks.nearest(argument, known)
        return hint or f" It has: {checks.listed(known)}."

    @functools.wraps(definition)
    def preset(*args: Any, **arguments: Any) -> Optimizer:
        for argument in arguments:
            if argument not in known:
                raise TypeError(f"`{name}` has no argument `{argument}`.{hint_for(argument)}")
        of_definition = {one: arguments.pop(one) for one in own if one in arguments}
        parts = definition(*args, **of_definition)
        for argument, value in arguments.items():
            place = _place(argument, parts)
            parts[place] = partial(parts[place], **{argument: value})
        base, *others = parts
        return chain(base(), *others)

    parameters = [*own.values(), *(known[one] for one in known if one not in own)]
    preset.__signature__ = inspect.Signature(parameters, return_annotation=Optimizer)
    return base_optimizer(name)(preset)


def _arguments_of_parts(parts: Parts) -> dict[str, inspect.Parameter]:
    """Return the arguments that one of the parts takes, each by name and with its value there."""
    found = {}
    for place, part in enumerate(parts):
        for name, parameter in arguments_of(part.func).items():
            if _place(name, parts) == place:
                default = part.keywords.get(name, parameter.default)
                found[name] = parameter.replace(kind=parameter.KEYWORD_ONLY, default=default)
    return found


def _place(argument: str, parts: Parts) -> int | None:
    """Return which of the parts an argument is for, if there is only one that it can be for."""
    having = [place for place, part in enumerate(parts) if argument in arguments_of(part.func)]
    given = [place for place in having if argument in parts[place].keywords]
    places = given or having
    return places[0] if len(places) == 1 else None


@_preset
def ranger(learning_rate: float | LearningRateSchedule = 0.001) -> Parts:
    """Return RAdam on centralised gradients, with Lookahead.

        radam(learning_rate) | gradient_centralization | lookahead(6, 0.5)

    The author's code differs in RAdam's beta_1 and epsilon: `ranger(beta_1=0.95, epsilon=1e-5)`.

    Args:
        learning_rate: RAdam's. Default: 0.001.

    References:
        Wright: "New Deep Learning Optimizer, Ranger: Synergistic combination of RAdam +
        LookAhead for the best of both", 2019. Its parts: Liu et al., arXiv 1908.03265;
        Yong et al., arXiv 2004.01461; Zhang et al., arXiv 1907.08610.
    """
    return [
        partial(optimizers.RAdam, learning_rate),
        partial(wrappers.GradientCentralization),
        partial(wrappers.Lookahead, sync_period=6, slow_step_size=0.5),
    ]


@_preset
def lamb(
    learning_rate: float | LearningRateSchedule = 0.001,
    weight_decay: float = 0.01,
    exclude: str | Sequence[str] | None = None,
) -> Parts:
    """Return Adam with steps as long as the weights are large.

        adam(learning_rate, epsilon=1e-6) | trust_ratio(weight_decay=weight_decay)

    Keras' own `Lamb`, `keras_lamb` in texts, has no decay inside the trust ratio.

    Args:
        learning_rate: Adam's; the length of a step as a share of the norm of the weights.
            Default: 0.001.
        weight_decay: How much of the weights is added to Adam's direction. Default: 0.01,
            which is usual for BERT.
        exclude: Regular expressions; variables with one in their path are left out, see
            `stepwrap.TrustRatio`. Default: None, for variables of less than two axes.

    References:
        You et al.: "Large Batch Optimization for Deep Learning: Training BERT in 76
        minutes", arXiv 1904.00962, Algorithm 2.
    """
    return [
        partial(keras.optimizers.Adam, learning_rate, epsilon=1e-6),
        partial(wrappers.TrustRatio, weight_decay=weight_decay, exclude=exclude),
    ]


@_preset
def lars(
    learning_rate: float | LearningRateSchedule = 1.0,
    weight_decay: float = 1e-4,
    momentum: float = 0.9,
    exclude: str | Sequence[str] | None = None,
) -> Parts:
    """Return gradient descent with steps as long as the weights are large, and momentum.

        sgd(learning_rate) | trust_ratio(coefficient=0.001, weight_decay=weight_decay)
            | step_momentum(momentum)

    The paper divides by ‖g‖ + weight_decay · ‖w‖, this by ‖g + weight_decay · w‖.

    Args:
        learning_rate: A thousand times the length of a step as a share of the norm of the
            weights. Default: 1.
        weight_decay: How much of the weights is added to the gradient. Default: 1e-4.
        momentum: The share of a step that the next one repeats. Default: 0.9.
        exclude: Regular expressions; variables with one in their path are left out, see
            `stepwrap.TrustRatio`. Default: None, for variables of less than two axes.

    References:
        You, Gitman, Ginsburg: "Large Batch Training of Convolutional Networks",
        arXiv 1708.03888, Algorithm 1.
    """
    return [
        partial(keras.optimizers.SGD, learning_rate),
        partial(wrappers.TrustRatio, coefficient=0.001, weight_decay=weight_decay, exclude=exclude),
        partial(wrappers.StepMomentum, momentum=momentum, nesterov=False),
    ]


@_preset
def adamw_cautious(
    learning_rate: float | LearningRateSchedule = 0.001, weight_decay: float = 0.004
) -> Parts:
    """Return AdamW without the elements of the step that oppose the gradient.

        adamw(learning_rate, weight_decay) | cautious

    Args:
        learning_rate: AdamW's. Default: 0.001.
        weight_decay: AdamW's, decoupled. Default: 0.004, as in Keras.

    References:
        Liang et al.: "Cautious Optimizers: Improving Training with One Line of Code",
        arXiv 2411.16085, Algorithm 1.
    """
    return [
        partial(keras.optimizers.AdamW, learning_rate, weight_decay),
        partial(wrappers.Cautious),
    ]
