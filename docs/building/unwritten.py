"""Finds what `make wrapper` has left for a person to write."""

from __future__ import annotations

MARK = "WRITE:"
"""Stands in the templates of `docs/templates` before what no program can know."""


def complaint(place: str, text: str) -> str:
    """Return a sentence on the lines of a text that are still to be written, or nothing."""
    numbers = [number for number, line in enumerate(text.splitlines(), 1) if MARK in line]
    if not numbers:
        return ""
    lines = ", ".join(map(str, numbers))
    return f"{place} is not finished: replace `{MARK}` by what it asks for, in line {lines}."
