"""Normalised gradients in a convolutional network on CIFAR-10."""

from __future__ import annotations

from ...report import over_seeds
from ..catalogue import reproduction
from ..laboratory import Laboratory
from ..stages import ABOUT_COLUMNS, Published, Stages, columns, panels, rows

NORMALIZED_SGD = "sgd(LR, momentum=0.9, nesterov=True) | normalized('l2')"
NORMALIZED_ADAM = "adam(LR) | normalized('l2')"
PARTS = {
    "sgd": Stages(stacks=(NORMALIZED_SGD,), learning_rates=(0.01, 0.005, 0.001, 0.0001)),
    "adam": Stages(stacks=(NORMALIZED_ADAM, "adam(LR)"), learning_rates=(0.001, 0.0005, 0.0001)),
}
MOST_STAGES = 4
BATCH_SIZE = 128
FULL = {"epochs": 15, "seeds": 3, "samples": 4_000}  # epochs of each stage
FAST = {"epochs": 1, "seeds": 1, "samples": 1_000}
PUBLISHED = {
    NORMALIZED_SGD: Published(
        (0.4031, 0.7272, 0.7811, 0.7925, 0.7954), (0.4927, 0.8239, 0.5953), 255
    ),
    NORMALIZED_ADAM: Published((0.5479, 0.7810, 0.8083, 0.8154), (0.1829, 0.9348, 0.6725), 280),
    "adam(LR)": Published((0.5638, 0.7895, 0.8025, 0.8154), (0.2199, 0.9219, 0.6158), 280),
}


@reproduction("normalized-cifar")
def normalized_cifar(laboratory: Laboratory) -> None:
    """SGD and Adam with normalised gradients in a convolutional network on CIFAR-10."""
    size = laboratory.choose(FULL, FAST)
    comparisons, table_rows = [], []
    for part, stages in PARTS.items():
        comparison = laboratory.compare(
            part,
            stages.with_schedules(stages.length(**size), BATCH_SIZE),
            "cifar-dropout-cnn",
            full=stages.length(**FULL),
            fast=stages.length(**FAST),
        )
        comparisons.append(comparison)
        count = len(stages.learning_rates)
        table_rows += rows(comparison, count, size["samples"], PUBLISHED, MOST_STAGES)
    setting = (
        f"CIFAR-10, a convolutional network, {size['samples']:,} samples, stages at LR = 0.01, "
        "0.005, 0.001, 0.0001 (SGD) or 0.001, 0.0005, 0.0001 (Adam); epochs per stage: "
        f"{size['epochs']}; "
    )
    laboratory.table(
        "normalized_cifar",
        f"{setting}{over_seeds(comparisons[0], 'mean ± standard deviation')}. "
        f"Published: 50,000 samples, epochs per stage: 15, 1 run. {ABOUT_COLUMNS}",
        columns(MOST_STAGES),
        table_rows,
    )
    laboratory.picture(
        "normalized_cifar",
        panels(comparisons),
        f"{setting}{over_seeds(comparisons[0], 'mean and range')}",
    )
