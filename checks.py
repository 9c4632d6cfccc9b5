"""Checks of arguments: each returns the accepted value or raises an error with the remedy."""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
import os
import pathlib
import re
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

import keras

from . import keras_private, old_names, stack, text_form


def choice(argument: str, value: Any, options: Sequence[str]) -> str:
    """A string that is one of the options."""
    if not isinstance(value, str):
        raise TypeError(f"`{argument}` must be one of {listed(options)}. Received: {value!r}")
    if value not in options:
        raise ValueError(
            f"`{argument}` must be one of {listed(options)}. "
            f"Received: {argument}={value!r}.{nearest(value, options)}"
        )
    return value


def positive(argument: str, value: Any) -> float:
    """A finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(
            f"`{argument}` must be a number above 0, such as 1.0. "
            f"Received: {argument}={value!r} of type {type(value).__name__}."
        )
    if not (math.isfinite(value) and value > 0):
        raise ValueError(
            f"`{argument}` must be a finite number above 0, such as 1.0. "
            f"Received: {argument}={value!r}."
        )
    return float(value)


def number(
    argument: str,
    value: Any,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
) -> float:
    """A finite number in a range with ends open (`above`, `below`) or closed (`least`, `most`)."""
    bounds = [
        words
        for bound, words in (
            (above, f"above {above:g}"),
            (least, f"at least {least:g}"),
            (below, f"below {below:g}"),
            (most, f"at most {most:g}"),
        )
        if math.isfinite(bound)
    ]
    wanted = f"`{argument}` must be a finite number{' ' if bounds else ''}{' and '.join(bounds)}."
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(
            f"{wanted} Received: {argument}={_brief(value)} of type {type(value).__name__}."
        )
    if not (math.isfinite(value) and above < value < below and least <= value <= most):
        raise ValueError(f"{wanted} Received: {argument}={value!r}.")
    return float(value)


def probability(argument: str, value: Any) -> float:
    """A number above 0 and at most 1."""
    return number(argument, value, above=0, most=1)


def seed(argument: str, value: Any) -> int | None:
    """A whole number of at least 0, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f"`{argument}` must be a whole number of at least 0, or None. "
            f"Received: {argument}={_brief(value)} of type {type(value).__name__}."
        )
    if value < 0:
        raise ValueError(
            f"`{argument}` must be a whole number of at least 0, or None. "
            f"Received: {argument}={value!r}."
        )
    return int(value)


def flag(argument: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise TypeError(
            f"`{argument}` must be True or False. "
            f"Received: {argument}={_brief(value)} of type {type(value).__name__}."
        )
    return value


def count(argument: str, value: Any, *, least: int = 1) -> int:
    """A whole number of at least 1, or 0."""
    wanted = f"`{argument}` must be a whole number {'above' if least else 'of at least'} 0."
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f"{wanted} Received: {argument}={_brief(value)} of type {type(value).__name__}."
        )
    if value < least:
        raise ValueError(f"{wanted} Received: {argument}={value!r}.")
    return int(value)


def patterns(argument: str, value: Any) -> list[str]:
    """Regular expressions; a single one makes a list of one."""
    wanted = f"`{argument}` must be a regular expression, such as 'bias', or a list of them."
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise TypeError(f"{wanted} Received: {argument}={_brief(value)}.")
    for pattern in given:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{wanted} Received: {pattern!r}, which is none: {error}.") from error
    return list(given)


