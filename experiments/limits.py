"""What part of a vertical axis is shown, so that one curve cannot flatten the others."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

DECADES_ABOVE_THE_LOWEST_START = 3
DECADES_BELOW_THE_TOP = 15
MARGIN = 0.05


def logarithmic(curves: Sequence[np.ndarray], sweep: bool = False) -> tuple[float, float]:
    """Limits in decades.

    A curve that starts far above the others, or climbs far above where all of them start, leaves
    the picture at the top.

    Args:
        curves: For each curve, the logarithms to base 10 of its finite values, one or more.
        sweep: Whether the values have no order in time; half of a curve's values then count as
            its start.
    """
    starts = [statistics.median_low(curve) if sweep else curve[0] for curve in curves]
    start = min(max(starts), min(starts) + DECADES_ABOVE_THE_LOWEST_START)
    low = max(min(map(np.min, curves)), start - DECADES_BELOW_THE_TOP)
    room = 2 if sweep else max(0.5, (start - low) / 4)
    high = min(max(map(np.max, curves)), start + room)
    return _with_margin(low, high, least=0.2)


def linear(curves: Sequence[np.ndarray]) -> tuple[float, float]:
    """Limits that hold at least half of the curves.

    Args:
        curves: For each curve its finite values, one or more.
    """
    reach = 5 * statistics.median_low([np.max(np.abs(curve)) for curve in curves])
    low = max(min(map(np.min, curves)), -reach)
    high = min(max(map(np.max, curves)), reach)
    return _with_margin(low, high, least=1e-3 * max(abs(low), abs(high), 1e-3))


def _with_margin(low: float, high: float, least: float) -> tuple[float, float]:
    margin = max(MARGIN * (high - low), least / 2)
    return low - margin, high + margin
