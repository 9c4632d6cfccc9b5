"""Checks of arguments: each returns the accepted value or raises an error with the remedy."""

from __future__ import annotations

import copy
import difflib
import inspect
import math
import numbers
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

import keras


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


def function(argument: str, value: Any) -> Any:
    """Anything that can be called."""
    if not callable(value):
        raise TypeError(
            f"`{argument}` must be a function of a gradient tensor. "
            f"Received: {value!r} of type {type(value).__name__}."
        )
    return value


def optimizer(value: Any) -> keras.optimizers.Optimizer:
    """The Keras optimizer that an instance, a Keras name or a config stands for."""
    if isinstance(value, keras.optimizers.Optimizer):
        return value
    if isinstance(value, str):
        return _optimizer_by_name(value)
    if isinstance(value, dict):
        if "class_name" not in value:
            raise ValueError(
                "`inner_optimizer` given as a config must have a 'class_name', as "
                f"`keras.optimizers.serialize` writes it. Received: {value!r}"
            )
        return keras.optimizers.get(copy.deepcopy(value))
    if inspect.isclass(value):
        raise TypeError(
            "`inner_optimizer` must be an optimizer, not a class. "
            f"Received: {value!r}. Write `{value.__name__}()` to make an instance of it."
        )
    raise TypeError(
        "`inner_optimizer` must be a Keras optimizer, such as `keras.optimizers.Adam(1e-3)`, "
        "the name of one, such as 'adam', or its config. "
        f"Received: {_brief(value)} of type {_qualified_name(type(value))}."
    )


def _optimizer_by_name(name: str) -> keras.optimizers.Optimizer:
    known = {cls.__name__.lower(): cls for cls in keras_optimizer_classes()}
    if name.lower() in known:
        return keras.optimizers.get(name)
    try:  # a class that the user registered with Keras
        return keras.optimizers.get(name)
    except ValueError as error:
        raise ValueError(
            "`inner_optimizer` must be the name of a Keras optimizer. "
            f"Received: {name!r}.{nearest(name.lower(), known)} Known: {listed(known)}."
        ) from error


def keras_optimizer_classes() -> list[type[keras.optimizers.Optimizer]]:
    """Every optimizer class that this version of Keras has, wrappers of its own included."""
    return [
        value
        for _, value in sorted(vars(keras.optimizers).items())
        if inspect.isclass(value)
        and issubclass(value, keras.optimizers.Optimizer)
        and value is not keras.optimizers.Optimizer
    ]


def wrappable(wrapper: str, inner_optimizer: keras.optimizers.Optimizer) -> None:
    """Refuses inner optimizers that would hand a wrapper gradients it must not see."""
    if isinstance(inner_optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            f"`inner_optimizer` must not be a LossScaleOptimizer: {wrapper} would see scaled "
            "gradients. Put the loss scaler outside: "
            f"`keras.optimizers.LossScaleOptimizer({wrapper}(...))`."
        )
    for part in getattr(inner_optimizer, "optimizers", [inner_optimizer]):
        if part.loss_scale_factor is not None:
            raise ValueError(
                f"`loss_scale_factor={part.loss_scale_factor}` on {type(part).__name__} would "
                f"let {wrapper} see scaled gradients. Leave it out and put "
                f"`keras.optimizers.LossScaleOptimizer` around {wrapper}."
            )
        if part.gradient_accumulation_steps is not None:
            raise ValueError(
                f"`gradient_accumulation_steps={part.gradient_accumulation_steps}` on "
                f"{type(part).__name__} would let {wrapper} see the gradient of every "
                "micro-batch rather than their mean. Leave it out and raise the batch size, "
                "or average the gradients in a training loop before `apply`."
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
        if owner is not None:
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
        cls = known.get(inner_optimizer.lower(), cls)
    elif isinstance(inner_optimizer, keras.optimizers.Optimizer):
        cls = type(inner_optimizer)
    return cls.__name__ if name in inspect.signature(cls.__init__).parameters else None


def same_form(what: str, results: Sequence[Any], gradients: Sequence[Any]) -> None:
    """Refuses results that differ from the gradients in number, shape or dtype."""
    if len(results) != len(gradients):
        raise ValueError(
            f"{what} must return one gradient for each of the {len(gradients)} it was given. "
            f"It returned {len(results)}."
        )
    for result, gradient in zip(results, gradients, strict=True):
        shape, dtype = getattr(result, "shape", None), getattr(result, "dtype", None)
        if shape != gradient.shape or dtype != gradient.dtype:
            raise ValueError(
                f"{what} must return a tensor of the gradient's shape and dtype, "
                f"{_form(gradient)}. It returned {_form(result)}. "
                "`keras.ops.reshape` and `keras.ops.cast` mend that."
            )


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
