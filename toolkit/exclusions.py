"""Variables that a wrapper leaves alone, by patterns of their names."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

from .. import checks
from ..backends import replicas

Variable = Any


class Exclusions:
    """The variables in whose path, such as "dense/kernel", a regular expression is found.

    Warns of a pattern that is found in none, if there are any variables.

    Args:
        argument: The name of the argument that has the patterns.
        patterns: Regular expressions, searched for anywhere in a path.
        variables: All variables.
    """

    def __init__(
        self, argument: str, patterns: Sequence[str], variables: Sequence[Variable]
    ) -> None:
        paths = [getattr(variable, "path", variable.name) for variable in variables]
        for pattern in patterns:
            if paths and not any(re.search(pattern, path) for path in paths):
                warnings.warn(
                    f"`{argument}`: the pattern {pattern!r} matches none of the variables "
                    f"{checks.listed(paths)}.",
                    stacklevel=2,
                )
        self._excluded = {
            replicas.key(variable)
            for variable, path in zip(variables, paths, strict=True)
            if any(re.search(pattern, path) for pattern in patterns)
        }

    def __contains__(self, variable: Variable) -> bool:
        return replicas.key(variable) in self._excluded
