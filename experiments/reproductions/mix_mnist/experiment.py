"""Eighteen optimizers on MNIST: the experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
from keras import layers

from ... import data, tables
from ...comparison import Comparison
from ...pictures import Published, grouped
from ...task import Task
from ...tasks.classifiers import compiled_classifier, scaled
from .. import cells, mix
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length

EPOCHS = (10, 20, 40, 60, 80, 100)
# Training cross-entropy at these epochs, read off the picture of November 2019 (commit ca59e71) by
# how many images the run behind a curve had; None where another curve hides it.
PUBLISHED: Mapping[int, Mapping[str, Sequence[float | None]]] = {
    4_096: {
        "SGD": (2.19, 2.02, 1.65, 1.35, 1.12, 0.95),
        "SGD w/ momentum": (None, None, 0.139, 0.084, 0.055, 0.037),
        "SGD w/ Nesterov momentum": (None, None, 0.151, 0.097, 0.064, 0.045),
        "SGDW": (0.34, 0.23, 0.140, 0.089, 0.059, 0.042),
        "AdamW": (0.20, 0.106, 0.030, 0.0107, 0.0050, 0.0029),
        "RAdam": (0.44, 0.22, 0.094, 0.034, 0.0134, 0.0065),
        "RAdamW": (0.41, 0.23, 0.104, 0.043, 0.018, 0.0087),
    },
    8_192: {
        "Adam": (0.149, 0.072, 0.0186, 0.0054, 0.0020, 0.00086),
        "Nadam": (0.149, 0.072, 0.0186, 0.0054, 0.0020, 0.00086),
    },
}
# By images: which optimizers, and how many images there are with --fast.
TRAINED = {4_096: (tuple(mix.STACKS), 1_024), 8_192: (("Adam", "Nadam"), 2_048)}


@reproduction("mix-mnist")
def mix_mnist(laboratory: Laboratory) -> None:
    """Eighteen optimizers on MNIST, all at learning rate 1e-3: a 784-64-10 network."""
    train, test = scaled(*data.load("mnist", laboratory.data), shape=(784,))
    task = Task("mnist-small-mlp", compiled_network, train, test, batch_size=128, shuffle=False)
    rows, panels = [], []
    for images, (labels, fewer) in TRAINED.items():
        comparison = laboratory.compare(
            f"images-{images}",
            [mix.STACKS[label] for label in laboratory.choose(full=labels, fast=labels[::2])],
            task,
            full=Length(epochs=100, samples=images),
            fast=Length(epochs=2, seeds=1, samples=fewer),
        )
        shown = tables.milestones(EPOCHS, comparison.epochs)
        rows += table_rows(comparison, images, shown)
        title = f"{laboratory.choose(full=images, fast=fewer):,} images"
        panels += grouped(mix.panel(comparison, points(images), title))
    network = "MNIST, 784-64-10 ReLU network, batches of 128 in the same order in every epoch"
    laboratory.table(
        "mix_mnist",
        f"{network}: training loss of the epoch and test accuracy after the last one, "
        f"{cells.of_seeds(comparison.seeds)}; accuracy ± standard deviation. In full "
        "on 4,096 images, or 8,192 where it says so. Published values are read off the picture.",
        mix.columns(shown),
        rows,
    )
    laboratory.picture(
        "mix_mnist", panels, f"{network}, {cells.of_seeds(comparison.seeds, 'mean and range')}"
    )


def compiled_network(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    """The published network, compiled with the optimizer."""
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(64, activation="relu", kernel_initializer="glorot_normal"),
            layers.Dense(10, kernel_initializer="glorot_normal"),
        ]
    )
    return compiled_classifier(model, optimizer)


def table_rows(comparison: Comparison, images: int, shown: Sequence[int]) -> list[list[str]]:
    """Return for each optimizer its own row, and below it what was published for as many images."""
    rows = []
    for name, called, *numbers in mix.rows(comparison, shown):
        more = "" if images == min(TRAINED) else f", {images:,} images"
        rows.append([name, called + more, *numbers])
        if called in PUBLISHED[images]:
            there = dict(zip(EPOCHS, PUBLISHED[images][called], strict=True))
            losses = (f"≈ {there[epoch]:.2g}" if there.get(epoch) else "–" for epoch in shown)
            rows.append(["published", called + more, *losses, "–"])
    return rows


def points(images: int) -> list[Published]:
    """Return the published curves of runs on so many images."""
    return [
        Published(
            mix.STACKS[label],
            EPOCHS,
            [float("nan") if loss is None else loss for loss in losses],
            "published, read off the picture",
        )
        for label, losses in PUBLISHED[images].items()
    ]
