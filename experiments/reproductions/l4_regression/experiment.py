"""L4 on badly conditioned regression: the experiment."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from ... import tables
from ...comparison import Comparison
from ...pictures import Panel, Published, geometric_mean
from ...report import curves_of_stretches
from ...tasks.bad_regression import STEPS, falling_rows, regression
from .. import cells
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length

TASKS = {  # by what is said of the linear map A
    "rows fall to 1e-10": "falling-rows-regression",
    "condition number 1e10": "bad-regression",
}
LIMITS = {"rows fall to 1e-10": (1e-20, 1e6), "condition number 1e10": (1e-8, 1e6)}
STACKS = [
    "l4adam(fraction=0.15)",
    "l4adam(fraction=0.25)",
    "l4mom(fraction=0.15)",
    "l4mom(fraction=0.25)",
    "adam(1e-3, epsilon=1e-4)",
    "sgd(4e-5)",
]
ITERATIONS = (100, 1_000, 10_000, 30_000)
FULL, FAST = Length(epochs=30, seeds=5), Length(epochs=1, seeds=1)  # an epoch is 1,000 iterations
STRETCHES = 150

# Read off the picture of github.com/benjamin-recht/shallow-linear-net's notebook: the loss, of one
# run, at `READ_AT`. What is empty had diverged there.
READ_AT = (500, 1_000, 2_000, 3_000)
NOTEBOOK = {
    "sgd(1e-6)": (1.7e3, 750, 360, 260),
    "sgd(1e-5)": (170, 90, 50, 41),
    "sgd(1e-4)": (),
    "adam(1e-5)": (2.3e5, 2.2e5, 2.1e5, 2e5),
    "adam(1e-4)": (1.9e5, 1.5e5, 1e5, 6.5e4),
    "adam(1e-3)": (3.5e4, 8e3, 1.3e3, 320),
    "adam(1e-2)": (140, 50, 32, 17),
}
NOTEBOOK_LIMITS = (1, 1e6)
NOTEBOOK_FULL, NOTEBOOK_FAST = Length(epochs=3, seeds=5), Length(epochs=1, seeds=1)


@reproduction("l4-regression")
def l4_regression(laboratory: Laboratory) -> None:
    """L4 on badly conditioned regression, learnt by two linear layers."""
    comparisons = {
        about: laboratory.compare(task, STACKS, task, full=FULL, fast=FAST)
        for about, task in TASKS.items()
    }
    notebook = laboratory.compare(
        "notebook",
        list(NOTEBOOK),
        regression("notebook-regression", functools.partial(falling_rows, 1e-5)),
        full=NOTEBOOK_FULL,
        fast=NOTEBOOK_FAST,
    )
    length = laboratory.choose(FULL, FAST)
    shown = tables.milestones(ITERATIONS, STEPS * length.epochs)
    what = cells.of_seeds(length.seeds, "mean in log space")
    laboratory.table(
        "l4_regression",
        "Regression on two linear layers, by the linear map A that they learn: sum of squares, and "
        f"the lowest of the run; {what}.",
        ["optimizer", "A", *(f"iteration {iteration:,}" for iteration in shown), "lowest"],
        [
            row
            for about, comparison in comparisons.items()
            for row in rows(comparison, about, shown)
        ],
    )
    laboratory.table(
        "l4_regression_notebook",
        f"The comparison of the notebook, rows of A fall to 1e-5: sum of squares; {what}.",
        ["optimizer", *(f"iteration {iteration:,}" for iteration in _read_at(notebook))],
        notebook_rows(notebook),
    )
    laboratory.picture(
        "l4_regression",
        [
            *(
                panel(comparison, f"A: {about}", LIMITS[about])
                for about, comparison in comparisons.items()
            ),
            notebook_panel(notebook),
        ],
        "Regression on two linear layers, "
        f"{cells.of_seeds(length.seeds, 'mean in log space, and range,')}",
        geometric_mean,
    )


def rows(comparison: Comparison, about: str, shown: list[int]) -> list[list[str]]:
    """Return for each optimizer the loss at these iterations, the lowest, and the seeds' range."""
    rows = []
    for name in comparison.records:
        losses = comparison.by_step(name, "loss")
        quoted = [losses[:, iteration - 1] for iteration in shown]
        quoted.append(np.nanmin(losses, axis=1))
        rows.append([name, about, *(cells.number(loss, ".1e", geometric_mean) for loss in quoted)])
        if comparison.seeds > 1:
            rows.append(["range", "", *map(cells.span, quoted)])
    return rows


def notebook_rows(comparison: Comparison) -> list[list[str]]:
    """Return for each optimizer the loss at some iterations, and below it what the notebook has."""
    shown = _read_at(comparison)
    rows = []
    for name, published in NOTEBOOK.items():
        losses = comparison.by_step(name, "loss")
        quoted = [losses[:, iteration - 1] for iteration in shown]
        rows.append([name, *(cells.number(loss, ".1e", geometric_mean) for loss in quoted)])
        there = [f"~{loss:.1e}" for loss in published] or ["diverged"] * len(READ_AT)
        rows.append(["in the notebook's picture", *there[: len(shown)]])
    return rows


def _read_at(comparison: Comparison) -> list[int]:
    return [iteration for iteration in READ_AT if iteration <= STEPS * comparison.epochs]


def panel(comparison: Comparison, title: str, limits: tuple[float, float]) -> Panel:
    """Return the loss, smoothed in log space."""
    curves = curves_of_stretches(comparison, "loss", geometric_mean, STRETCHES)
    return Panel(curves, "iteration", "sum of squares", title, limits=limits)


def notebook_panel(comparison: Comparison) -> Panel:
    """Return the same for the notebook's comparison, with what is read off its picture."""
    return dataclasses.replace(
        panel(comparison, "The notebook: rows fall to 1e-5", NOTEBOOK_LIMITS),
        published=[
            Published(name, READ_AT[: len(losses)], losses, "the notebook's picture")
            for name, losses in NOTEBOOK.items()
        ],
    )
