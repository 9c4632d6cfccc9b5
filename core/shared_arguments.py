"""The arguments that every wrapper takes, whether or not its own `__init__` lists them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import Any


def added(initialize: Callable, parameters: Sequence[Parameter]) -> Callable:
    """Returns an `__init__` that takes these as well, by name, as attributes of the same names.

    They are set last, so that in a chain of `super().__init__` what the caller gave counts.

    Args:
        initialize: The `__init__` of a wrapper.
        parameters: Those that it may lack.
    """
    signature = inspect.signature(initialize)
    own = list(signature.parameters.values())
    more = [
        parameter.replace(kind=Parameter.KEYWORD_ONLY)
        for parameter in parameters
        if parameter.name not in signature.parameters
    ]
    if not more:
        return initialize

    @functools.wraps(initialize)
    def initialize_all(self: Any, *args: Any, **kwargs: Any) -> None:
        given = {one.name: kwargs.pop(one.name) for one in more if one.name in kwargs}
        initialize(self, *args, **kwargs)
        for name, value in given.items():
            setattr(self, name, value)

    place = len(own) - (own[-1].kind is Parameter.VAR_KEYWORD)
    initialize_all.__signature__ = signature.replace(parameters=[*own[:place], *more, *own[place:]])
    return initialize_all
