"""Tells whether XLA may be given the update of a stack: whether all that runs in it is known.

A model's own code may be anything, and there are operations that XLA does not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from ..backends import keras_private
from . import stack

_HERE = __name__.partition(".")[0]


def runs_known_code(optimizer: keras.optimizers.Optimizer) -> bool:
    """Returns whether a step of the stack runs nothing but what comes from Keras or from here."""
    constraints = [variable.constraint for variable in keras_private.built_variables(optimizer)]
    code = [one for member in stack.walk(optimizer) for one in _code_of(member)]
    return all(map(_is_known, [*code, *filter(None, constraints)]))


def _code_of(member: keras.optimizers.Optimizer) -> Iterator[Any]:
    """Yields what a step of this one optimizer calls."""
    yield member
    yield from getattr(member, "given_functions", ())
    learning_rate = keras_private.learning_rate(member)
    if callable(learning_rate):  # a schedule, or a function
        yield learning_rate


def _is_known(code: Any) -> bool:
    """Returns whether a function is from Keras or from here, or the class of an object."""
    return keras_private.is_of_keras(code) or keras_private.package_of(code) == _HERE
