"""From optimizers to texts."""

from __future__ import annotations

import keras

from ..optimizers import catalogue as optimizers
from ..wrappers import LossScaleOptimizer
from ..wrappers import catalogue as wrappers
from .hyperparameters import class_of, hyperparameters, parts
from .literals import NotWritableError, written_call
from .tree import tree

Optimizer = keras.optimizers.Optimizer


def describe(optimizer: Optimizer) -> str | None:
    """Prints a stack as a tree, outermost at the top, and returns it as a text.

    The tree has every hyper-parameter, the text those that differ from their defaults.
    `parse` makes the same stack of the text: the same config, but for names that Keras
    chose. What training has changed, other than the learning rate, is in neither.

    Args:
        optimizer: Any Keras optimizer.

    Returns:
        The text, or None if the stack has none: if it branches, as a `MultiOptimizer`
        does, has a class without a name in texts, or an argument that is no literal, such
        as a function. The last line printed says why.

    Raises:
        TypeError: If `optimizer` is no Keras optimizer.
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            "`optimizer` must be a Keras optimizer or a wrapper. "
            f"Received: {optimizer!r} of type {type(optimizer).__name__}."
        )
    print("\n".join(tree(optimizer)))
    try:
        return " | ".join(reversed(_stages(optimizer)))
    except NotWritableError as error:
        print(f"No text form: {error}.")
        return None


def _stages(optimizer: Optimizer) -> list[str]:
    """The text of every stage, from the outside in."""
    inside = parts(optimizer)
    if hasattr(optimizer, "optimizers") and not hasattr(optimizer, "inner_optimizer"):
        raise NotWritableError(f"{class_of(optimizer).__name__} branches, and a text does not")
    name = _name(optimizer, bool(inside))
    stage = written_call(name, class_of(optimizer), hyperparameters(optimizer))
    return [stage, *(text for _, part in inside for text in _stages(part))]


def _name(optimizer: Optimizer, is_wrapper: bool) -> str:
    cls = class_of(optimizer)
    if cls is LossScaleOptimizer:
        return "loss_scale_optimizer"
    name = wrappers.name_of(cls) if is_wrapper else optimizers.name_of(cls)
    if name is None:
        register = "wrappers" if is_wrapper else "optimizers"
        raise NotWritableError(
            f"{cls.__name__} has no name; `@stepwrap.{register}.register` gives one"
        )
    return name
