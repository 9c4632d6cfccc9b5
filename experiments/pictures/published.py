"""Published values, drawn as points with a legend beside the lines that are ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .frames import INK
from .line_styles import Look
from .panels import Published

MARKERS = ("o", "D", "s", "P")  # one for each source
STRANGE = "#8a8a8a"  # points of what has no line here
STYLE = {"linestyle": "none", "markersize": 5.5, "markerfacecolor": "white", "markeredgewidth": 1.4}


def draw_published(axes: Axes, published: Sequence[Published], look: Mapping[str, Look]) -> None:
    """Draws the points of every source, hollow, in the colours of the lines that they belong to."""
    sources = list(dict.fromkeys(points.source for points in published))
    markers = {source: MARKERS[i % len(MARKERS)] for i, source in enumerate(sources)}
    for points in published:
        x, y = np.asarray(points.x, "float64"), np.asarray(points.y, "float64")
        there = np.isfinite(x) & np.isfinite(y)
        color = look[points.name].color if points.name in look else STRANGE
        marker = markers[points.source]
        axes.plot(x[there], y[there], marker=marker, color=color, zorder=4, **STYLE)
    if sources:
        handles = [
            Line2D([], [], marker=markers[source], color=INK, label=source, **STYLE)
            for source in sources
        ]
        axes.legend(handles=handles, fontsize=9, labelcolor=INK, framealpha=0.8, edgecolor="none")
