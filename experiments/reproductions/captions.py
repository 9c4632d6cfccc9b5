"""Words that stand above tables and pictures of reproductions."""

from __future__ import annotations

from ..comparison import Comparison


def range_of_seeds(comparison: Comparison) -> str:
    """What the line and the band of a picture are."""
    return _of_seeds(comparison, "mean and range over")


def deviation_of_seeds(comparison: Comparison) -> str:
    """What the numbers of a table are."""
    return _of_seeds(comparison, "mean ± standard deviation over")


def _of_seeds(comparison: Comparison, words: str) -> str:
    return "1 seed" if comparison.seeds == 1 else f"{words} {comparison.seeds} seeds"
