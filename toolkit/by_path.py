"""Values for variables, by patterns of their paths."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..backends import replicas
from .user_warning import warn_user

Variable = Any


def path_of(variable: Variable) -> str:
    """Return where a variable is in its model, such as "dense/kernel"."""
    return getattr(variable, "path", variable.name)


def first_match(values: Mapping[str, Any], path: str, default: Any) -> Any:
    """Return the value of the first pattern that is found in a path."""
    matching = (value for pattern, value in values.items() if re.search(pattern, path))
    return next(matching, default)


class ByPath:
    """For each variable, the value of the first regular expression that is found in its path.

    Warns of a pattern that is found in none, if there are any variables.

    Args:
        argument: The name of the argument that has the patterns.
        values: The values by pattern.
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
        _warn_of_unmatched(argument, list(values), [path_of(variable) for variable in variables])
        self._values = {
            replicas.key(variable): first_match(values, path_of(variable), default)
            for variable in variables
        }

    def __getitem__(self, variable: Variable) -> Any:
        return self._values[replicas.key(variable)]


def _warn_of_unmatched(argument: str, patterns: Sequence[str], paths: Sequence[str]) -> None:
    for pattern in patterns:
        if not paths or any(re.search(pattern, path) for path in paths):
            continue
        [nearest] = difflib.get_close_matches(pattern, paths, n=1, cutoff=0.0)
        warn_user(
            f"`{argument}`: the pattern {pattern!r} is found in the path of no variable. The "
            f"path most like it is {nearest!r}."
        )
