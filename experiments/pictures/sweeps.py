"""Lines over what was chosen, such as the learning rate, rather than over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from .frames import INK
from .line_styles import Look
from .lines import LINE_WIDTH, Center, Line, Point, mark, over_seeds
from .panels import Curve, Panel

STRIP = "#f3f3f3"
ROW = 0.05  # of a panel's height: of the strip, for the marks of one curve
HIGHEST_STRIP = 0.4


def make_room(axes: Axes, panels: Sequence[Panel], center: Center) -> float:
    """Raises the upper limit for the marks of what diverged; returns where that strip begins."""
    low, top = axes.get_ylim()
    most = max(len(_marked(panel, top, center)) for panel in panels)
    if most:
        axes.set_ylim(low, _at_height(axes, 1 / (1 - min(most * ROW, HIGHEST_STRIP))))
        for minor in (False, True):
            ticks = axes.get_yticks(minor=minor)
            axes.yaxis.set_ticks(ticks[(ticks >= low) & (ticks <= top)], minor=minor)
    return top


def draw(
    axes: Axes, panel: Panel, look: Mapping[str, Look], top: float, center: Center
) -> list[Point]:
    """Draws lines, bands and points, and returns where the lines end.

    Above `top`, in a strip, a cross marks where a seed diverged, and a triangle what is higher.
    The line leads there if all seeds diverged.
    """
    marked = _marked(panel, top, center)
    begin = axes.transAxes.inverted().transform(axes.transData.transform((1, top)))[1]
    if marked:
        over_bands = 1.5
        axes.axhspan(top, axes.get_ylim()[1], color=STRIP, linewidth=0, zorder=over_bands)
        what = "diverged" if any(_lost(curve).any() for curve in marked) else "above"
        axes.annotate(
            what,
            (0, (1 + begin) / 2),
            (-4, 0),
            "axes fraction",
            "offset points",
            color=INK,
            fontsize=10,
            ha="right",
            va="center",
        )
    heights = {
        curve.name: _at_height(axes, 1 - (row + 0.5) * (1 - begin) / len(marked))
        for row, curve in enumerate(marked)
    }
    ends = []
    for curve in panel.curves:
        Line(axes, curve, center).draw_band(look[curve.name])
        ends.append(_draw(axes, curve, look[curve.name], top, heights.get(curve.name), center))
    return ends


def _draw(
    axes: Axes, curve: Curve, look: Look, top: float, height: float | None, center: Center
) -> Point:
    middle = over_seeds(curve, center)
    lost = _lost(curve)
    high = ~(middle <= top)
    y = np.where(high, height, middle) if high.any() else middle
    axes.plot(curve.x, y, color=look.color, linestyle=look.linestyle, linewidth=LINE_WIDTH)
    axes.plot(curve.x[~high], y[~high], "o", color=look.color, markersize=4.5)
    for marker, there in {"x": lost, "^": high & ~lost}.items():
        if there.any():
            mark(axes, curve.x[there], np.full(there.sum(), height), marker, look)
    return curve.x[-1], y[-1]


def _marked(panel: Panel, top: float, center: Center) -> list[Curve]:
    """Return the curves that need a row of the strip."""
    return [
        curve
        for curve in panel.curves
        if _lost(curve).any() or not np.all(over_seeds(curve, center) <= top)
    ]


def _lost(curve: Curve) -> np.ndarray:
    """Return where a seed diverged."""
    return ~np.isfinite(curve.values).all(axis=0)


def _at_height(axes: Axes, share: float) -> float:
    """Return the value at a share of the panel's height."""
    return (axes.transAxes + axes.transData.inverted()).transform((0, share))[1]
