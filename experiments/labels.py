"""Names written where lines end, instead of a legend."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.isotonic import isotonic_regression

from .line_styles import stages

Measure = Callable[[str], float]


def wrap(name: str, width: float, measure: Measure, lines: int | None = 2) -> str:
    """A stack's text in lines that begin with a stage.

    Args:
        name: The text.
        width: What a line may measure. A stage that is longer is shortened in its middle.
        measure: How wide a text is.
        lines: How many there may be; of more, those in the middle are left out, as "…" says.
            None for any number.
    """
    filled: list[str] = []
    for stage in stages(name):
        longer = f"{filled[-1]} | {stage}" if filled else stage
        if filled and measure(longer) <= width:
            filled[-1] = longer
        else:
            filled.append(shorten(f"| {stage}" if filled else stage, width, measure))
    if lines is not None and len(filled) > lines:
        filled = [*filled[: lines - 1], shorten(f"| … {filled[-1]}", width, measure)]
    return "\n".join(filled)


def shorten(text: str, width: float, measure: Measure) -> str:
    """A text with "…" for as much of its middle as does not fit."""
    kept = len(text)
    shorter = text
    while measure(shorter) > width and kept > 2:
        kept -= 1
        shorter = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return shorter


def wrap_all(names: Sequence[str], width: float, measure: Measure) -> list[str]:
    """Every text in two lines at most, or in as many as it takes to tell them apart."""
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
