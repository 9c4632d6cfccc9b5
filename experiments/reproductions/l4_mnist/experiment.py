"""L4 on MNIST: the experiment."""

from __future__ import annotations

import dataclasses

from ... import tables
from ...comparison import Comparison
from ...pictures import Panel, Published, geometric_mean
from ...report import curves_by_epoch
from ...tasks import catalogue as tasks
from .. import cells, l4
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length
from .published import (
    NOTEBOOK,
    NOTEBOOK_ACCURACY,
    NOTEBOOK_BATCHES,
    NOTEBOOK_LOSSES,
    NOTEBOOK_STACK,
    PAPER,
    TABLE,
)

NETWORK = "MNIST, 784-300-100-10 ReLU network"
STACKS = list(TABLE)
L4_STACKS = STACKS[:4]
EPOCHS = (1, 10, 30)
FULL, FAST = Length(epochs=30, seeds=5), Length(epochs=2, seeds=1, samples=2_560)
# The notebook has 55,000 images. 38 epochs of them are 35 of what it calls one.
NOTEBOOK_EPOCHS = (1, 10, 38)
NOTEBOOK_FULL = Length(epochs=38, seeds=3, samples=55_000)
BATCH_LOSSES = (1e-10, 10)
BATCH_SIZES = (8, 16, 32)
BATCHES_EPOCHS = (1, 10)
BATCHES_FULL, BATCHES_FAST = Length(epochs=10, seeds=1), Length(epochs=1, seeds=1, samples=640)


@reproduction("l4-mnist")
def l4_mnist(laboratory: Laboratory) -> None:
    """L4 on MNIST: the paper's 784-300-100-10 network, and its Table 2."""
    report_table_2(laboratory)
    report_notebook(laboratory)
    report_batch_sizes(laboratory)


def report_table_2(laboratory: Laboratory) -> None:
    """Runs the paper's comparison: its table, training loss, learning rate and test accuracy."""
    comparison = laboratory.compare("mlp", STACKS, "mnist-mlp", full=FULL, fast=FAST)
    network = f"{NETWORK}, batches of 64"
    l4.report(laboratory, comparison, EPOCHS, network, published=table_2())
    laboratory.picture(
        "l4_mnist_accuracy",
        [l4.accuracy_panel(comparison, accuracies_of_table_2())],
        f"{network}, {cells.of_seeds(comparison.seeds, 'mean and range')}",
    )


def table_2() -> l4.Published:
    """Return the cells of the paper's table, to stand below ours."""
    return {
        stack: {
            f"{called} in the paper": {
                epoch: f"{mean:.1f} ± {spread:.1f}" for epoch, (mean, spread) in there.items()
            }
        }
        for stack, (called, there) in TABLE.items()
    }


def accuracies_of_table_2() -> list[Published]:
    """Return the means of the paper's table, as points."""
    return [
        Published(stack, list(there), [mean / 100 for mean, _ in there.values()], PAPER)
        for stack, (_, there) in TABLE.items()
    ]


def report_notebook(laboratory: Laboratory) -> None:
    """Runs the notebook's start from a last layer of zeros, and its losses of single batches."""
    comparison = laboratory.compare(
        "notebook", L4_STACKS, "mnist-mlp-last-zero", full=NOTEBOOK_FULL, fast=FAST
    )
    network = f"{NETWORK}, last layer 0 at first, 55,000 images"
    shown = tables.milestones(NOTEBOOK_EPOCHS, comparison.epochs)
    laboratory.table(
        "l4_mnist_notebook",
        f"{network}: training loss of the epoch and test accuracy after it, "
        f"{cells.of_seeds(comparison.seeds)}; accuracy ± standard deviation.",
        l4.columns(shown),
        l4.rows(comparison, shown, notebook_row(comparison.epochs)),
    )
    laboratory.picture(
        "l4_mnist_notebook",
        [batch_loss_panel(comparison), l4.rate_panel(comparison, NOTEBOOK_BATCHES)],
        l4.title(network, comparison.seeds),
        geometric_mean,
    )


def notebook_row(last: int) -> l4.Published:
    """Return the notebook's test accuracy, at the end."""
    row = {"L4Adam(0.25) in the authors' notebook": {last: str(NOTEBOOK_ACCURACY)}}
    return {NOTEBOOK_STACK: row}


def batch_loss_panel(comparison: Comparison) -> Panel:
    """Return the loss of a batch, over the notebook's epochs; 0 counts as the least shown."""
    curves = l4.curves_of_steps(comparison, "loss", BATCH_LOSSES[0], NOTEBOOK_BATCHES)
    epochs = range(len(NOTEBOOK_LOSSES))
    points = Published(NOTEBOOK_STACK, epochs, NOTEBOOK_LOSSES, NOTEBOOK)
    return Panel(curves, "epoch", "loss of a batch", published=[points], limits=BATCH_LOSSES)


def report_batch_sizes(laboratory: Laboratory) -> None:
    """Runs the batch sizes of the paper's supplement, whose results are not known."""
    task = tasks.get("mnist-mlp")(laboratory.data)
    comparisons = {
        size: laboratory.compare(
            f"batches-of-{size}",
            STACKS,
            dataclasses.replace(task, batch_size=size),
            full=BATCHES_FULL,
            fast=BATCHES_FAST,
        )
        for size in laboratory.choose(BATCH_SIZES, BATCH_SIZES[:1])
    }
    length = laboratory.choose(BATCHES_FULL, BATCHES_FAST)
    shown = tables.milestones(BATCHES_EPOCHS, length.epochs)
    seeds = cells.of_seeds(length.seeds)
    laboratory.table(
        "l4_mnist_batches",
        f"{NETWORK}, by the size of a batch: training loss of the epoch and test accuracy after "
        f"it, {seeds}.",
        ["optimizer", "batch", *l4.columns(shown)[1:]],
        [
            [name, str(size), *results]
            for size, comparison in comparisons.items()
            for name, *results in l4.rows(comparison, shown)
        ],
    )
    laboratory.picture(
        "l4_mnist_batches",
        [
            Panel(
                curves_by_epoch(comparison, "loss"),
                "epoch",
                tables.NAMES["loss"],
                f"batches of {size}",
            )
            for size, comparison in comparisons.items()
        ],
        f"{NETWORK}, {seeds}",
    )
