"""What is around the curves: scales, limits, ticks and a quiet grid."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from . import limits
from .lines import Center, over_seeds
from .panels import Panel

INK = "#333333"
GRID = "#e4e4e4"


def frame(axes: Axes, panel: Panel) -> None:
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


def limit(axes: Axes, panels: Sequence[Panel], center: Center) -> None:
    """Chooses scale and limits of the vertical axis, the same for all of these panels.

    Limits that a panel has stay.
    """
    curves = [curve for panel in panels for curve in (*panel.curves, *panel.background)]
    lines = [over_seeds(curve, center) for curve in curves]
    lines += [np.asarray(points.y, "float64") for panel in panels for points in panel.published]
    values = np.concatenate([*(np.ravel(curve.values) for curve in curves), *lines])
    if panels[0].log_y and any(np.any(line > 0) for line in lines):
        axes.set_yscale("log")
        lines = [np.log10(line[np.isfinite(line) & (line > 0)]) for line in lines]
        values = np.log10(values[np.isfinite(values) & (values > 0)])
        if panels[0].limits:
            low, high = np.log10(panels[0].limits)
        else:
            lines = [line for line in lines if len(line)]
            low, high = limits.logarithmic(lines, values, panels[0].sweep)
        axes.set_ylim(10**low, 10**high)
        _ticks(axes.yaxis, high - low)
    elif np.any(np.isfinite(values)):
        lines = [line[np.isfinite(line)] for line in lines]
        values = values[np.isfinite(values)]
        lines = [line for line in lines if len(line)]
        axes.set_ylim(*(panels[0].limits or limits.linear(lines, values)))


def _ticks(axis: matplotlib.axis.Axis, decades: float) -> None:
    """Ticks of a logarithmic axis, as plain numbers."""
    if decades < 0.7:
        axis.set_major_locator(MaxNLocator(5))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.7 else (1,), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
