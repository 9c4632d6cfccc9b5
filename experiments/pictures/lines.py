"""A curve within the limits of its axes: the line, the band, the marks, and where it ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from .line_styles import Look
from .panels import Curve

Center = Callable[..., np.ndarray]
Point = tuple[float, float]
LINE_WIDTH = 1.9
MOST_POINTS = 2000  # more cannot be seen, and make large files


def geometric_mean(
    values: np.ndarray, axis: int | tuple[int, ...] | None = None, floor: float = 1e-45
) -> np.ndarray:
    """Return the mean in log space, as a `center`, or of stretches in `curves_by_step`.

    Args:
        values: Numbers that are not negative. What is NaN makes its mean NaN.
        axis: As in `np.mean`.
        floor: What counts in place of anything lower, so that a mean of what falls to 0 is seen
            falling, and only by so much. Default: the least float32, as records hold them.
    """
    logarithms = np.log(np.maximum(np.asarray(values, "float64"), floor))
    return np.exp(np.mean(logarithms, axis=axis))


def over_seeds(curve: Curve, reduce: Center) -> np.ndarray:
    """Return the mean, or whatever `reduce` is, of the seeds that are finite; NaN where none is."""
    finite = np.isfinite(curve.values)
    values = np.clip(curve.values.astype("float64"), -1e300, 1e300)  # so that sums are finite
    if finite.all():
        return reduce(values, axis=0)
    columns = [column[there] for column, there in zip(values.T, finite.T, strict=True)]
    return np.array([reduce(column, axis=0) if len(column) else np.nan for column in columns])


class Line:
    """A curve of time as it is drawn.

    Args:
        axes: Where, with scales and limits that stay.
        curve: What.
        center: What of the seeds is the line.
    """

    def __init__(self, axes: Axes, curve: Curve, center: Center) -> None:
        self.axes = axes
        middle = over_seeds(curve, center)
        there = np.isfinite(middle)
        if axes.get_xscale() == "log":
            there &= curve.x > 0
        self.x = curve.x[there]
        self.first = curve.x[0]
        self.broken_off = not np.isfinite(middle[-1])
        self.low, self.high = self._logarithms(np.array(axes.get_ylim()))
        self.y, self.least, self.most = (
            self._within_reach(values[there])
            for values in (middle, over_seeds(curve, np.min), over_seeds(curve, np.max))
        )
        if len(self.x) > MOST_POINTS:
            self._thin()

    def draw_behind(self, color: str) -> None:
        """Draws the line alone, thin."""
        self.axes.plot(self.x, self._values(self.y), color=color, linewidth=1, zorder=1)

    def draw(self, look: Look) -> Point:
        """Draws line and band, marks an end that is not that of `x`, and returns the end."""
        alone = len(self.x) == 1
        self.draw_band(look)
        if alone:
            band = self._values(self.least), self._values(self.most)
            self.axes.vlines(self.x, *band, color=look.color, alpha=0.3, linewidth=5)
        self.axes.plot(
            self.x,
            self._values(self.y),
            color=look.color,
            linestyle=look.linestyle,
            linewidth=LINE_WIDTH,
            marker="o" if alone else None,
        )
        x, y, marker = self._end()
        if marker:
            mark(self.axes, [x], [self._values(y)], marker, look)
        return x, self._values(y)

    def draw_band(self, look: Look) -> None:
        """Draws the range over the seeds."""
        band = self._values(self.least), self._values(self.most)
        self.axes.fill_between(self.x, *band, color=look.color, alpha=0.14, linewidth=0)

    def _end(self) -> tuple[float, float, str]:
        """Return where the line ends, or leaves the panel for good, and the marker that says so."""
        if not len(self.x):
            return self.first, self.high, "x"
        inside = np.flatnonzero((self.low <= self.y) & (self.y <= self.high))
        last = inside[-1] if len(inside) else -1
        if last == len(self.y) - 1:
            return self.x[last], self.y[last], "x" if self.broken_off else ""
        upwards = self.y[last + 1] > self.high
        edge, marker = (self.high, "^") if upwards else (self.low, "v")
        if last == -1:
            return self.x[0], edge, marker
        across = self.x[last : last + 2], self.y[last : last + 2]
        order = slice(None) if upwards else slice(None, None, -1)  # np.interp wants it rising
        return np.interp(edge, across[1][order], across[0][order]), edge, marker

    def _thin(self) -> None:
        """Keeps peaks and valleys: what is left looks the same."""
        starts = np.linspace(0, len(self.x), MOST_POINTS // 2, endpoint=False).astype(int)
        chunks = np.split(self.y, starts[1:])
        valleys = starts + [chunk.argmin() for chunk in chunks]
        peaks = starts + [chunk.argmax() for chunk in chunks]
        kept = np.unique([0, *valleys, *peaks, len(self.x) - 1])
        self.x, self.y = self.x[kept], self.y[kept]
        self.least = np.minimum.reduceat(self.least, kept)
        self.most = np.maximum.reduceat(self.most, kept)

    def _within_reach(self, values: np.ndarray) -> np.ndarray:
        """Return the values, scaled, and not so far outside that Agg could not fill the band."""
        span = self.high - self.low
        return np.clip(self._logarithms(values), self.low - span, self.high + span)

    def _logarithms(self, values: np.ndarray) -> np.ndarray:
        if self.axes.get_yscale() == "linear":
            return values
        return np.log10(np.maximum(values, 1e-320))

    def _values(self, scaled: np.ndarray) -> np.ndarray:
        return scaled if self.axes.get_yscale() == "linear" else 10.0**scaled


def mark(axes: Axes, x: np.ndarray, y: np.ndarray, marker: str, look: Look) -> None:
    """Markers that may stand on the edge of the panel."""
    axes.plot(
        x,
        y,
        marker,
        color=look.color,
        markersize=7,
        markeredgewidth=2 if marker == "x" else 0,
        clip_on=False,
        zorder=5,
    )
