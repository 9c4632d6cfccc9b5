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
FULL = {"epochs": 10, "seeds": 1, "samples": 60_000}  # epochs of each stage
FAST = {"epochs": 1, "seeds": 1, "samples": 640}
FULL_DEPTH, FAST_DEPTH = 30, 3  # it is compiling that takes long


@reproduction("normalized-mlp")
def normalized_mlp(laboratory: Laboratory) -> None:
    """SGD and Adam with normalised gradients in 30 dense layers on MNIST."""
    depth = laboratory.choose(full=FULL_DEPTH, fast=FAST_DEPTH)
    network = f"MNIST, {depth} dense layers of 128"
    compiled = functools.partial(compiled_deep_mlp, depth=depth)
    task = dataclasses.replace(mnist_deep_mlp(laboratory.data), model=compiled)
    compared = compare(laboratory, PORT_PARTS, task, FULL, FAST)
    _report(
        laboratory,
        "normalized_mlp",
        list(compared.values()),
        f"{network}, the port: batches of 128, LR = 0.01, 0.001, 0.0001",
        PORT,
    )
    compiled = functools.partial(compiled, kernel_initializer="glorot_uniform")
    task = dataclasses.replace(task, model=compiled, batch_size=64)
    compared = compare(laboratory, ORIGINAL_PARTS, task, FULL, FAST)
    _report(
        laboratory,
        "normalized_mlp_original",
        list(compared.values()),
        f"{network}, the original: batches of 64, LR = 0.01, 0.001, 0.0001, of Adam 0.005, 0.001, "
        "0.0001",
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
