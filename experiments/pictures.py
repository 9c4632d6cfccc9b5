"""Lines with a band over the seeds, named where they end, in one panel or in several.

panel = Panel(curves, "epoch", "training loss")
draw(grouped(panel), "Handwritten digits, mean and range over 3 seeds", path)
"""

from __future__ import annotations

import math
import pathlib
import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Annotation
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import offset_copy

from . import limits, sweeps
from .labels import spread, wrap_all
from .line_styles import Look, looks
from .lines import Center, Line, Point, over_seeds
from .panels import Curve, Panel, grouped

__all__ = ["Curve", "Panel", "draw", "figure_of", "grouped"]

INK = "#333333"
GRID = "#e4e4e4"
BACKGROUND = "#d2d2d2"
WIDTH = 9.6  # inches
NAME_SIZE = 10  # points, as all sizes of text
NAME_WIDTHS = {1: 190, 2: 122}  # by how many panels are beside each other


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
    """The figure that `draw` saves."""
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
        _frame(axes, panel)
        same_axes = [other for other in panels if _axes(other) == _axes(panel)]
        _limit(axes, same_axes, center)
        top = sweeps.make_room(axes, same_axes, center) if panel.sweep else None
        ends = _draw_curves(axes, panel, look, top, center)
        names.append(_write_names(axes, panel, look, ends, NAME_WIDTHS[columns]))
    most_text = max(sum(_height(name.get_text()) for name in column) for column in names) / 72
    for left, right in zip(range(len(panels)), range(1, len(panels)), strict=False):
        if right % columns and _axes(panels[left]) == _axes(panels[right]):
            grid[right].set_ylabel("")
            grid[right].tick_params(labelleft=False)
    figure.set_figheight(max(5.4 if rows == 1 else 3.3 * rows, (most_text + 1) * rows))
    figure.draw_without_rendering()  # settles where the panels are
    for axes, column in zip(grid, names, strict=False):
        _spread(axes, column)
    return figure


def _axes(panel: Panel) -> tuple:
    return panel.xlabel, panel.ylabel, panel.log_x, panel.log_y, panel.sweep


def _frame(axes: Axes, panel: Panel) -> None:
    """Axes with a quiet grid."""
    axes.set_title(panel.title, color=INK, fontsize=11, loc="left")
    axes.set_xlabel(panel.xlabel, color=INK, fontsize=11)
    axes.set_ylabel(panel.ylabel, color=INK, fontsize=11)
    axes.grid(which="major", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=INK, labelsize=10)
    axes.tick_params(which="minor", length=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(INK)
    if panel.log_x:
        axes.set_xscale("log")
        _ticks(axes.xaxis, np.inf)
    else:
        axes.xaxis.set_major_locator(
            MaxNLocator(5, steps=[1, 2, 5, 10], integer=not panel.sweep, min_n_ticks=1)
        )


def _ticks(axis: matplotlib.axis.Axis, decades: float) -> None:
    """Ticks of a logarithmic axis, as plain numbers."""
    if decades < 0.7:
        axis.set_major_locator(MaxNLocator(5))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.2 else (1,), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _limit(axes: Axes, panels: Sequence[Panel], center: Center) -> None:
    """Chooses scale and limits of the vertical axis, the same for all of these panels."""
    curves = [curve for panel in panels for curve in (*panel.curves, *panel.background)]
    centers = [over_seeds(curve, center) for curve in curves]
    centers = [values[np.isfinite(values)] for values in centers]
    positive = [values[values > 0] for values in centers]
    if panels[0].log_y and any(map(len, positive)):
        axes.set_yscale("log")
        low, high = limits.logarithmic(
            [np.log10(values) for values in positive if len(values)], panels[0].sweep
        )
        axes.set_ylim(10**low, 10**high)
        _ticks(axes.yaxis, high - low)
    else:
        axes.set_ylim(*limits.linear([values for values in centers if len(values)] or [[0.0]]))


def _draw_curves(
    axes: Axes, panel: Panel, look: dict[str, Look], top: float | None, center: Center
) -> list[Point]:
    """Returns where the lines end."""
    for curve in panel.background:
        Line(axes, curve, center).draw_behind(BACKGROUND)
    if panel.sweep:
        ends = sweeps.draw(axes, panel, look, top, center)
    else:
        ends = [Line(axes, curve, center).draw(look[curve.name]) for curve in panel.curves]
    axes.margins(x=0.02)
    if len({x for curve in panel.curves for x in curve.x}) == 1 and not panel.log_x:
        axes.set_xlim(ends[0][0] - 0.5, ends[0][0] + 0.5)
    return ends


def _write_names(
    axes: Axes, panel: Panel, look: dict[str, Look], ends: Sequence[Point], width: float
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


def _with_end(name: str, end: str, width: float) -> str:
    if not end:
        return name
    last = f"{name}, {end}".splitlines()[-1]
    return f"{name}, {end}" if _width(last) <= width else f"{name},\n{end}"


def _write(axes: Axes, name: str, end: Point, look: Look) -> Annotation:
    """A name beside the panel, at the height of the line's end, with a line from there."""
    beside = offset_copy(axes.transAxes, axes.figure, x=15, units="points")
    height = (axes.transData + axes.transAxes.inverted()).transform(end)[1]
    early = end[0] < axes.dataLim.x1
    return axes.annotate(
        name,
        xy=end,
        xytext=(1, height),
        textcoords=beside,
        color=look.text_color,
        fontsize=NAME_SIZE,
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


def _spread(axes: Axes, names: Sequence[Annotation]) -> None:
    """Moves names up and down until none is on another."""
    panel = axes.get_window_extent().height
    points = panel / axes.figure.dpi * 72
    heights = np.array([_height(name.get_text()) / points for name in names])
    wanted = np.array([name.get_position()[1] for name in names])
    for name, height in zip(names, spread(wanted, heights, -0.02, 1.02), strict=True):
        name.set_position((1, height))


def _width(text: str) -> float:
    """In points."""
    font = FontProperties(size=NAME_SIZE)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


def _height(text: str) -> float:
    """In points, with a gap."""
    return NAME_SIZE * (1.2 * (text.count("\n") + 1) + 0.3)
