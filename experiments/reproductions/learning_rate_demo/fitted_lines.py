"""Lines through points, a panel for each optimizer; the later a line, the darker it is."""

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
TRUE_LINE = "#b3541e"
DARK_TO_LIGHT = matplotlib.colormaps["Blues_r"]
X = np.array([-1.0, 1.0])


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
    points: tuple[np.ndarray, np.ndarray], fits: Sequence[Fit], title: str, path: pathlib.Path
) -> None:
    """Draws and saves a picture; path has no suffix, and gets .png and .svg."""
    columns, rows = 2, math.ceil(len(fits) / 2)
    figure = Figure(figsize=(9.6, 3.6 * rows), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(textwrap.fill(title, 95), x=0.01, ha="left", color=INK, fontsize=12)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, fit in zip(panels, fits, strict=False):
        frame(axes, Panel([], "x", "y", fit.name, sweep=True))
        axes.plot(*points, "o", color=POINTS, markersize=2.5)
        _draw_lines(axes, fit.lines)
    figure.savefig(path.with_suffix(".png"))
    with matplotlib.rc_context({"svg.hashsalt": title}):  # else every file has other identifiers
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Title": title})


def _draw_lines(axes: Axes, lines: Sequence[tuple[float, float]]) -> None:
    shades = DARK_TO_LIGHT(np.linspace(0.75, 0, len(lines)))
    for (slope, intercept), shade in zip(lines, shades, strict=True):
        axes.plot(X, slope * X + intercept, color=shade, linewidth=1.6)
    axes.plot(X, 2 * X + 1, color=TRUE_LINE, linestyle=(0, (5, 3)), linewidth=1.6)
    _name(axes, (0.3, 1.6), "2x + 1", TRUE_LINE, "right", (-12, 8))
    for step in (1, len(lines)):
        slope, intercept = lines[step - 1]
        text = "step 1" if step == 1 else str(step)
        _name(axes, (1, slope + intercept), text, INK, "left", (5, 0))
    axes.set_xlim(-1.05, 1.32)


def _name(
    axes: Axes,
    place: tuple[float, float],
    text: str,
    color: str,
    alignment: str,
    offset: tuple[float, float],
) -> None:
    axes.annotate(
        text,
        place,
        xytext=offset,
        textcoords="offset points",
        color=color,
        fontsize=10,
        ha=alignment,
        va="center",
    )
