"""What the results of L4 on several tasks have in common."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence

from ..comparison import Comparison
from ..pictures import Curve, Panel, geometric_mean
from ..pictures import Published as Points
from ..report import curves_by_epoch, curves_of_stretches
from ..tables import NAMES, milestones
from . import cells
from .laboratory import Laboratory

RATES = (1e-8, 1e4)  # the axis of Fig. 3(b) of the L4 paper
STRETCHES = 120

# Below a stack: what a published row is called, and its test accuracy (%) after epochs.
Published = Mapping[str, Mapping[str, Mapping[int, str]]]


def report(
    laboratory: Laboratory,
    comparison: Comparison,
    epochs: Iterable[int],
    network: str,
    measured: str = "training loss of the epoch and test accuracy after it",
    published: Published | None = None,
    rates: tuple[float, float] = RATES,
) -> None:
    """Writes the table and the picture of a comparison by epoch, named as the experiment is.

    Args:
        laboratory: The experiment.
        comparison: Its results.
        epochs: Which of them the table shows, beside the last.
        network: What was trained.
        measured: What the table has.
        published: What stands below the results of a stack. Default: nothing.
        rates: Which effective learning rates are shown. Default: `RATES`.
    """
    name, shown = laboratory.name.replace("-", "_"), milestones(epochs, comparison.epochs)
    seeds = cells.of_seeds(comparison.seeds)
    laboratory.table(
        name,
        f"{network}: {measured}, {seeds}; accuracy ± standard deviation.",
        columns(shown),
        rows(comparison, shown, published),
    )
    laboratory.picture(
        name, panels(comparison, rates), title(network, comparison.seeds), geometric_mean
    )


def title(network: str, seeds: int) -> str:
    """Return what stands above a picture whose lines are means in log space."""
    return f"{network}, {cells.of_seeds(seeds, 'mean in log space, and range,')}"


def columns(shown: list[int]) -> list[str]:
    """Return the headings of `rows`."""
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


def panels(comparison: Comparison, rates: tuple[float, float]) -> list[Panel]:
    """The training loss and the effective learning rate."""
    return [
        Panel(curves_by_epoch(comparison, "loss"), "epoch", NAMES["loss"]),
        rate_panel(comparison, steps_per_epoch(comparison), rates),
    ]


def accuracy_panel(comparison: Comparison, points: Sequence[Points] = ()) -> Panel:
    """Return a panel of the test accuracy, with what was published as points."""
    curves = curves_by_epoch(comparison, "val_accuracy")
    return Panel(curves, "epoch", NAMES["val_accuracy"], log_y=False, published=points)


def rate_panel(
    comparison: Comparison, steps_per_epoch: float, rates: tuple[float, float] = RATES
) -> Panel:
    """Return a panel of the effective learning rate; less than the axis shows counts as its end."""
    curves = curves_of_steps(comparison, "learning_rate", rates[0], steps_per_epoch)
    return Panel(curves, "epoch", "effective learning rate", limits=rates)


def curves_of_steps(
    comparison: Comparison, quantity: str, floor: float, steps_per_epoch: float
) -> list[Curve]:
    """Return means in log space of stretches of steps, at the epoch in which they are.

    Args:
        comparison: The results.
        quantity: One of those that are recorded of every step.
        floor: What counts in place of anything lower: 0 has no logarithm.
        steps_per_epoch: How many steps are an epoch.
    """
    mean = functools.partial(geometric_mean, floor=floor)
    return [
        dataclasses.replace(curve, x=curve.x / steps_per_epoch)
        for curve in curves_of_stretches(comparison, quantity, mean, STRETCHES)
    ]


def steps_per_epoch(comparison: Comparison) -> float:
    """Return how many steps an epoch had, where at least one optimizer reached the end."""
    return comparison.by_step(next(iter(comparison.records)), "loss").shape[1] / comparison.epochs