def new_file(argument: str, value: Any) -> pathlib.Path:
    """A path where a file can be made: its folder exists."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(
            f"`{argument}` must be the path of a file. "
            f"Received: {_brief(value)} of type {type(value).__name__}."
        )
    path = pathlib.Path(value)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            f"`{argument}` must be the path of a file in a folder that exists. "
            f"Received: {argument}={str(value)!r}."
        )
    return path


def loss(value: Any) -> Any:
    """A scalar loss."""
    shape = getattr(value, "shape", ())
    if getattr(shape, "rank", 0) is None:  # a TensorFlow graph does not know it yet
        return value
    if tuple(shape) != ():
        raise ValueError(
            f"`loss` must be a scalar. Received a loss of shape {tuple(shape)}. Reduce it first, "
            "for example with `keras.ops.mean`."
        )
    return value


def function(argument: str, value: Any) -> Any:
    """Anything that can be called."""
    if not callable(value):
        raise TypeError(
            f"`{argument}` must be a function of a gradient tensor. "
            f"Received: {value!r} of type {type(value).__name__}."
        )
    return value


def optimizer(value: Any) -> keras.optimizers.Optimizer:
    """The Keras optimizer that an instance, a text or a config stands for."""
    if isinstance(value, keras.optimizers.Optimizer):
        return value
    if isinstance(value, str):
        return _optimizer_of_text(value)
    if isinstance(value, dict):
        if "class_name" not in value:
            raise ValueError(
                "`inner_optimizer` given as a config must have a 'class_name', as "
                f"`keras.optimizers.serialize` writes it. Received: {value!r}"
            )
        return keras.optimizers.get(keras_private.with_public_classes(value))
    if inspect.isclass(value):
        raise TypeError(
            "`inner_optimizer` must be an optimizer, not a class. "
            f"Received: {value!r}. Write `{value.__name__}()` to make an instance of it."
        )
    raise TypeError(
        "`inner_optimizer` must be a Keras optimizer, such as `keras.optimizers.Adam(1e-3)`, "
        "a text, such as 'adam(1e-3) | normalized', or its config. "
        f"Received: {_brief(value)} of type {_qualified_name(type(value))}."
    )


def _optimizer_of_text(text: str) -> keras.optimizers.Optimizer:
    try:
        return text_form.read(text)
    except (TypeError, ValueError) as error:
        if keras.saving.get_registered_object(text) is not None:
            return keras.optimizers.get(text)  # a class that the user registered with Keras
        raise type(error)(f"`inner_optimizer`, given as a text: {error}") from error


def keras_optimizer_classes() -> list[type[keras.optimizers.Optimizer]]:
    """Every optimizer class that this version of Keras has, wrappers of its own included."""
    return [
        value
        for _, value in sorted(vars(keras.optimizers).items())
        if inspect.isclass(value)
        and issubclass(value, keras.optimizers.Optimizer)
        and value is not keras.optimizers.Optimizer
    ]


def wrappable(wrapper: Any, inner_optimizer: keras.optimizers.Optimizer) -> None:
    """Refuses inner optimizers that would make a wrapper see or do something wrong."""
    for member in stack.walk(inner_optimizer):
        _member(wrapper, member)
    sees_true_gradients(type(wrapper).__name__, inner_optimizer)


def _member(wrapper: Any, member: keras.optimizers.Optimizer) -> None:
    name, inside = type(wrapper).__name__, type(member).__name__
    remedy = f"Write `{inside}({name}(...), ...)`."

    def does(optimizer: Any, *hooks: str) -> bool:
        return hasattr(optimizer, "overrides") and any(map(optimizer.overrides, hooks))

    if isinstance(member, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            f"`inner_optimizer` must not be a LossScaleOptimizer: {name} would see scaled "
            f"gradients. Put the loss scaler outside: "
            f"`stepwrap.LossScaleOptimizer({name}(...))`."
        )
    if wrapper.takes_steps and not stack.parts(member):
        averages_what_is_written(name, member, member.use_ema)
    if wrapper.takes_steps and does(member, "after_step"):
        raise ValueError(
            f"{inside} works on the weights after the step, which {name} around it would not have "
            f"written yet, so it must stand outside. {remedy}"
        )
    if (wrapper.takes_steps or does(wrapper, "after_step")) and does(member, "apply_inner"):
        raise ValueError(
            f"{inside} runs the optimizer inside on some steps only, so {name}, which does "
            f"something at every step, cannot stand around it. {remedy}"
        )
    if getattr(member, "stands_outermost", False) and (
        wrapper.takes_steps or does(wrapper, "transform_gradients", "after_step")
    ):
        raise ValueError(
            f"{inside} must stand outermost: inside {name} it would be given what {name} "
            f"makes of every batch. {remedy}"
        )


def averages_what_is_written(name: str, inside: keras.optimizers.Optimizer, use_ema: bool) -> None:
    """Refuses averages of weights inside of a wrapper, of that name, that takes steps."""
    if use_ema:
        raise ValueError(
            f"`use_ema=True` on {type(inside).__name__} would average weights that are never "
            f"written, for {name} changes the step on its way to the weights. Leave it out and "
            f"average outside: `stepwrap.MovingAverage({name}(...))`."
        )


def sees_true_gradients(name: str, inner_optimizer: keras.optimizers.Optimizer) -> None:
    """Refuses what divides or withholds the gradients inside of the wrapper with that name."""
    for member in stack.walk(inner_optimizer):
        inside = type(member).__name__
        if member.loss_scale_factor is not None:
            raise ValueError(
                f"`loss_scale_factor={member.loss_scale_factor}` on {inside} would divide the "
                f"gradients by it, though {name} around it does not multiply the loss. Leave it "
                f"out and put `stepwrap.LossScaleOptimizer` around {name}."
            )
        if member.gradient_accumulation_steps is not None:
            steps = member.gradient_accumulation_steps
            raise ValueError(
                f"`gradient_accumulation_steps={steps}` on {inside} would let {name} see the "
                "gradient of every micro-batch rather than their mean. Leave it out and write "
                f"`stepwrap.GradientAccumulation({name}(...), steps={steps})`."
            )


def arguments(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuses keyword arguments that a wrapper does not have, and says where they belong."""
    accepted = inspect.signature(cls.__init__).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        return
    for name in kwargs:
        if name in accepted:
            continue
        inner_optimizer = args[0] if args else kwargs.get("inner_optimizer")
        own = [parameter for parameter in accepted if parameter != "self"]
        remedy = nearest(name, own) or f" It takes: {listed(own)}."
        owner = _owner_of_argument(name, inner_optimizer)
        if hint := old_names.hint_for_argument(cls, name):
            remedy = hint
        elif owner is not None:
            remedy = (
                f" It belongs to the inner optimizer: "
                f"`{cls.__name__}({owner}({name}={kwargs[name]!r}), ...)`."
            )
        raise TypeError(f"{cls.__name__} has no argument `{name}`.{remedy}")


