"""What part of a vertical axis is shown, so that one curve cannot flatten the others."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

DECADES_ABOVE_THE_LOWEST_START = 3
DECADES_BELOW_THE_TOP = 15
DECADES_FOR_THE_BAND = 0.5
MARGIN = 0.05


def logarithmic(
    lines: Sequence[np.ndarray], values: np.ndarray, sweep: bool = False
) -> tuple[float, float]:
    """Limits in decades.

    A curve that starts far above the others, or climbs far above where all of them start, leaves
    the picture at the top, and so does a band that is much wider than the lines.

    Args:
        lines: For each curve, the logarithms to base 10 of its line, one or more.
        values: Those of all seeds of all curves.
        sweep: Whether the lines have no order in time; half of a line then counts as its start.
    """
    starts = [statistics.median_low(line) if sweep else line[0] for line in lines]
    start = min(max(starts), min(starts) + DECADES_ABOVE_THE_LOWEST_START)
    low = max(min(map(np.min, lines)), start - DECADES_BELOW_THE_TOP)
    room = 2 if sweep else max(0.5, (start - low) / 4)
    high = min(max(map(np.max, lines)), start + room)
    low = max(np.min(values), low - DECADES_FOR_THE_BAND)
    high = min(np.max(values), high + DECADES_FOR_THE_BAND)
    return _with_margin(low, high, least=0.2)


def linear(lines: Sequence[np.ndarray], values: np.ndarray) -> tuple[float, float]:
    """Limits that hold at least half of the curves.

    Args:
        lines: For each curve its line, one value or more.
        values: Those of all seeds of all curves.
    """
    reach = 5 * statistics.median_low([np.max(np.abs(line)) for line in lines])
    low, high = np.clip([np.min(values), np.max(values)], -reach, reach)
    return _with_margin(low, high, least=1e-3 * max(abs(low), abs(high), 1e-3))


def _with_margin(low: float, high: float, least: float) -> tuple[float, float]:
    margin = max(MARGIN * (high - low), least / 2)
    return low - margin, high + margin
