"""Checks of plain values: each returns the accepted value or raises an error with the remedy."""

from __future__ import annotations

import difflib
import math
import numbers
import os
import pathlib
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras


def choice(argument: str, value: Any, options: Sequence[str]) -> str:
    """Return a string that is one of the options."""
    if not isinstance(value, str):
        raise TypeError(f"`{argument}` must be one of {listed(options)}. Received: {value!r}")
    if value not in options:
        raise ValueError(
            f"`{argument}` must be one of {listed(options)}. "
            f"Received: {argument}={value!r}.{nearest(value, options)}"
        )
    return value


def positive(argument: str, value: Any) -> float:
    """Return a finite number above zero."""
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
    """Return a finite number in a range with ends open (`above`, `below`) or closed (`least`,
    `most`).
    """
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
            f"{wanted} Received: {argument}={brief(value)} of type {type(value).__name__}."
        )
    if not (math.isfinite(value) and above < value < below and least <= value <= most):
        raise ValueError(f"{wanted} Received: {argument}={value!r}.")
    return float(value)


def probability(argument: str, value: Any) -> float:
    """Return a number above 0 and at most 1."""
    return number(argument, value, above=0, most=1)


def seed(argument: str, value: Any) -> int | None:
    """Return a whole number of at least 0, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f"`{argument}` must be a whole number of at least 0, or None. "
            f"Received: {argument}={brief(value)} of type {type(value).__name__}."
        )
    if value < 0:
        raise ValueError(
            f"`{argument}` must be a whole number of at least 0, or None. "
            f"Received: {argument}={value!r}."
        )
    return int(value)


def flag(argument: str, value: Any) -> bool:
    """Return a value that is True or False."""
    if not isinstance(value, bool):
        raise TypeError(
            f"`{argument}` must be True or False. "
            f"Received: {argument}={brief(value)} of type {type(value).__name__}."
        )
    return value


def count(argument: str, value: Any, *, least: int = 1) -> int:
    """Return a whole number of at least 1, or 0."""
    wanted = f"`{argument}` must be a whole number {'above' if least else 'of at least'} 0."
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f"{wanted} Received: {argument}={brief(value)} of type {type(value).__name__}."
        )
    if value < least:
        raise ValueError(f"{wanted} Received: {argument}={value!r}.")
    return int(value)


def patterns(argument: str, value: Any, selectors: Sequence[str] = ()) -> list[str]:
    """Return a list of regular expressions, or of words that stand for something else."""
    words = "".join(f" {selector!r}," for selector in selectors)
    wanted = f"`{argument}` must be a regular expression, such as 'bias',{words} or a list of them."
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise TypeError(f"{wanted} Received: {argument}={brief(value)}.")
    for pattern in given:
        if pattern in selectors:
            continue
        try:
            re.compile(pattern)
        except re.error as error:
            hint = nearest(pattern, selectors)
            raise ValueError(
                f"{wanted} Received: {pattern!r}, which is none: {error}.{hint}"
            ) from error
    return list(given)


def by_pattern(
    argument: str,
    value: Any,
    example: str,
    check: Callable[[str, Any], Any],
    selectors: Sequence[str] = (),
) -> dict[str, Any]:
    """Return a dictionary of `patterns` and what `check`, of a name and a value, accepts.

    Args:
        argument: The name of the argument.
        value: What it was given.
        example: A value of the dictionary, as text.
        check: Returns an accepted value, or raises.
        selectors: Words that stand for something else than a regular expression.
    """
    if not isinstance(value, Mapping):
        raise TypeError(
            f"`{argument}` must be a dictionary of regular expressions and values, such as "
            f"{{'^encoder/': {example}}}. Received: {argument}={brief(value)} of type "
            f"{type(value).__name__}."
        )
    for pattern in value:
        if not isinstance(pattern, str):
            raise TypeError(
                f"The keys of `{argument}` must be regular expressions, such as '^encoder/'. "
                f"Received: {brief(pattern)} of type {type(pattern).__name__}."
            )
        patterns(argument, pattern, selectors)
    return {pattern: check(f"{argument}[{pattern!r}]", one) for pattern, one in value.items()}


def new_file(argument: str, value: Any) -> pathlib.Path:
    """Return a path where a file can be made: its folder exists."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(
            f"`{argument}` must be the path of a file. "
            f"Received: {brief(value)} of type {type(value).__name__}."
        )
    path = pathlib.Path(value)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            f"`{argument}` must be the path of a file in a folder that exists. "
            f"Received: {argument}={str(value)!r}."
        )
    return path


def loss(value: Any) -> Any:
    """Return a scalar loss."""
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
    """Return a value that can be called."""
    if not callable(value):
        raise TypeError(
            f"`{argument}` must be a function of a gradient tensor. "
            f"Received: {value!r} of type {type(value).__name__}."
        )
    return value


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
        if result is expected:
            continue
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
    """Return a sentence that suggests the option spelled most like the name, or nothing."""
    matches = difflib.get_close_matches(name, list(options), n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""


def listed(names: Iterable[str]) -> str:
    """Return names as they stand in an error: quoted, with commas."""
    return ", ".join(repr(name) for name in names)


def _form(value: Any) -> str:
    if getattr(value, "shape", None) is None or getattr(value, "dtype", None) is None:
        return f"{brief(value)} of type {qualified_name(type(value))}"
    return f"shape {tuple(value.shape)} and dtype {keras.backend.standardize_dtype(value.dtype)}"


def brief(value: Any) -> str:
    """Return a value as an error shows it, on one line and not too long."""
    return " ".join(reprlib.repr(value).split())


def qualified_name(cls: type) -> str:
    """Return the name of a class with that of its module."""
    return f"{cls.__module__}.{cls.__qualname__}"
