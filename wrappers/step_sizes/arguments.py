"""The arguments of the L4 rule, for optimizers that make the one inside of them themselves."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .l4 import L4

LAST_OF_DIRECTION = "gradient_time_scale"


def with_arguments_of_rule(initialize: Callable) -> Callable:
    """Returns an `__init__` with those of `L4`, without `inner_optimizer`, in place of `**rule`.

    They stand in their order, with the defaults that they have there; its own arguments, which
    are of the direction, follow `gradient_time_scale`.
    """
    itself, *own, _ = inspect.signature(initialize).parameters.values()
    _, _, *rule = inspect.signature(L4.__init__).parameters.values()
    place = 1 + [parameter.name for parameter in rule].index(LAST_OF_DIRECTION)
    signature = inspect.signature(initialize).replace(
        parameters=[itself, *rule[:place], *own, *rule[place:]]
    )

    @functools.wraps(initialize)
    def initialize_with_rule(*args: Any, **kwargs: Any) -> None:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{initialize.__qualname__}(): {error}") from None
        initialize(given.pop("self"), **given)

    initialize_with_rule.__signature__ = signature
    return initialize_with_rule
