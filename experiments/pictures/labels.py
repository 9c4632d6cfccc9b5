"""Names written where lines end, instead of a legend."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.text import Annotation
from matplotlib.textpath import text_to_path
from matplotlib.transforms import offset_copy
from sklearn.isotonic import isotonic_regression

from .line_styles import Look, stages
from .lines import Point
from .panels import Panel

SIZE = 10  # points, as all sizes of text
Measure = Callable[[str], float]


def write_names(
    axes: Axes, panel: Panel, look: Mapping[str, Look], ends: Sequence[Point], width: float
) -> list[Annotation]:
    """Writes every name where its line ends, if on others for now."""
    names = wrap_all([curve.name for curve in panel.curves], width, _width)
    if not panel.sweep:
        curves = zip(names, panel.curves, strict=True)
        names = [_with_end(name, curve.end, width) for name, curve in curves]
    return [
        _write(axes, name, end, look[curve.name])
        for name, end, curve in zip(names, ends, panel.curves, strict=True)
    ]


def spread_names(axes: Axes, names: Sequence[Annotation]) -> None:
    """Moves names up and down until none is on another."""
    panel = axes.get_window_extent().height
    points = panel / axes.figure.dpi * 72
    heights = np.array([height_of(name.get_text()) / points for name in names])
    wanted = np.array([name.get_position()[1] for name in names])
    for name, height in zip(names, spread(wanted, heights, -0.02, 1.02), strict=True):
        name.set_position((1, height))


def height_of(text: str) -> float:
    """Return the height of a name, in points, with a gap."""
    return SIZE * (1.2 * (text.count("\n") + 1) + 0.3)


def _with_end(name: str, end: str, width: float) -> str:
    if not end:
        return name
    last = f"{name}, {end}".splitlines()[-1]
    return f"{name}, {end}" if _width(last) <= width else f"{name},\n{end}"


def _write(axes: Axes, name: str, end: Point, look: Look) -> Annotation:
    """Return a name beside the panel, at the height of the line's end, with a line from there."""
    beside = offset_copy(axes.transAxes, axes.figure, x=15, units="points")
    height = (axes.transData + axes.transAxes.inverted()).transform(end)[1]
    early = end[0] < axes.dataLim.x1
    return axes.annotate(
        name,
        xy=end,
        xytext=(1, height),
        textcoords=beside,
        color=look.text_color,
        fontsize=SIZE,
        va="center",
        annotation_clip=False,
        parse_math=False,  # a regular expression may have "$" in it
        arrowprops={
            "arrowstyle": "-",
            "color": look.color,
            "linewidth": 0.8,
            "linestyle": (0, (1, 4)) if early else "solid",
            "relpos": (0, 0.5),
            "shrinkA": 2,
            "shrinkB": 2,
        },
    )


def _width(text: str) -> float:
    """Return the width of a text, in points."""
    font = FontProperties(size=SIZE)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


def wrap(name: str, width: float, measure: Measure, lines: int | None = 3) -> str:
    """Return a stack's text in lines: a new one for a stage, or within one that is longer than a
    line.

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
    """Yield its arguments, and the parts of those that are too long for a line."""
    for argument in re.split(r"(?<=, )", stage):
        fits = measure(f"  {argument}") <= width
        yield from [argument] if fits else re.split(r"(?<=[_(])", argument)


def shorten(text: str, width: float, measure: Measure) -> str:
    """Return a text with "…" for as much of its middle as does not fit."""
    kept = len(text)
    shorter = text
    while measure(shorter) > width and kept > 2:
        kept -= 1
        shorter = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return shorter


def wrap_all(names: Sequence[str], width: float, measure: Measure) -> list[str]:
    """Return every text in few lines, or in as many as it takes to tell them apart."""
    short = [wrap(name, width, measure) for name in names]
    return [
        text if short.count(text) == 1 else wrap(name, width, measure, lines=None)
        for name, text in zip(names, short, strict=True)
    ]


def spread(positions: np.ndarray, heights: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the positions, moved as little as possible until nothing overlaps.

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
