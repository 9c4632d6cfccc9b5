"""L4 on MNIST: the experiment."""

from __future__ import annotations

from ... import tables
from ...comparison import Comparison
from ...pictures import Panel
from ...report import curves_by_epoch
from .. import cells
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length

STACKS = [
    "l4adam(fraction=0.15)",
    "l4adam(fraction=0.25)",
    "l4mom(fraction=0.15)",
    "l4mom(fraction=0.25)",
    "adam(1e-3)",
    "sgd(0.05, momentum=0.9)",
]
EPOCHS = (1, 10, 30)
# Test accuracy in per cent after these epochs, below the stack that it belongs to. Which of the
# two fractions the paper's are for is not known.
PUBLISHED = {
    "l4adam(fraction=0.25)": {
        "L4Adam in the paper": {1: "95.9 ± 0.7", 10: "98.4 ± 0.1", 30: "98.4 ± 0.1"},
        "L4Adam(0.25) in the authors' notebook": {30: "98.39 (35 epochs)"},
    },
    "l4mom(fraction=0.25)": {"L4Mom in the paper": {1: "95.4", 10: "98.3", 30: "98.4"}},
}
FULL, FAST = Length(epochs=30), Length(epochs=2, seeds=1, samples=10_000)


@reproduction("l4-mnist")
def l4_mnist(laboratory: Laboratory) -> None:
    """L4 on MNIST: the paper's 784-300-100-10 network, and its Table 2."""
    comparison = laboratory.compare("mlp", STACKS, "mnist-mlp", full=FULL, fast=FAST)
    shown = tables.milestones(EPOCHS, comparison.epochs)
    network = "MNIST, 784-300-100-10 ReLU network, batches of 64"
    laboratory.table(
        "l4_mnist",
        f"{network}: training loss of the epoch and test accuracy after it, "
        f"{cells.of_seeds(comparison.seeds)}; accuracy ± standard deviation.",
        [
            "optimizer",
            *(f"loss, epoch {epoch}" for epoch in shown),
            *(f"test accuracy (%), epoch {epoch}" for epoch in shown),
        ],
        rows(comparison, shown),
    )
    laboratory.picture(
        "l4_mnist",
        [
            Panel(curves_by_epoch(comparison, "loss"), "epoch", "training loss"),
            Panel(curves_by_epoch(comparison, "learning_rate"), "epoch", "effective learning rate"),
        ],
        f"{network}, {cells.of_seeds(comparison.seeds, 'mean and range')}",
    )


def rows(comparison: Comparison, shown: list[int]) -> list[list[str]]:
    """For each optimizer its results at these epochs, and below them what was published."""
    at = [epoch - 1 for epoch in shown]
    rows = []
    for name in comparison.records:
        losses = comparison.by_epoch(name, "loss")[:, at]
        accuracies = comparison.by_epoch(name, "val_accuracy")[:, at]
        rows.append([name, *map(cells.number, losses.T), *map(cells.percentage, accuracies.T)])
        for where, published in PUBLISHED.get(name, {}).items():
            rows.append([where, *("" for _ in shown), *(published.get(at, "") for at in shown)])
    return rows
