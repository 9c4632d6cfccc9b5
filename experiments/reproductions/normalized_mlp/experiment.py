"""Normalised gradients in a network of 30 dense layers on MNIST."""

from __future__ import annotations

from ...report import over_seeds
from ..catalogue import reproduction
from ..laboratory import Laboratory
from ..stages import ABOUT_COLUMNS, Published, Stages, columns, panels, rows

NORMALIZED_SGD = "sgd(LR, momentum=0.9, nesterov=True) | normalized('max')"
NORMALIZED_ADAM = "adam(LR) | normalized('max')"
STAGES = Stages(
    stacks=(NORMALIZED_SGD, NORMALIZED_ADAM, "adam(LR)"), learning_rates=(0.01, 0.001, 0.0001)
)
BATCH_SIZE = 128
PUBLISHED = {
    NORMALIZED_SGD: Published((0.4698, 0.6691, 0.7566, 0.7722), (0.6827, 0.7489, 0.5782), 575),
    NORMALIZED_ADAM: Published((0.7111, 0.7767, 0.9396, 0.9460), (0.4653, 0.9096, 0.3210), 670),
    "adam(LR)": Published((0.4033, 0.7361, 0.9276, 0.9432), (0.5087, 0.9138, 0.3801), 670),
}


@reproduction("normalized-mlp")
def normalized_mlp(laboratory: Laboratory) -> None:
    """SGD and Adam with normalised gradients in 30 dense layers on MNIST."""
    full = STAGES.length(epochs=10, seeds=2, samples=60_000)
    fast = STAGES.length(epochs=1, seeds=1, samples=2_000)
    length = laboratory.choose(full, fast)
    stages = len(STAGES.learning_rates)
    comparison = laboratory.compare(
        "mnist-deep-mlp",
        STAGES.with_schedules(length, BATCH_SIZE),
        "mnist-deep-mlp",
        full=full,
        fast=fast,
    )
    setting = (
        f"MNIST, 30 dense layers of 128, {length.samples:,} samples, stages at LR = 0.01, 0.001, "
        f"0.0001; epochs per stage: {length.epochs // stages}; "
    )
    laboratory.table(
        "normalized_mlp",
        f"{setting}{over_seeds(comparison, 'mean ± standard deviation')}. "
        f"Published: 60,000 samples, epochs per stage: 10, 1 run. {ABOUT_COLUMNS}",
        columns(stages),
        rows(comparison, stages, length.samples, PUBLISHED, stages),
    )
    laboratory.picture(
        "normalized_mlp",
        panels([comparison]),
        f"{setting}{over_seeds(comparison, 'mean and range')}",
    )
