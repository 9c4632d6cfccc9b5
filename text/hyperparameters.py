"""What an optimizer was made with, and what is inside of it."""

from __future__ import annotations

import re
import warnings
from typing import Any

import keras
import numpy as np

from ..catalogue import snake_case
from ..core import stack
from ..optimizers import catalogue as optimizers
from ..wrappers import OptimizerWrapper
from .arguments import arguments_of

Optimizer = keras.optimizers.Optimizer


def class_of(optimizer: Optimizer) -> type:
    """Return its class: on PyTorch, Keras' `Adam()` is of a subclass that has no public name."""
    public = list(vars(keras.optimizers).values())
    classes = type(optimizer).__mro__
    return next(cls for cls in classes if cls in public or not cls.__module__.startswith("keras."))


def hyperparameters(optimizer: Optimizer) -> dict[str, Any]:
    """Return the arguments of an optimizer, without optimizers inside and without a name Keras
    chose.
    """
    if type(optimizer).get_config is OptimizerWrapper.get_config:
        # As there, but functions stay functions.
        values = {
            name: getattr(optimizer, name)
            for name, parameter in arguments_of(class_of(optimizer)).items()
            if not optimizer.leaves_out(parameter)
        }
    else:
        values = _config(optimizer)
        values.pop("inner_optimizer", None)
        values.pop("optimizer_map", None)
    if re.fullmatch(rf"{snake_case(class_of(optimizer))}(_\d+)?", str(values.get("name"))):
        del values["name"]
    return {name: _shortest(optimizer, name, value) for name, value in values.items()}


def _config(optimizer: Optimizer) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a lambda is not safe to load
        return dict(optimizer.get_config())


def _shortest(optimizer: Optimizer, name: str, value: Any) -> Any:
    """Return 0.001 for 0.0010000000474974513, if a variable has it, where they are the same."""
    if not isinstance(value, float):
        return value
    variable = getattr(optimizer, name, None)
    if isinstance(variable, keras.Variable) and variable.dtype in ("float16", "float32"):
        return float(str(np.dtype(variable.dtype).type(value)))
    return value


def parts(optimizer: Optimizer) -> list[tuple[str, Optimizer]]:
    """Return the optimizers directly inside, each with what it is for if there are several."""
    if optimizers.name_of(class_of(optimizer)) is not None:
        return []  # what L4Adam has inside is its own affair
    inside = stack.parts(optimizer)
    return list(zip(_labels(optimizer, len(inside)), inside, strict=True))


def _labels(optimizer: Optimizer, count: int) -> list[str]:
    if count > 1:
        chosen_by = _config(optimizer).get("optimizer_map", {}).get("config")
        if isinstance(chosen_by, dict):
            labels = [f"{pattern!r}: " for pattern in chosen_by["optimizer_map"]]
            if len(labels) == count - 1:  # no optimizer stands at two patterns
                return [*labels, "otherwise: "]
    return [""] * count
