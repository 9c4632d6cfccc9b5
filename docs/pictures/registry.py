"""The pictures by name: a function for each, which enters itself."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

FILES = {
    "wrappers": "wrapper_pictures.py",
    "normalizers": "normalizer_pictures.py",
    "presets": "preset_pictures.py",
    "optimizers": "optimizer_pictures.py",
    "callbacks": "callback_pictures.py",
    "architecture": "architecture_pictures.py",
}
"""Where the functions of each kind are."""

_pictures: dict[str, Callable[[], Figure]] = {}


def picture(name: str) -> Callable[[Callable[[], Figure]], Callable[[], Figure]]:
    """Return a decorator that enters a function as the picture of "kind/name"."""
    kind, _, _ = name.partition("/")
    if kind not in FILES:
        raise ValueError(f"'{name}' is of no kind that has pictures: {', '.join(FILES)}.")
    if name in _pictures:
        raise ValueError(f"There is a picture of '{name}' already.")

    def enter(function: Callable[[], Figure]) -> Callable[[], Figure]:
        _pictures[name] = function
        return function

    return enter


def entered() -> list[str]:
    """Return the names that have a picture, sorted."""
    return sorted(_pictures)


def figure_of(name: str) -> Figure:
    """Return the picture of that name."""
    return _pictures[name]()
