"""Lists what has a page of its own: everything in stepwrap that a user may choose by name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import stepwrap

# The folders of the pages, and what the entries in them are called.
KINDS = {
    "wrappers": "Wrappers",
    "normalizers": "Normalizers",
    "presets": "Presets",
    "callbacks": "Callbacks",
    "optimizers": "Base optimizers",
}


@dataclass(frozen=True)
class Entry:
    """Something with a page.

    Args:
        kind: The folder of its page, one of `KINDS`.
        name: Its name in texts, which is that of its page.
        path: Where a user finds it in Python; of a normalizer, nothing.
        what: The class or the function.
        aliases: Other names of the same thing.
    """

    kind: str
    name: str
    path: str
    what: Callable
    aliases: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """Return the page's path below `docs/site`, without its ending."""
        return f"pages/{self.kind}/{self.name}"

    @property
    def picture(self) -> str:
        """Return the picture's path below the folder of the pictures."""
        return f"{self.kind}/{self.name}.svg"


def entries() -> list[Entry]:
    """Return everything that needs a page, by kind and then by name."""
    found = [*_wrappers(), *_normalizers(), *_presets(), *_callbacks(), *_optimizers()]
    return sorted(found, key=lambda entry: ([*KINDS].index(entry.kind), entry.name))


def _wrappers() -> Iterator[Entry]:
    built_in = {name: stepwrap.wrappers.get(name) for name in stepwrap.wrappers.names()}
    # It stands outermost, like Keras' own, and is not in the catalogue of wrappers.
    built_in["loss_scale_optimizer"] = stepwrap.LossScaleOptimizer
    for name, cls in built_in.items():
        yield Entry("wrappers", name, f"stepwrap.{cls.__name__}", cls)


def _normalizers() -> Iterator[Entry]:
    from stepwrap.normalizers import norms

    names: dict[Any, list[str]] = {}
    for name, norm in norms.BUILT_IN.items():
        names.setdefault(norm, []).append(name)
    for norm, (name, *aliases) in names.items():
        yield Entry("normalizers", name, "", norm, tuple(aliases))


def _presets() -> Iterator[Entry]:
    for name in stepwrap.presets.__all__:
        yield Entry("presets", name, f"stepwrap.presets.{name}", getattr(stepwrap.presets, name))


def _callbacks() -> Iterator[Entry]:
    for name in stepwrap.callbacks.__all__:
        in_words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
        cls = getattr(stepwrap.callbacks, name)
        yield Entry("callbacks", in_words, f"stepwrap.callbacks.{name}", cls)


def _optimizers() -> Iterator[Entry]:
    for name in stepwrap.optimizers.names():
        cls = stepwrap.optimizers.get(name)
        if inspect.isclass(cls) and cls.__module__.startswith("stepwrap."):  # others are Keras'
            yield Entry("optimizers", name, f"stepwrap.{cls.__name__}", cls)
