"""What wrappers of users left variables out with in 0.6.0; goes with `core/moved_names.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .selection import Selection, warn_of_unmatched

Variable = Any


class Exclusions:
    """The variables in whose path a regular expression is found.

    A wrapper needs it no more: `build` and hooks are not given what `exclude` leaves out.

    Args:
        argument: The name of the argument that has the patterns.
        patterns: Regular expressions, searched for anywhere in a path.
        variables: All variables.
    """

    def __init__(
        self, argument: str, patterns: Sequence[str], variables: Sequence[Variable]
    ) -> None:
        if argument != "exclude":  # of which has been warned, for what it matches is not here
            warn_of_unmatched(argument, patterns, variables)
        self._others = Selection(None, patterns, variables)

    def __contains__(self, variable: Variable) -> bool:
        return variable not in self._others
