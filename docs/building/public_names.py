"""The names that stepwrap promises, and the place of each in the reference."""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import Any

MODULES = (
    "stepwrap",
    "stepwrap.wrappers",
    "stepwrap.normalizers",
    "stepwrap.callbacks",
    "stepwrap.optimizers",
    "stepwrap.presets",
    "stepwrap.experiments",
)


@functools.cache
def documented() -> dict[str, str]:
    """Return for every public name the one under which the reference describes it.

    What two modules have, such as `stepwrap.RAdam` and `stepwrap.optimizers.RAdam`, is described
    once, in the first of `MODULES` that has it.
    """
    first: dict[Any, str] = {}
    found = {}
    for module in MODULES:
        content = importlib.import_module(module)
        for name in content.__all__:
            path = f"{module}.{name}"
            value = getattr(content, name)
            found[path] = path if inspect.ismodule(value) else first.setdefault(value, path)
    return found


def path_of(name: str) -> str | None:
    """Return where the reference describes what a docstring calls by that name, if it does.

    A name without a dot is one of stepwrap's classes; `get` or `names` may be anything.
    """
    if name in MODULES:
        return name
    names = documented()
    if name in names:
        return names[name]
    return names.get(f"stepwrap.{name}") if name[:1].isupper() else None
