"""Hyper-parameters as they stand in texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras.optimizers import schedules

from .arguments import arguments_of
from .schedules import SCHEDULES

# What Keras keeps where an argument is left at None.
_KEPT_FOR_NONE = {"exclude_layers": []}  # Muon's


class NotWritableError(ValueError):
    """Says what the value is that no text can hold."""


def written_call(
    name: str, maker: Callable, values: Mapping[str, Any], complete: bool = False
) -> str:
    """Return a name with arguments by name: those that differ from the defaults, or all."""
    arguments = []
    for argument, parameter in arguments_of(maker).items():
        if argument not in values:
            continue
        value = values[argument]
        try:
            text = literal(value, complete)
        except NotWritableError as error:
            raise NotWritableError(f"`{argument}` of `{name}` is {error}") from error
        if complete or not _is_default(argument, value, parameter.default):
            arguments.append(f"{argument}={text}")
    return f"{name}({', '.join(arguments)})" if arguments else name


def _is_default(argument: str, value: Any, default: Any) -> bool:
    if default is None and argument in _KEPT_FOR_NONE:
        default = _KEPT_FOR_NONE[argument]
    if isinstance(value, list | tuple) and isinstance(default, list | tuple):
        return list(value) == list(default)
    return type(default) in (bool, int, float, str, type(None)) and bool(value == default)


def literal(value: Any, complete: bool = False) -> str:
    """Return a value from a config, as it stands in a text.

    Args:
        value: What `get_config` gave.
        complete: Whether a schedule is written with all of its arguments.

    Raises:
        NotWritableError: If no text can hold it.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    if isinstance(value, float) and math.isnan(value):
        raise NotWritableError("not a number, which no text can hold")
    if type(value) in (bool, int, float, str, type(None)):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict) and value.get("module") == "keras.optimizers.schedules":
        schedule = getattr(schedules, value["class_name"])
        return written_call(SCHEDULES.name_of(schedule), schedule, value["config"], complete)
    if isinstance(value, dict) and "class_name" not in value:
        return f"{{{', '.join(f'{literal(key)}: {literal(one)}' for key, one in value.items())}}}"
    raise NotWritableError(f"{named(value)}, which no text can hold")


def named(value: Any) -> str:
    """Return what a value is that no text can hold: its name, or that of its class."""
    if isinstance(value, dict):  # as Keras serialises objects
        config = value.get("config")
        return config if isinstance(config, str) else str(value["class_name"])
    return getattr(value, "__name__", type(value).__name__)


def shown(value: Any) -> str:
    """Return a value as it stands in a tree, also if no text can hold it."""
    try:
        return literal(value, complete=True)
    except NotWritableError:
        return f"<{named(value)}>"
