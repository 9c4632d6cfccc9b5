"""Normalised gradients in a convolutional network on CIFAR-10."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ...comparison import Comparison
from ...report import over_seeds
from ...tasks.cifar10 import cifar_dropout_cnn
from ..catalogue import reproduction
from ..laboratory import Laboratory
from ..stages import ABOUT_COLUMNS, PublishedRun, Stages, columns, compare, panels, rows
from .published import (
    ADAM,
    MAX,
    MIN_MAX,
    MOMENTUM_SGD,
    NORMS,
    ORIGINAL,
    PORT,
    PORT_ADAM,
    PORT_SGD,
    STD,
)

PORT_PARTS = {
    "port-sgd": Stages((PORT_SGD,), (0.01, 0.005, 0.001, 0.0001)),
    "port-adam": Stages((PORT_ADAM, ADAM), (0.001, 0.0005, 0.0001)),
}
STD_PART = "original-std"
ORIGINAL_PARTS = {
    STD_PART: Stages((STD,), (0.001, 0.0005, 0.0001, 0.00001)),
    "original-adam": Stages((ADAM,), (0.001, 0.0005, 0.0001)),
    "original-momentum": Stages((MOMENTUM_SGD,), (0.01, 0.005, 0.001)),
}
NORM_PARTS = {
    "norms-max": Stages((MAX,), (0.005, 0.001, 0.0001, 0.00001)),
    # Half of the published ones: the norm is about half of what has that name there.
    "norms-min-max": Stages((MIN_MAX,), (0.0025, 0.0005, 0.00005, 0.000005)),
}
STAGES = PORT_PARTS | ORIGINAL_PARTS | NORM_PARTS
MOST_STAGES = 4
FULL = {"epochs": 15, "seeds": 1}  # epochs of each stage, on all images that there are
FAST = {"epochs": 1, "seeds": 1, "samples": 128}


@reproduction("normalized-cifar")
def normalized_cifar(laboratory: Laboratory) -> None:
    """SGD and Adam with normalised gradients in a convolutional network on CIFAR-10."""
    task = cifar_dropout_cnn(laboratory.data)
    full = {**FULL, "samples": len(task.train[0])}
    size = laboratory.choose(full=full, fast=FAST)
    port = compare(laboratory, PORT_PARTS, task, full, FAST)
    _report(laboratory, "normalized_cifar", port, "the port, batches of 128", size, PORT)
    task = dataclasses.replace(task, batch_size=32)
    parts = laboratory.choose(full=ORIGINAL_PARTS, fast={STD_PART: ORIGINAL_PARTS[STD_PART]})
    original = compare(laboratory, parts, task, full, FAST)
    _report(
        laboratory,
        "normalized_cifar_original",
        original,
        "the original without momentum, batches of 32",
        size,
        ORIGINAL,
    )
    parts = laboratory.choose(full=NORM_PARTS, fast={})
    norms = compare(laboratory, parts, task, full, FAST)
    _report(
        laboratory,
        "normalized_cifar_norms",
        {STD_PART: original[STD_PART], **norms},  # 'std' is the same run as above
        "three norms, batches of 32",
        size,
        NORMS,
    )


def _report(
    laboratory: Laboratory,
    name: str,
    comparisons: Mapping[str, Comparison],
    setting: str,
    size: Mapping[str, int],
    published: Mapping[str, PublishedRun],
) -> None:
    """Writes table and picture of the comparisons of parts."""
    setting = (
        f"CIFAR-10, a convolutional network, {setting}, {size['samples']:,} images, epochs per "
        f"stage: {size['epochs']}; "
    )
    any_of_them = next(iter(comparisons.values()))
    laboratory.table(
        name,
        f"{setting}{over_seeds(any_of_them, 'mean ± standard deviation')}. "
        f"Published: 50,000 images, epochs per stage: 15, 1 run. {ABOUT_COLUMNS}",
        columns(MOST_STAGES),
        [
            row
            for part, comparison in comparisons.items()
            for row in rows(comparison, STAGES[part].count, size["samples"], published, MOST_STAGES)
        ],
    )
    laboratory.picture(
        name,
        panels(list(comparisons.values()), published, "published, 50,000 images"),
        f"{setting}{over_seeds(any_of_them, 'mean and range')}",
    )
