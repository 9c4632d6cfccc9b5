"""Names written where lines end, instead of a legend."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from sklearn.isotonic import isotonic_regression

from .line_styles import stages

Measure = Callable[[str], float]


def wrap(name: str, width: float, measure: Measure, lines: int | None = 3) -> str:
    """A stack's text in lines: a new one for a stage, or within one that is longer than a line.

    Args:
        name: The text.
        width: What a line may measure.
        measure: How wide a text is.
        lines: How many there may be; "…" stands for others before the last. None for any number.
    """
    filled = [""]
    for number, stage in enumerate(stages(name)):
        stage = f" | {stage}" if number else stage
        if measure(filled[-1] + stage) <= width:
            filled[-1] += stage
            continue
        if number:
            filled.append("")
        for piece in _pieces(stage.strip(), width, measure):
            if filled[-1].strip() and measure(filled[-1] + piece.rstrip()) > width:
                filled.append("  ")
            filled[-1] += piece
    if lines is not None and len(filled) > lines:
        filled[lines - 1 :] = [f"… {filled[-1].strip()}"]
    return "\n".join(shorten(line.rstrip(), width, measure) for line in filled)


def _pieces(stage: str, width: float, measure: Measure) -> Iterator[str]:
    """Its arguments, and the parts of those that are too long for a line."""
    for argument in re.split(r"(?<=, )", stage):
        fits = measure(f"  {argument}") <= width
        yield from [argument] if fits else re.split(r"(?<=[_(])", argument)


def shorten(text: str, width: float, measure: Measure) -> str:
    """A text with "…" for as much of its middle as does not fit."""
    kept = len(text)
    shorter = text
    while measure(shorter) > width and kept > 2:
        kept -= 1
        shorter = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return shorter


def wrap_all(names: Sequence[str], width: float, measure: Measure) -> list[str]:
    """Every text in few lines, or in as many as it takes to tell them apart."""
    short = [wrap(name, width, measure) for name in names]
    return [
        text if short.count(text) == 1 else wrap(name, width, measure, lines=None)
        for name, text in zip(names, short, strict=True)
    ]


def spread(positions: np.ndarray, heights: np.ndarray, low: float, high: float) -> np.ndarray:
    """The positions, moved as little as possible until nothing overlaps.

    Args:
        positions: Where the centers of things of these heights should be.
        heights: Their heights, with a gap to the next.
        low: Where the lowest may begin.
        high: Where the highest may end, if there is room.
    """
    order = np.argsort(positions, kind="stable")
    stacked = np.cumsum(heights[order])
    centers = stacked - heights[order] / 2
    starts = isotonic_regression(positions[order] - centers)
    moved = np.empty(len(positions))
    moved[order] = np.clip(starts, low, max(low, high - stacked[-1])) + centers
    return moved
