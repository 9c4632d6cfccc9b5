"""L4 on a residual network with CIFAR-10: the experiment."""

from __future__ import annotations

from collections.abc import Sequence

from ... import tables
from ...comparison import Comparison
from ...pictures import Panel
from ...plan import load_task, steps_per_epoch
from ...report import curves_by_epoch
from .. import cells, l4
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length

MANUAL = "sgd(LR, momentum=0.9)"
STACKS = [  # L4 paper, section 3.3 and Table 1: the constant rates are the best that were found
    "l4adam(fraction=0.15)",
    "l4mom(fraction=0.15)",
    "adam(2e-4, epsilon=1e-4)",
    "sgd(0.004, momentum=0.9)",
]
# tensorflow/models, official/resnet/cifar10_main.py, as it was when 32 layers were its default:
# what LR is in batches of 128, after which epochs it falls, and of how many.
RATES = (0.1, 0.01, 0.001, 0.0001)
PUBLISHED_DROPS, PUBLISHED_EPOCHS = (100, 150, 200), 250
FULL = Length(epochs=100, seeds=1)
FAST = Length(epochs=5, seeds=1, samples=256)


@reproduction("l4-resnet")
def l4_resnet(laboratory: Laboratory) -> None:
    """L4 on CIFAR-10: a residual network, beside constant learning rates and a manual schedule."""
    name = laboratory.choose("cifar-resnet", "cifar-resnet-8")
    length = laboratory.choose(FULL, FAST)
    task = load_task(name, laboratory.data, length.samples)
    drops = drops_of(length.epochs)
    comparison = laboratory.compare(
        "resnet", with_schedule(drops, steps_per_epoch(task)), name, full=FULL, fast=FAST
    )
    network = (
        f"CIFAR-10, {len(task.train[0]):,} images with augmentation, "
        f"{laboratory.choose('ResNet-32', 'ResNet-8')}, batches of {task.batch_size}"
    )
    _write_tables(laboratory, comparison, network, drops)
    _draw(laboratory, comparison, network)


def drops_of(epochs: int) -> list[int]:
    """Return the epochs after which the manual rate falls, sooner in a shorter training."""
    share = min(1, epochs / PUBLISHED_EPOCHS)
    return [round(share * epoch) for epoch in PUBLISHED_DROPS]


def with_schedule(drops: Sequence[int], steps: int) -> dict[str, str]:
    """By what it is called, the text of each optimizer, the manual schedule's with its steps.

    Args:
        drops: The epochs after which the rate falls.
        steps: How many an epoch has.
    """
    # Keras counts steps from 0, and a boundary is the last step with the higher rate.
    boundaries = [steps * epoch - 1 for epoch in drops]
    schedule = f"piecewise_constant_decay({boundaries}, {list(RATES)})"
    return {**{text: text for text in STACKS}, MANUAL: MANUAL.replace("LR", schedule)}


def rate_rows(comparison: Comparison, shown: Sequence[int]) -> list[list[str]]:
    """Return for each optimizer its mean learning rate in these epochs."""
    at = [epoch - 1 for epoch in shown]
    return [
        [name, *map(cells.number, comparison.by_epoch(name, "learning_rate")[:, at].T)]
        for name in comparison.records
    ]


def _write_tables(
    laboratory: Laboratory, comparison: Comparison, network: str, drops: Sequence[int]
) -> None:
    shown = tables.milestones(drops, comparison.epochs)
    seeds = cells.of_seeds(comparison.seeds)
    falls = (
        f"LR is {RATES[0]}, and a tenth of what it was after epochs {', '.join(map(str, drops))}"
    )
    laboratory.table(
        "l4_resnet",
        f"{network}: training loss of the epoch and test accuracy after it, {seeds}. {falls}.",
        l4.columns(shown),
        l4.rows(comparison, shown),
    )
    laboratory.table(
        "l4_resnet_learning_rates",
        f"{network}: mean effective learning rate of the epoch, {seeds}. {falls}.",
        ["optimizer", *(f"learning rate, epoch {epoch}" for epoch in shown)],
        rate_rows(comparison, shown),
    )


def _draw(laboratory: Laboratory, comparison: Comparison, network: str) -> None:
    title = f"{network}, {cells.of_seeds(comparison.seeds, 'mean and range')}"
    of_loss = Panel(curves_by_epoch(comparison, "loss"), "epoch", tables.NAMES["loss"])
    laboratory.picture("l4_resnet", [of_loss, l4.accuracy_panel(comparison)], title)
    rates = curves_by_epoch(comparison, "learning_rate")
    of_rates = Panel(rates, "epoch", "effective learning rate")
    laboratory.picture("l4_resnet_learning_rates", [of_rates], title)
