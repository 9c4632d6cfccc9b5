"""From optimizers to texts."""

from __future__ import annotations

from typing import Any

import keras

from .. import checks
from ..optimizers import catalogue as optimizers
from ..wrappers import LossScaleOptimizer
from ..wrappers import catalogue as wrappers
from .acted_on import acted_on
from .hyperparameters import class_of, hyperparameters, parts
from .literals import NotWritableError, written_call
from .tree import tree

Optimizer = keras.optimizers.Optimizer


def describe(optimizer: Optimizer, model: Any = None, *, show: bool = False) -> str | None:
    """Return a stack as a text.

    The text has the hyper-parameters that differ from their defaults. `parse` makes the same
    stack of it: the same config, but for names that Keras chose. What training has changed,
    other than the learning rate, is not in it.

    Args:
        optimizer: Any Keras optimizer.
        model: A model that it trains, or is to train. With it, lines below the text say, for
            every wrapper that has `only` or `exclude`, on which of its trainable variables it acts
            and which it leaves out. Parts of a `MultiOptimizer` know theirs once they are built.
            Default: None, the text alone.
        show: Whether the stack is printed as well, as a tree with every hyper-parameter,
            outermost at the top. Default: False.

    Returns:
        The text, or None if the stack has none: if it branches, as a `MultiOptimizer`
        does, has a class without a name in texts, or an argument that is no literal, such
        as a function. With `show=True` the last line printed says why. With a model, the names
        of its classes stand for a text that it has not.

    Raises:
        TypeError: If `optimizer` is no Keras optimizer, `model` has no trainable variables, or
            `show` is neither True nor False.
        ValueError: If `model` is not built.
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            "`optimizer` must be a Keras optimizer or a wrapper. "
            f"Received: {optimizer!r} of type {type(optimizer).__name__}."
        )
    below = [] if model is None else acted_on(optimizer, model)
    if checks.flag("show", show):
        print("\n".join([*tree(optimizer), *below]))
    text = None
    try:
        text = _text(optimizer)
    except NotWritableError as error:
        if show:
            print(f"No text form: {error}.")
    return text if model is None else "\n".join([text or _nested(optimizer), *below])


def short_form(optimizer: Optimizer) -> str:
    """Return the text of a stack; without one, the names of its classes from the outside in.

    The names are as in `Lookahead(<MultiOptimizer>)`.
    """
    try:
        return _text(optimizer)
    except NotWritableError:
        return _nested(optimizer)


def _text(optimizer: Optimizer) -> str:
    return " | ".join(reversed(_stages(optimizer)))


def _nested(optimizer: Optimizer) -> str:
    name = class_of(optimizer).__name__
    inside = parts(optimizer) if hasattr(optimizer, "inner_optimizer") else []
    return f"{name}({_nested(inside[0][1])})" if inside else f"<{name}>"


def _stages(optimizer: Optimizer) -> list[str]:
    """Return the text of every stage, from the outside in."""
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