def _owner_of_argument(name: str, inner_optimizer: Any) -> str | None:
    """The name of the innermost optimizer's class if that has the argument."""
    while hasattr(inner_optimizer, "inner_optimizer"):
        inner_optimizer = inner_optimizer.inner_optimizer
    cls = keras.optimizers.Optimizer
    if isinstance(inner_optimizer, str):
        known = {cls.__name__.lower(): cls for cls in keras_optimizer_classes()}
        base = re.match(r"\s*(\w*)", inner_optimizer)[1]
        cls = known.get(base.lower(), cls)
    elif isinstance(inner_optimizer, keras.optimizers.Optimizer):
        cls = type(inner_optimizer)
    return cls.__name__ if name in inspect.signature(cls.__init__).parameters else None


def same_form(what: str, results: Sequence[Any], models: Sequence[Any], model: str) -> None:
    """Refuses results that differ from their models in number, shape or dtype.

    Args:
        what: What returned the results.
        results: The results.
        models: A tensor or variable for each result.
        model: What the models are, in the singular.
    """
    if not isinstance(results, list | tuple):
        received = f"{_form(results)}. Write `return [...]`."
        raise ValueError(
            f"{what} must return a list, of one tensor for each of the {len(models)} {model}s it "
            f"was given. It returned {received}"
        )
    if len(results) != len(models):
        raise ValueError(
            f"{what} must return one tensor for each of the {len(models)} {model}s it was given. "
            f"It returned {len(results)}."
        )
    for result, expected in zip(results, models, strict=True):
        expected = expected.value if isinstance(expected, keras.Variable) else expected
        shape, dtype = getattr(result, "shape", None), getattr(result, "dtype", None)
        if shape != expected.shape or dtype != expected.dtype:
            raise ValueError(
                f"{what} must return a tensor of the {model}'s shape and dtype, "
                f"{_form(expected)}. It returned {_form(result)}. "
                "`keras.ops.reshape` and `keras.ops.cast` mend that."
            )


def no_gradient(variable: Any, gradient: Any) -> TypeError:
    """Return the error that says of what cannot become a tensor whose gradient it is."""
    return TypeError(
        f"The gradient of {_path(variable)!r} must be a tensor, an array or lists of numbers, of "
        f"the variable's shape {_shape(variable)}, or None where there is none. "
        f"Received: {reprlib.repr(gradient)} of type {type(gradient).__name__}."
    )


def gradient_shape(variable: Any, gradient: Any) -> None:
    """Refuses a gradient of another shape than its variable's."""
    if gradient.shape == variable.shape:
        return
    raise ValueError(
        f"The gradient of {_path(variable)!r} must have the variable's shape {_shape(variable)}. "
        f"Received one of shape {_shape(gradient)}. Pass the gradients in the order of the "
        "variables, each in the shape of its own; `keras.ops.broadcast_to` repeats one that is "
        "the same for a whole axis."
    )


def _path(variable: Any) -> str:
    return getattr(variable, "path", variable.name)


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(tensor.shape)


def scalar(what: str, result: Any) -> None:
    """Refuses a result that is not a scalar tensor."""
    if getattr(result, "shape", None) is None or tuple(result.shape) != ():
        raise ValueError(
            f"{what} must return a scalar, one number for the whole gradient. "
            f"It returned {_form(result)}. A reduction such as `keras.ops.sum` without an axis "
            "gives one."
        )


def nearest(name: str, options: Iterable[str]) -> str:
    """A sentence that suggests the option spelled most like the name, or nothing."""
    matches = difflib.get_close_matches(name, list(options), n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""


def listed(names: Iterable[str]) -> str:
    """Names as they stand in an error: quoted, with commas."""
    return ", ".join(repr(name) for name in names)


def _form(value: Any) -> str:
    if getattr(value, "shape", None) is None or getattr(value, "dtype", None) is None:
        return f"{_brief(value)} of type {_qualified_name(type(value))}"
    return f"shape {tuple(value.shape)} and dtype {keras.backend.standardize_dtype(value.dtype)}"


def _brief(value: Any) -> str:
    return " ".join(reprlib.repr(value).split())


def _qualified_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
