"""The variables that something acts on, by patterns of their paths."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from ..backends import replicas
from .user_warning import warn_user

Variable = Any

VECTORS = "*vectors"
"""Stands among patterns for variables of less than two axes: biases, scales and offsets.

It is no regular expression, so that it cannot be meant for one, nor one for it.
"""

SELECTORS = (VECTORS,)


def path_of(variable: Variable) -> str:
    """Return where a variable is in its model, such as "dense/kernel"."""
    return getattr(variable, "path", variable.name)


def matches(pattern: str, variable: Variable) -> bool:
    """Return whether a regular expression is found in the variable's path, or a selector fits."""
    if pattern == VECTORS:
        return len(variable.shape) < 2
    return re.search(pattern, path_of(variable)) is not None


class Selection:
    """Those variables that a pattern of `only` matches, if it is given, and none of `exclude`.

    Args:
        only: Patterns, or None for all variables.
        exclude: Patterns.
        variables: All variables.
    """

    def __init__(
        self, only: Sequence[str] | None, exclude: Sequence[str], variables: Sequence[Variable]
    ) -> None:
        def is_left_out(variable: Variable) -> bool:
            is_wanted = only is None or any(matches(pattern, variable) for pattern in only)
            return not is_wanted or any(matches(pattern, variable) for pattern in exclude)

        self.all_variables = variables
        self._left_out = {replicas.key(variable) for variable in variables if is_left_out(variable)}

    def __contains__(self, variable: Variable) -> bool:
        return replicas.key(variable) not in self._left_out

    @property
    def is_everything(self) -> bool:
        """Return whether no variable is left out."""
        return not self._left_out

    def of(self, variables: Sequence[Variable]) -> Sequence[Variable]:
        """Return those that are selected; the same list, if no variable at all is left out."""
        if not self._left_out:
            return variables
        return [variable for variable in variables if variable in self]


def warn_of_unmatched(
    argument: str, patterns: Sequence[str], variables: Sequence[Variable]
) -> None:
    """Names each regular expression that is found in no path, with the path most like it.

    Args:
        argument: The name of the argument that has the patterns.
        patterns: Regular expressions and selectors.
        variables: All variables; without any, nothing is said.
    """
    paths = [path_of(variable) for variable in variables]
    for pattern in patterns:
        if pattern in SELECTORS or any(re.search(pattern, path) for path in paths):
            continue
        if paths:
            warn_user(
                f"`{argument}`: the pattern {pattern!r} is found in the path of no variable. The "
                f"path most like it is {_nearest(pattern, paths)!r}."
            )


def _nearest(pattern: str, paths: Sequence[str]) -> str:
    """Return the path of which a part between slashes is spelled most like the pattern."""
    path_of_part = {part: path for path in reversed(paths) for part in _parts(path)}
    [part] = difflib.get_close_matches(pattern, path_of_part, n=1, cutoff=0.0)
    return path_of_part[part]


def _parts(path: str) -> list[str]:
    """Return the path from each of its slashes to each later one."""
    names = path.split("/")
    places = range(len(names))
    return ["/".join(names[start : end + 1]) for start in places for end in places[start:]]
