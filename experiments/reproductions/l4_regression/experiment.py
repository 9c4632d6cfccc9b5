"""L4 on badly conditioned regression: the experiment."""

from __future__ import annotations

import numpy as np

from ... import tables
from ...comparison import Comparison
from ...pictures import Panel
from ...report import curves_by_step
from .. import cells
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length

TASKS = {  # by what is said of the linear map A
    "rows fall to 1e-10": "falling-rows-regression",
    "condition number 1e10": "bad-regression",
}
STACKS = ["l4adam(fraction=0.25)", "l4mom(fraction=0.25)", "adam(1e-3)", "sgd(4e-5)", "sgd(0.04)"]
ITERATIONS = (100, 1_000, 10_000, 30_000)
FULL, FAST = Length(epochs=30), Length(epochs=3, seeds=1)  # an epoch is 1,000 iterations


@reproduction("l4-regression")
def l4_regression(laboratory: Laboratory) -> None:
    """L4 on badly conditioned regression, learnt by two linear layers."""
    comparisons = {
        about: laboratory.compare(task, STACKS, task, full=FULL, fast=FAST)
        for about, task in TASKS.items()
    }
    length = laboratory.choose(FULL, FAST)
    shown = tables.milestones(ITERATIONS, 1_000 * length.epochs)
    laboratory.table(
        "l4_regression",
        "Regression on two linear layers, by the linear map A that they learn: loss, and the "
        f"lowest of the run; {cells.of_seeds(length.seeds, 'median')}.",
        ["optimizer", "A", *(f"iteration {iteration:,}" for iteration in shown), "lowest"],
        [
            row
            for about, comparison in comparisons.items()
            for row in rows(comparison, about, shown)
        ],
    )
    laboratory.picture(
        "l4_regression",
        [
            Panel(curves_by_step(comparison, "loss"), "iteration", "loss", about, log_x=True)
            for about, comparison in comparisons.items()
        ],
        f"Regression on two linear layers, {cells.of_seeds(length.seeds, 'median and range')}",
        np.median,
    )


def rows(comparison: Comparison, about: str, shown: list[int]) -> list[list[str]]:
    """For each optimizer the loss at these iterations, and the lowest."""
    rows = []
    for name in comparison.records:
        losses = comparison.by_step(name, "loss")
        quoted = [losses[:, iteration - 1] for iteration in shown]
        quoted.append(np.nanmin(losses, axis=1))
        rows.append([name, about, *(cells.number(loss, ".1e", np.median) for loss in quoted)])
    return rows
