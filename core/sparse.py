"""Sparse gradients: where the rows that a batch looked up are enough.

TensorFlow gives an Embedding's gradient as rows. A table of a million words is read and
written as a whole if they are made a dense gradient, and at the rows only if not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras

from ..backends import keras_private, replicas
from . import stack

Optimizer = keras.optimizers.Optimizer

# Everything of a wrapper that gradients pass through.
_HOOKS = ("apply", "transform_gradients", "transform_steps", "take_steps", "apply_inner")


def works_on_rows(hook: Callable) -> Callable:
    """Marks a wrapper's hook that does the same to rows, summed up once, as to a dense gradient.

    A hook that overrides it is not marked by that, and gets dense gradients.
    """
    hook.works_on_rows = True
    return hook


def keeps_rows(wrapper: type) -> bool:
    """Return whether a wrapper of that class leaves sparse gradients sparse."""
    hooks = (getattr(wrapper, name, None) for name in _HOOKS)
    return all(getattr(hook, "works_on_rows", False) for hook in hooks)


def rows_suffice(optimizer: Optimizer, variable: Any) -> bool:
    """Return whether all that this variable's gradient passes through in a stack work on rows."""
    return all(
        _works_on_rows(member) or _leaves_out(member, variable)
        for member in _way(optimizer, variable)
    )


def _works_on_rows(member: Optimizer) -> bool:
    if getattr(member, "loss_scale_factor", None) is not None:
        return False  # Keras divides by it, what rows do not have
    if not stack.parts(member):
        # The others of Keras write to the whole table, which is faster with a dense gradient;
        # and what is not of Keras may take nothing else.
        return isinstance(member, keras.optimizers.SGD) and not member.momentum
    several = getattr(keras.optimizers, "MultiOptimizer", ())  # not in every Keras
    return isinstance(member, several) or keeps_rows(type(member))


def _leaves_out(member: Optimizer, variable: Any) -> bool:
    # Not where it has a scale of its own, see above: that divides the gradients of all.
    return (
        hasattr(member, "selected")
        and member.loss_scale_factor is None
        and not member.overrides("apply")
        and not member.selected([variable])
    )


def _way(optimizer: Optimizer, variable: Any) -> Iterator[Optimizer]:
    """Yield the optimizer, and those inside that the variable's gradient reaches."""
    yield optimizer
    parts = stack.parts(optimizer)
    for part in parts:
        if len(parts) == 1 or _trains(part, variable):
            yield from _way(part, variable)


def _trains(optimizer: Optimizer, variable: Any) -> bool:
    keys = (replicas.key(one) for one in keras_private.built_variables(optimizer))
    return replicas.key(variable) in keys
