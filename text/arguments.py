"""The arguments that a stage of a text may have."""

from __future__ import annotations

import inspect
from collections.abc import Callable

_FROM_THE_STACK = ("self", "inner_optimizer")
_NO_ARGUMENT = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def arguments_of(maker: Callable) -> dict[str, inspect.Parameter]:
    """Return the arguments of a class or function by name, without the optimizer inside.

    Where a class hands `**kwargs` on, those of the class above are among them.
    """
    found: dict[str, inspect.Parameter] = {}
    handed_on = False
    for function in _initializers(maker):
        parameters = inspect.signature(function).parameters.values()
        for parameter in parameters:
            if parameter.name in _FROM_THE_STACK or parameter.kind in _NO_ARGUMENT:
                continue
            if not handed_on:
                found[parameter.name] = parameter
            elif parameter.default is not parameter.empty:
                by_name = parameter.replace(kind=parameter.KEYWORD_ONLY)
                found.setdefault(parameter.name, by_name)
        handed_on = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        if not handed_on:
            break
    return found


def _initializers(maker: Callable) -> list[Callable]:
    if not inspect.isclass(maker):
        return [maker]
    return [
        vars(cls)["__init__"]
        for cls in maker.__mro__
        if "__init__" in vars(cls) and cls is not object
    ]
