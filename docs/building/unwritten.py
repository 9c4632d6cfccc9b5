"""Finds what `make wrapper` has left for a person to write."""

from __future__ import annotations

import pathlib

ROOT = pathlib.Path(__file__).parents[2]
MARK = "WRITE:"
"""Stands in the templates of `docs/templates` before what no program can know."""
PLACES = ("wrappers/*/*.py", "docs/site/pages/wrappers/*.md", "docs/pictures/wrapper_pictures.py")


def files() -> list[pathlib.Path]:
    """Return the files that are filled from the templates."""
    return [path for place in PLACES for path in sorted(ROOT.glob(place))]


def complaint(path: pathlib.Path) -> str:
    """Return a sentence on the lines of a file that are still to be written, or nothing."""
    text = path.read_text(encoding="utf-8")
    numbers = [str(number) for number, line in enumerate(text.splitlines(), 1) if MARK in line]
    if not numbers:
        return ""
    return (
        f"{path.relative_to(ROOT)} is not finished: replace `{MARK}` by what it asks for, in line "
        f"{', '.join(numbers)}."
    )
