"""Lines through points, a panel for each optimizer; later lines are less transparent."""

from __future__ import annotations

import math
import pathlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...pictures import Panel
from ...pictures.frames import INK, frame

POINTS = "#b5b5b5"
FIRST = "#1f4fbf"
LAST = "#d62728"
X = np.array([0.0, 1.0])


@dataclass(frozen=True)
class Fit:
    """The lines of one optimizer.

    Args:
        name: The stack's text.
        lines: (slope, intercept) after each step.
    """

    name: str
    lines: Sequence[tuple[float, float]]


def draw_fits(
    points: tuple[np.ndarray, np.ndarray],
    fits: Sequence[Fit],
    first: int,
    title: str,
    path: pathlib.Path,
) -> None:
    """Draws and saves a picture.

    Args:
        points: x and y.
        fits: What has a panel each.
        first: How many lines are drawn from the beginning; the last one is drawn besides.
        title: Stands above.
        path: Has no suffix, and gets .png and .svg.
    """
    columns, rows = 2, math.ceil(len(fits) / 2)
    figure = Figure(figsize=(9.6, 3.6 * rows), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(textwrap.fill(title, 95), x=0.01, ha="left", color=INK, fontsize=12)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, fit in zip(panels, fits, strict=False):
        frame(axes, Panel([], "x", "y", fit.name, sweep=True))
        axes.plot(*points, "o", color=POINTS, markersize=2.5)
        _draw_lines(axes, fit.lines, first)
    panels[0].legend(fontsize=9, labelcolor=INK, framealpha=0.8, edgecolor="none")
    figure.savefig(path.with_suffix(".png"))
    with matplotlib.rc_context({"svg.hashsalt": title}):  # else every file has other identifiers
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Title": title})


def _draw_lines(axes: Axes, lines: Sequence[tuple[float, float]], first: int) -> None:
    for number, (slope, intercept) in enumerate(lines[:first], 1):
        label = f"after each of the first {first} steps" if number == first else None
        axes.plot(
            X, slope * X + intercept, color=FIRST, alpha=number / first, linewidth=1.6, label=label
        )
    slope, intercept = lines[-1]
    axes.plot(
        X, slope * X + intercept, color=LAST, linewidth=1.8, label=f"after {len(lines)} steps"
    )
