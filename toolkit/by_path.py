"""Values for variables, by patterns of their paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..backends import replicas
from .selection import matches, warn_of_unmatched

Variable = Any


class ByPath:
    """For each variable, the value of the first pattern that matches it.

    Warns of a regular expression that is found in no path, if there are any variables.

    Args:
        argument: The name of the argument that has the patterns.
        values: The values by pattern: a regular expression, or a selector.
        default: That of all other variables.
        variables: All variables.
    """

    def __init__(
        self,
        argument: str,
        values: Mapping[str, Any],
        default: Any,
        variables: Sequence[Variable],
    ) -> None:
        warn_of_unmatched(argument, list(values), variables)
        self._values = {
            replicas.key(variable): first_match(values, variable, default) for variable in variables
        }

    def __getitem__(self, variable: Variable) -> Any:
        return self._values[replicas.key(variable)]


def first_match(values: Mapping[str, Any], variable: Variable, default: Any) -> Any:
    """Return the value of the first pattern that matches a variable."""
    matching = (value for pattern, value in values.items() if matches(pattern, variable))
    return next(matching, default)
