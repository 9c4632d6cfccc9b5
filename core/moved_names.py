"""Finds what has moved since 0.6.0 at its old place, for one release, with a warning.

To remove it: this file, its two lines in `__init__.py`, and `tests/test_moved_names.py`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.util
import sys
import warnings
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType

_TOOLS = (
    *("blocks", "clipping", "exclusions", "finite", "random_numbers", "replica_local"),
    *("skip_tally", "slots"),
)
_MODULES = {
    "stepwrap.backup": "stepwrap.callbacks.backup_and_restore",
    "stepwrap.evaluate_on_averages": "stepwrap.callbacks.evaluate_on_averages",
    "stepwrap.gradient_average": "stepwrap.wrappers.step_sizes.gradient_average",
    "stepwrap.keras_private": "stepwrap.backends.keras_private",
    "stepwrap.stack": "stepwrap.core.stack",
    "stepwrap.step_capture": "stepwrap.core.capture",
    "stepwrap.step_record": "stepwrap.core.record",
    "stepwrap.wrappers.optimizer_wrapper": "stepwrap.core.optimizer_wrapper",
    **{f"stepwrap.{name}": f"stepwrap.toolkit.{name}" for name in _TOOLS},
}
_FUNCTIONS = {
    "stepwrap.checks.arguments": "stepwrap.optimizers.unknown_arguments.refuse_unknown_arguments",
    "stepwrap.checks.keras_optimizer_classes": (
        "stepwrap.optimizers.keras_classes.keras_optimizer_classes"
    ),
    "stepwrap.checks.optimizer": "stepwrap.optimizers.look_up.optimizer_of",
    "stepwrap.checks.wrappable": "stepwrap.core.refusals.wrappable",
    "stepwrap.core.optimizer_wrapper.is_overwritten": "stepwrap.core.batch.is_overwritten",
}
_ROOMS_OF_WRAPPERS = ("gradients", "steps", "step_sizes", "weights", "updates")


class _OldPlaces(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Is asked last, for modules that are nowhere else."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the module, if there was one of this name."""
        return importlib.util.spec_from_loader(name, self) if _new_place(name) else None

    def exec_module(self, module: ModuleType) -> None:
        """Puts the module at its new place where the one that is being imported would be."""
        new = _new_place(module.__name__)
        _warn(module.__name__, new)
        sys.modules[module.__name__] = importlib.import_module(new)


def install() -> None:
    """Lets old names be imported, and be attributes of what they were attributes of."""
    sys.meta_path.append(_OldPlaces())
    parents = {old.rpartition(".")[0] for old in _FUNCTIONS}
    for name in sorted({"stepwrap", "stepwrap.wrappers"} | parents):
        module = sys.modules[name]
        missing = vars(module).get("__getattr__", functools.partial(_missing, name))
        module.__getattr__ = functools.partial(_at_old_place, module, missing)


def _missing(module: str, name: str) -> object:
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


def _at_old_place(module: ModuleType, missing: Callable[[str], object], name: str) -> object:
    old = f"{module.__name__}.{name}"
    if new := _new_place(old):
        found = sys.modules[old] = importlib.import_module(new)
    elif new := _FUNCTIONS.get(old):
        place, _, function = new.rpartition(".")
        found = getattr(importlib.import_module(place), function)
    else:
        return missing(name)
    _warn(old, new)
    setattr(module, name, found)  # one warning is enough
    return found


def _new_place(old: str) -> str | None:
    """Return the name now of a module that was there in 0.6.0."""
    if old in _MODULES:
        return _MODULES[old]
    package, _, name = old.rpartition(".")
    if package != "stepwrap.wrappers" or name.startswith("_"):
        return None
    places = (f"{package}.{room}.{name}" for room in _ROOMS_OF_WRAPPERS)
    return next((place for place in places if importlib.util.find_spec(place)), None)


def _warn(old: str, new: str) -> None:
    message = f"`{old}` is `{new}` now. The next release has no `{old}` any more."
    warnings.warn(message, DeprecationWarning, stacklevel=3)
