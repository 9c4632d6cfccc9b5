"""Sees to things when a wrapper class is defined, so that its author need not."""

from __future__ import annotations

import difflib
import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any


def build_once(cls: type) -> None:
    """Has the class's own `build` do nothing where the optimizer is built, and calls for `super`.

    Keras and training loops call it more than once, and without this, a second call would make
    the state anew. The class's own is given the variables that the wrapper acts on.
    """
    build = vars(cls).get("build")
    if not inspect.isfunction(build):
        return

    @functools.wraps(build)
    def once(self: Any, variables: Sequence[Any]) -> None:
        if self.built:
            return
        with self.building_on_selected(variables) as selected:
            build(self, selected)
        if not self.built:
            raise RuntimeError(
                f"{cls.__name__}.build did not build the optimizer inside. Write "
                "`super().build(variables)` as its first line."
            )

    cls.build = once


def warn_of_misspelt_hooks(cls: type, hooks: Sequence[str], overrides: Callable) -> None:
    """Names methods that look like a hook which is not overridden, for nothing would call them."""
    missed = [hook for hook in hooks if not overrides(hook)]
    for name, value in vars(cls).items():
        if name.startswith("_") or not inspect.isfunction(value) or _is_inherited(cls, name):
            continue
        for hook in difflib.get_close_matches(name, missed, n=1, cutoff=0.85):
            warnings.warn(
                f"{cls.__name__} has a method `{name}`, which nothing calls. If it is meant for "
                f"the hook `{hook}`, give it that name; if it is not, another name than that of a "
                "hook but for a few letters.",
                stacklevel=3,
            )


def _is_inherited(cls: type, name: str) -> bool:
    return any(name in vars(base) for base in cls.__mro__[1:])
