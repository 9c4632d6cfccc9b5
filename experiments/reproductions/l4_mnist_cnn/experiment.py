"""L4 on MNIST with a convolutional network: the experiment."""

from __future__ import annotations

import numpy as np

from ... import tables
from ...comparison import Comparison
from ...pictures import Panel, Published
from ...report import curves_by_epoch
from .. import cells
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length
from .published import ADADELTA, ADAM, L4ADAM, L4MOM

SOURCE = "keras-l4"
# The published code is not what it is called: its fraction is a tenth, and in the run of L4Adam the
# lowest loss so far was taken to be 0 from the first step on. What comes near it stands for it.
PUBLISHED = {
    "l4adam(fraction=0.025, init_factor=1e-9, adam_epsilon=3.2e-6)": L4ADAM,
    "l4mom(fraction=0.025)": L4MOM,
    "adam(1e-3)": ADAM,
    "adadelta(1.0)": ADADELTA,
}
STACKS = ["l4adam(fraction=0.25)", "l4mom(fraction=0.25)", *PUBLISHED]
EPOCHS = (1, 2, 6, 12)
QUANTITIES = ("loss", "val_loss", "val_accuracy")
FULL = Length(epochs=12, seeds=1, samples=60_000)
FAST = Length(epochs=2, seeds=1, samples=1_280)


@reproduction("l4-mnist-cnn")
def l4_mnist_cnn(laboratory: Laboratory) -> None:
    """L4 on MNIST: the convolutional network of Keras' example."""
    comparison = laboratory.compare("cnn", STACKS, "mnist-cnn", full=FULL, fast=FAST)
    shown = tables.milestones(EPOCHS, comparison.epochs)
    seeds = cells.of_seeds(comparison.seeds)
    network = "MNIST, two convolutions and two dense layers, batches of 128"
    laboratory.table(
        "l4_mnist_cnn",
        f"{network}: training loss of these epochs and test accuracy after them, {seeds}, and the "
        "time for a sample, the median of all epochs but the first.",
        [
            "optimizer",
            *(f"loss, epoch {epoch}" for epoch in shown),
            *(f"test accuracy (%), epoch {epoch}" for epoch in shown),
            "µs a sample",
        ],
        rows(comparison, shown, laboratory.choose(FULL, FAST).samples),
    )
    laboratory.picture(
        "l4_mnist_cnn",
        [panel(comparison, quantity) for quantity in QUANTITIES],
        f"{network}, {seeds}",
    )


def rows(comparison: Comparison, shown: list[int], samples: int) -> list[list[str]]:
    """Return for each optimizer loss, accuracy and speed, and below them the published ones."""
    at = [epoch - 1 for epoch in shown]
    rows = []
    for name in comparison.records:
        losses = comparison.by_epoch(name, "loss")[:, at]
        accuracies = comparison.by_epoch(name, "val_accuracy")[:, at]
        seconds = np.nanmedian(comparison.by_epoch(name, "seconds")[:, 1:])  # the first compiles
        rows.append(
            [
                name,
                *(cells.number(loss, ".4f") for loss in losses.T),
                *(cells.percentage(accuracy, digits=2) for accuracy in accuracies.T),
                f"{1e6 * seconds / samples:.0f}",
            ]
        )
        if run := PUBLISHED.get(name):
            rows.append(
                [
                    f"published as {run.called}",
                    *(f"{run.loss[index]:.4f}" for index in at),
                    *(f"{100 * run.val_accuracy[index]:.2f}" for index in at),
                    run.microseconds,
                ]
            )
    return rows


def panel(comparison: Comparison, quantity: str) -> Panel:
    """Return the course of a quantity, and the published one."""
    return Panel(
        curves_by_epoch(comparison, quantity),
        "epoch",
        tables.NAMES[quantity],
        log_y=quantity.endswith("loss"),
        published=[
            Published(name, range(1, len(run.loss) + 1), getattr(run, quantity), SOURCE)
            for name, run in PUBLISHED.items()
        ],
    )
