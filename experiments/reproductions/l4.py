"""What the results of L4 on several tasks have in common."""

from __future__ import annotations

from collections.abc import Mapping

from ..comparison import Comparison
from ..pictures import Panel
from ..report import curves_by_epoch
from ..tables import NAMES
from . import cells

# Below a stack: what a published row is called, and its test accuracy (%) after epochs.
Published = Mapping[str, Mapping[str, Mapping[int, str]]]


def columns(shown: list[int]) -> list[str]:
    """The headings of `rows`."""
    losses = (f"loss, epoch {epoch}" for epoch in shown)
    accuracies = (f"test accuracy (%), epoch {epoch}" for epoch in shown)
    return ["optimizer", *losses, *accuracies]


def rows(
    comparison: Comparison, shown: list[int], published: Published | None = None
) -> list[list[str]]:
    """For each optimizer its results at these epochs, and below them what was published."""
    at = [epoch - 1 for epoch in shown]
    rows = []
    for name in comparison.records:
        losses = comparison.by_epoch(name, "loss")[:, at]
        accuracies = comparison.by_epoch(name, "val_accuracy")[:, at]
        rows.append([name, *map(cells.number, losses.T), *map(cells.percentage, accuracies.T)])
        for where, there in (published or {}).get(name, {}).items():
            rows.append([where, *("" for _ in shown), *(there.get(epoch, "") for epoch in shown)])
    return rows


def panels(comparison: Comparison) -> list[Panel]:
    """The training loss and the effective learning rate."""
    return [
        Panel(curves_by_epoch(comparison, "loss"), "epoch", NAMES["loss"]),
        Panel(curves_by_epoch(comparison, "learning_rate"), "epoch", "effective learning rate"),
    ]
