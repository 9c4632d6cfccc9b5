"""L4 on a Differentiable Neural Computer: the experiment."""

from __future__ import annotations

from collections.abc import Sequence

from ... import tables
from ...comparison import Comparison
from ...pictures import Panel, geometric_mean
from ...report import curves_of_stretches
from ...tasks.repeat_copy import BATCHES
from .. import cells, l4
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length

L4ADAM, ADAM = "l4adam(fraction=0.15)", "adam(0.01, epsilon=1e-4, global_clipnorm=50)"
STACKS = [  # L4 paper, section 3.4: learning rates are the best that were found
    L4ADAM,
    "l4mom(fraction=0.15)",
    "rmsprop(0.005, epsilon=1e-10, global_clipnorm=50)",
    ADAM,
    "sgd(1.2, momentum=0.9, global_clipnorm=50)",
    "sgd(1.2, global_clipnorm=50)",  # not published: whether it is the momentum
]
ITERATIONS = (500, 1_000, 2_000, 4_000, 10_000)
LOSSES = 100  # that a number of the table is the mean of
FULL, FAST = Length(epochs=20, seeds=5), Length(epochs=1, seeds=1)
STRETCHES = 150
LOSS_LIMITS, RATE_LIMITS = (1e-9, 10), (1e-7, 1e5)  # the axes of Fig. 6
NETWORK = "Repeat copy, Differentiable Neural Computer, batches of 16"


@reproduction("l4-dnc")
def l4_dnc(laboratory: Laboratory) -> None:
    """L4 on a Differentiable Neural Computer, which repeats sequences of bits."""
    comparison = laboratory.compare("repeat-copy", STACKS, "repeat-copy", full=FULL, fast=FAST)
    shown = tables.milestones(ITERATIONS, BATCHES * comparison.epochs)
    laboratory.table(
        "l4_dnc",
        f"{NETWORK}: loss in nats, mean in log space of the {LOSSES} batches up to an iteration, "
        f"{cells.of_seeds(comparison.seeds, 'mean in log space, and range,')}.",
        ["optimizer", *(f"iteration {iteration:,}" for iteration in shown)],
        rows(comparison, shown),
    )
    laboratory.picture(
        "l4_dnc", panels(comparison), l4.title(NETWORK, comparison.seeds), geometric_mean
    )


def rows(comparison: Comparison, shown: Sequence[int]) -> list[list[str]]:
    """Return for each optimizer the loss at these iterations, and the range of the seeds."""
    rows = []
    for name in comparison.records:
        losses = comparison.by_step(name, "loss")
        means = [geometric_mean(losses[:, end - LOSSES : end], axis=1) for end in shown]
        rows.append([name, *(cells.number(mean, ".1e", geometric_mean) for mean in means)])
        if comparison.seeds > 1:
            rows.append(["range", *map(cells.span, means)])
    return rows


def panels(comparison: Comparison) -> list[Panel]:
    """Return Fig. 6(a), the loss, and (b), the effective learning rates of L4Adam and Adam."""
    losses = curves_of_stretches(comparison, "loss", geometric_mean, STRETCHES)
    rates = [
        curve
        for curve in l4.curves_of_steps(comparison, "learning_rate", RATE_LIMITS[0], 1)
        if curve.name in (L4ADAM, ADAM)
    ]
    return [
        Panel(losses, "iteration", "loss", limits=LOSS_LIMITS),
        Panel(rates, "iteration", "effective learning rate", limits=RATE_LIMITS),
    ]
