"""Normalised gradients in a network of 30 dense layers on MNIST."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from ...comparison import Comparison
from ...report import over_seeds
from ...tasks.mnist import compiled_deep_mlp, mnist_deep_mlp
from ..catalogue import reproduction
from ..laboratory import Laboratory
from ..stages import ABOUT_COLUMNS, PublishedRun, Stages, columns, compare, panels, rows
from .published import ADAM, MOMENTUM_SGD, ORIGINAL, ORIGINAL_SGD, PORT, PORT_ADAM, PORT_SGD

RATES = (0.01, 0.001, 0.0001)
PORT_PARTS = {"port": Stages((PORT_SGD, PORT_ADAM, ADAM), RATES)}
ORIGINAL_PARTS = {
    "original-sgd": Stages((ORIGINAL_SGD, MOMENTUM_SGD), RATES),
    "original-adam": Stages((ADAM,), (0.005, 0.001, 0.0001)),
}
# With --fast there are fewer: it is compiling that takes long.
FAST_PORT_PARTS = {"port": Stages((PORT_SGD, ADAM), RATES)}
FAST_ORIGINAL_PARTS = {"original-sgd": Stages((ORIGINAL_SGD,), RATES)}
FULL = {"epochs": 10, "seeds": 1, "samples": 60_000}  # epochs of each stage
FAST = {"epochs": 1, "seeds": 1, "samples": 640}


@reproduction("normalized-mlp")
def normalized_mlp(laboratory: Laboratory) -> None:
    """SGD and Adam with normalised gradients in 30 dense layers on MNIST."""
    task = mnist_deep_mlp(laboratory.data)
    parts = laboratory.choose(full=PORT_PARTS, fast=FAST_PORT_PARTS)
    compared = list(compare(laboratory, parts, task, FULL, FAST).values())
    network = "MNIST, 30 dense layers of 128"
    _report(
        laboratory,
        "normalized_mlp",
        compared,
        f"{network}, batches of 128, LR = 0.01, 0.001, 0.0001",
        PORT,
    )
    task = dataclasses.replace(
        task,
        name="mnist-deep-mlp-glorot",
        model=functools.partial(compiled_deep_mlp, kernel_initializer="glorot_uniform"),
        batch_size=64,
    )
    parts = laboratory.choose(full=ORIGINAL_PARTS, fast=FAST_ORIGINAL_PARTS)
    compared = list(compare(laboratory, parts, task, FULL, FAST).values())
    _report(
        laboratory,
        "normalized_mlp_original",
        compared,
        f"{network}, the original without momentum: batches of 64, LR = 0.01, 0.001, 0.0001, of "
        "Adam 0.005, 0.001, 0.0001",
        ORIGINAL,
    )


def _report(
    laboratory: Laboratory,
    name: str,
    comparisons: list[Comparison],
    setting: str,
    published: Mapping[str, PublishedRun],
) -> None:
    """Writes table and picture of the comparisons."""
    size = laboratory.choose(full=FULL, fast=FAST)
    setting = f"{setting}, {size['samples']:,} images, epochs per stage: {size['epochs']}; "
    laboratory.table(
        name,
        f"{setting}{over_seeds(comparisons[0], 'mean ± standard deviation')}. "
        f"Published: 60,000 images, epochs per stage: 10, 1 run. {ABOUT_COLUMNS}",
        columns(len(RATES)),
        [
            row
            for comparison in comparisons
            for row in rows(comparison, len(RATES), size["samples"], published, len(RATES))
        ],
    )
    laboratory.picture(
        name,
        panels(comparisons, published, "published, 1 run"),
        f"{setting}{over_seeds(comparisons[0], 'mean and range')}",
    )
