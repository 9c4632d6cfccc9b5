"""Panels drawn into a picture."""

from __future__ import annotations

import math
import pathlib
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from . import sweeps
from .frames import INK, frame, limit
from .labels import height_of, spread_names, write_names
from .line_styles import Look, looks
from .lines import Center, Line, Point
from .panels import Panel
from .published import draw_published

BACKGROUND = "#d2d2d2"
WIDTH = 9.6  # inches
NAME_WIDTHS = {1: 190, 2: 122}  # points, by how many panels are beside each other


def draw(
    panels: Sequence[Panel], title: str, path: pathlib.Path, center: Center = np.mean
) -> list[pathlib.Path]:
    """Draws and saves a picture.

    Args:
        panels: From left to right, from top to bottom.
        title: Stands above all of them.
        path: Where the picture goes, without a suffix.
        center: What of the seeds is the line, such as `np.median`; their range is a band.
            Default: `np.mean`.

    Returns:
        The files: path.png and path.svg.
    """
    figure = figure_of(panels, title, center)
    png, svg = (path.with_name(path.name + suffix) for suffix in (".png", ".svg"))
    figure.savefig(png)
    with matplotlib.rc_context({"svg.hashsalt": title}):  # else every file has other identifiers
        figure.savefig(svg, metadata={"Date": None, "Title": title})
    return [png, svg]


def figure_of(panels: Sequence[Panel], title: str, center: Center = np.mean) -> Figure:
    """Return the figure that `draw` saves."""
    columns = min(len(panels), 2)
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(WIDTH, 5.4), dpi=150, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    FigureCanvasAgg(figure)
    figure.suptitle(
        textwrap.fill(title, 95), x=0.01, ha="left", color=INK, fontsize=12, parse_math=False
    )
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in grid[len(panels) :]:
        spare.set_axis_off()
    look = looks([[curve.name for curve in panel.curves] for panel in panels])
    names = []
    for axes, panel in zip(grid, panels, strict=False):
        frame(axes, panel)
        same_axes = [other for other in panels if other.axes == panel.axes]
        limit(axes, same_axes, center)
        top = sweeps.make_room(axes, same_axes, center) if panel.sweep else None
        ends = _draw_curves(axes, panel, look, top, center)
        names.append(write_names(axes, panel, look, ends, NAME_WIDTHS[columns]))
    most_text = max(sum(height_of(name.get_text()) for name in column) for column in names) / 72
    for left, right in zip(range(len(panels)), range(1, len(panels)), strict=False):
        if right % columns and panels[left].axes == panels[right].axes:
            grid[right].set_ylabel("")
            grid[right].tick_params(labelleft=False)
    figure.set_figheight(max(5.4 if rows == 1 else 3.3 * rows, (most_text + 1) * rows))
    figure.draw_without_rendering()  # settles where the panels are
    for axes, column in zip(grid, names, strict=False):
        spread_names(axes, column)
    return figure


def _draw_curves(
    axes: Axes, panel: Panel, look: Mapping[str, Look], top: float | None, center: Center
) -> list[Point]:
    """Returns where the lines end."""
    for curve in panel.background:
        Line(axes, curve, center).draw_behind(BACKGROUND)
    if panel.sweep:
        ends = sweeps.draw(axes, panel, look, top, center)
    else:
        ends = [Line(axes, curve, center).draw(look[curve.name]) for curve in panel.curves]
    draw_published(axes, panel.published, look)
    axes.margins(x=0.02)
    if len({x for curve in panel.curves for x in curve.x}) == 1 and not panel.log_x:
        axes.set_xlim(ends[0][0] - 0.5, ends[0][0] + 0.5)
    return ends
