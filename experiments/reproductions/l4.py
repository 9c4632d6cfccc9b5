"""What the results of L4 on several tasks have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..comparison import Comparison
from ..pictures import Panel
from ..report import curves_by_epoch
from ..tables import NAMES, milestones
from . import cells
from .laboratory import Laboratory

# Below a stack: what a published row is called, and its test accuracy (%) after epochs.
Published = Mapping[str, Mapping[str, Mapping[int, str]]]


def report(
    laboratory: Laboratory,
    comparison: Comparison,
    epochs: Iterable[int],
    network: str,
    measured: str = "training loss of the epoch and test accuracy after it",
    published: Published | None = None,
) -> None:
    """Writes the table and the picture of a comparison by epoch, named as the experiment is.

    Args:
        laboratory: The experiment.
        comparison: Its results.
        epochs: Which of them the table shows, beside the last.
        network: What was trained.
        measured: What the table has.
        published: What stands below the results of a stack. Default: nothing.
    """
    name, shown = laboratory.name.replace("-", "_"), milestones(epochs, comparison.epochs)
    seeds = cells.of_seeds(comparison.seeds)
    laboratory.table(
        name,
        f"{network}: {measured}, {seeds}; accuracy ± standard deviation.",
        columns(shown),
        rows(comparison, shown, published),
    )
    seeds = cells.of_seeds(comparison.seeds, "mean and range")
    laboratory.picture(name, panels(comparison), f"{network}, {seeds}")


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
