"""Arguments that an optimizer or wrapper does not have: errors that say where they belong."""

from __future__ import annotations

import inspect
import re
from typing import Any

import keras

from .. import checks
from . import old_names
from .keras_classes import keras_optimizer_classes


def refuse_unknown_arguments(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuses keyword arguments that a wrapper does not have, and says where they belong."""
    accepted = inspect.signature(cls.__init__).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        return
    for name in kwargs:
        if name in accepted:
            continue
        inner_optimizer = args[0] if args else kwargs.get("inner_optimizer")
        own = [parameter for parameter in accepted if parameter != "self"]
        remedy = checks.nearest(name, own) or f" It takes: {checks.listed(own)}."
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
    """Return the name of the innermost optimizer's class if that has the argument."""
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
