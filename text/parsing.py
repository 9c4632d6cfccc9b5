"""From texts to optimizers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras

from .. import checks
from ..optimizers import catalogue as optimizers
from ..optimizers import old_names
from ..wrappers import LossScaleOptimizer
from ..wrappers import catalogue as wrappers
from .arguments import arguments_of
from .grammar import Argument, Call, read
from .schedules import SCHEDULES
from .source import Source

Optimizer = keras.optimizers.Optimizer


def parse(text: str) -> Optimizer:
    """Return the stack that a text describes: a base optimizer, and wrappers from the inside out.

        parse("adam(1e-3) | normalized('l2', scope='layer') | l4(fraction=0.25)")

    is `L4Wrapper(NormalizedOptimizer(Adam(1e-3), "l2", scope="layer"), fraction=0.25)`.

    The base is one of `stepwrap.optimizers.names()`, each wrapper one of
    `stepwrap.wrappers.names()`, or `loss_scale_optimizer`, outermost. Names may be written in
    any case, and as those of the classes: `RMSprop`, `NormalizedOptimizer`; `swa` and `ema`
    stand for `stochastic_weight_average` and `moving_average`. Keras' names of optimizers
    mean the same here, but `lamb` is the preset `stepwrap.presets.lamb`; Keras' class is
    `keras_lamb`. Arguments are numbers, strings, True, False, None, and lists,
    tuples and dictionaries of them, by place (after `inner_optimizer`) or by name. A
    learning rate may be a schedule of `keras.optimizers.schedules`:
    `adam(cosine_decay(0.001, 1000))`. No code runs from a text.

    Args:
        text: At most 10,000 characters and 100 stages.

    Returns:
        The outermost wrapper, or the base optimizer if there is none.

    Raises:
        TypeError: If `text` is no string, or an argument is missing, unknown, given twice
            or of the wrong type.
        ValueError: If the text does not follow the grammar, a name is unknown, or a value
            is refused by what it is for. Both show the text with a caret under the place.
    """
    source = Source(text)
    base, *others = read(source)
    maker = _named(source, base, optimizers.get)
    return _wrapped(source, _make(source, base, maker), others)


def chain(*stages: Any) -> Optimizer:
    """Return the stack of these stages, from the base outwards.

        chain(keras.optimizers.Adam(1e-3), "normalized('l2')", stepwrap.L4Wrapper)

    Args:
        *stages: First a text, see `parse`, or an optimizer. Then, any number of times, a
            text of wrappers, or a function that takes the optimizer so far and returns
            another around it: a wrapper class, a `functools.partial` of one.

    Returns:
        The outermost wrapper.

    Raises:
        TypeError: If there is no stage, or one is something else.
        ValueError: If a text is refused. Both name the stage.
    """
    if not stages:
        raise TypeError("`chain` needs at least one stage, such as 'adam'.")
    optimizer = None
    for position, stage in enumerate(stages, start=1):
        try:
            optimizer = _base(stage) if position == 1 else _around(optimizer, stage)
        except (TypeError, ValueError) as error:
            raise _kind(error)(f"Stage {position} of `chain`: {error}") from error
    return optimizer


def _base(stage: Any) -> Optimizer:
    if isinstance(stage, str):
        return parse(stage)
    if isinstance(stage, Optimizer):
        return stage
    raise TypeError(
        "Expected a text, such as 'adam(1e-3)', or an optimizer, such as "
        f"`keras.optimizers.Adam(1e-3)`. Received: {stage!r} of type {type(stage).__name__}."
    )


def _around(optimizer: Optimizer, stage: Any) -> Optimizer:
    if isinstance(stage, str):
        source = Source(stage)
        return _wrapped(source, optimizer, read(source))
    if isinstance(stage, Optimizer) or not callable(stage):
        raise TypeError(
            "Expected a text, such as 'normalized', or a wrapper class or function that takes "
            f"the optimizer so far. Received: {stage!r} of type {type(stage).__name__}."
        )
    result = stage(optimizer)
    if not isinstance(result, Optimizer):
        raise TypeError(f"{stage!r} returned no optimizer, but {result!r}.")
    return result


def _wrapped(source: Source, optimizer: Optimizer, calls: Sequence[Call]) -> Optimizer:
    for call in calls:
        optimizer = _make(source, call, _named(source, call, _wrapper), optimizer)
    return optimizer


def _wrapper(name: str) -> Callable:
    if name.lower() in ("loss_scale_optimizer", LossScaleOptimizer.__name__.lower()):
        return LossScaleOptimizer
    return wrappers.get(name)


def _named(source: Source, call: Call, get: Callable[[str], Callable]) -> Callable:
    """Return what has the name, or an error that says where it might belong."""
    try:
        return get(call.name)
    except ValueError as error:
        hint = ""
        if optimizers.knows(call.name):
            hint = f" `{call.name}` is a base optimizer, which stands first."
        elif wrappers.knows(call.name):
            hint = f" `{call.name}` is a wrapper, which needs a base: `adam | {call.name}`."
        raise source.error_at(call.node, f"{error}{hint}") from error


def _make(source: Source, call: Call, maker: Callable, *inner: Optimizer) -> Any:
    """Calls a class or function with the arguments of a stage, around the optimizer inside."""
    arguments = {
        name: _value(source, argument) for name, argument in _bound(source, call, maker).items()
    }
    try:
        return maker(*inner, **arguments)
    except Exception as error:  # whatever a value causes there is an error of the text
        message = str(error) or type(error).__name__
        raise source.error_at(call.node, message, _kind(error)) from error


def _value(source: Source, argument: Argument) -> Any:
    call = argument.value
    if not isinstance(call, Call):
        return call
    return _make(source, call, _named(source, call, SCHEDULES.get))


def _bound(source: Source, call: Call, maker: Callable) -> dict[str, Argument]:
    """Return the arguments of a stage by name."""
    known = arguments_of(maker)
    has = f"It has: {checks.listed(known)}." if known else "It has none."
    by_place = [name for name, one in known.items() if one.kind is not one.KEYWORD_ONLY]
    if len(call.positional) > len(by_place):
        message = f"`{call.name}` takes at most {len(by_place)} arguments by place. {has}"
        raise source.error_at(call.positional[len(by_place)].node, message, TypeError)
    bound = dict(zip(by_place, call.positional, strict=False))
    for name, argument in call.named.items():
        message = None
        if name not in known:
            hint = _hint(maker, name) or checks.nearest(name, known)
            message = f"`{call.name}` has no argument `{name}`.{hint} {has}"
        elif name in bound:
            message = f"`{call.name}` is given the argument `{name}` twice."
        if message is not None:
            raise source.error_at(argument.node, message, TypeError)
        bound[name] = argument
    needed = [name for name, one in known.items() if one.default is one.empty]
    if missing := [name for name in needed if name not in bound]:
        message = f"`{call.name}` needs a value for {checks.listed(missing)}."
        raise source.error_at(call.node, message, TypeError)
    return bound


def _hint(maker: Callable, name: str) -> str:
    return old_names.hint_for_argument(maker, name) if inspect.isclass(maker) else ""


def _kind(error: Exception) -> type[TypeError | ValueError]:
    return TypeError if isinstance(error, TypeError) else ValueError
