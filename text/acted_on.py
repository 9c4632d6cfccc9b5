"""Which variables of a model each wrapper in a stack acts on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..backends import keras_private, replicas
from ..core import stack
from ..toolkit.selection import path_of

Optimizer = keras.optimizers.Optimizer
Variable = Any


def acted_on(optimizer: Optimizer, model: Any) -> list[str]:
    """Return lines for each wrapper with patterns, from the outside in: its variables by path.

    Raises:
        TypeError: If the model has no `trainable_variables`.
        ValueError: If it has none yet.
    """
    variables = _variables_of(model)
    return [
        line
        for member in stack.walk(optimizer)
        if _has_patterns(member)
        for line in _lines(member, variables)
    ]


def _variables_of(model: Any) -> list[Variable]:
    variables = getattr(model, "trainable_variables", None)
    if not isinstance(variables, list | tuple):
        raise TypeError(
            "`model` must be a Keras model, whose `trainable_variables` are shown. "
            f"Received: {model!r} of type {type(model).__name__}."
        )
    if not variables and not model.built:
        raise ValueError(
            "`model` has no variables yet. Build it first: give it an Input, or call "
            "`model.build(input_shape)`."
        )
    return list(variables)


def _has_patterns(member: Optimizer) -> bool:
    if not hasattr(member, "selection_of"):
        return False
    exclude = member.excluded_by_default if member.exclude is None else member.exclude
    return member.only is not None or bool(exclude)


def _lines(member: Optimizer, variables: Sequence[Variable]) -> list[str]:
    if member.built:
        known = {replicas.key(one) for one in keras_private.built_variables(member)}
        variables = [one for one in variables if replicas.key(one) in known]
        selected = member.selected(variables)
    else:
        selected = member.selection_of(variables).of(variables)
    keys = {replicas.key(variable) for variable in selected}
    others = [variable for variable in variables if replicas.key(variable) not in keys]
    name = type(member).__name__
    lines = [f"{name} acts on {len(selected)} of {len(variables)} variables:", *_paths(selected)]
    return [*lines, f"{name} leaves out:", *_paths(others)] if others else lines


def _paths(variables: Sequence[Variable]) -> list[str]:
    return [f"    {path_of(variable)}" for variable in variables]
