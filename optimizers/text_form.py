"""Where the optimizers below reach `text/`, which is made of all of them.

An inner optimizer may be given as a text, and an optimizer is shown as one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_functions: dict[str, Callable] = {}


def provide(read: Callable[[str], Any], write: Callable[[Any], str]) -> None:
    """Says how: `read` makes an optimizer of a text, `write` a text of an optimizer."""
    _functions.update(read=read, write=write)


def read(text: str) -> Any:
    """Return the optimizer that a text describes."""
    return _functions["read"](text)


def shown(optimizer: Any) -> str:
    """Return an optimizer as its `repr`: its text, or as much as can be told in whatever state it
    is.
    """
    try:
        return _functions["write"](optimizer)
    except Exception:  # it may be half made, or in the middle of a trace
        return f"<{type(optimizer).__name__}>"
