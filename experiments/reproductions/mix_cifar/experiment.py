"""Eighteen optimizers on CIFAR-10: the experiment."""

from __future__ import annotations

import dataclasses

from ... import tables
from ...pictures import Published, grouped
from ...tasks.cifar10 import cifar_cnn
from .. import cells, mix
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length
from .published import CURVES

EPOCHS = (1, 2, 5, 10)
EPOCHS_IN_FULL = 14  # of 31: with 4,000 images they take two hours
FAST = Length(epochs=2, seeds=1, samples=64)
SOURCES = {  # of points, by whether the axis of the picture is compressed
    False: "published, 50,000 images",
    True: "published, 50,000 images, 1.7 times the drawn epochs",
}


@reproduction("mix-cifar")
def mix_cifar(laboratory: Laboratory) -> None:
    """Eighteen optimizers on CIFAR-10, all at learning rate 1e-3: a convolutional network."""
    stacks = list(mix.STACKS.values())
    stacks = laboratory.choose(full=stacks, fast=stacks[::2])
    task = dataclasses.replace(cifar_cnn(laboratory.data), shuffle=False)
    full = Length(EPOCHS_IN_FULL, seeds=1, samples=len(task.train[0]))
    comparison = laboratory.compare("cnn", stacks, task, full=full, fast=FAST)
    seeds = cells.of_seeds(comparison.seeds)
    images = laboratory.choose(full=full, fast=FAST).samples
    network = (
        f"CIFAR-10, {images:,} images, five convolutions, batches of 128 in the same order in "
        "every epoch"
    )
    shown = tables.milestones(EPOCHS, comparison.epochs)
    laboratory.table(
        "mix_cifar",
        f"{network}: training loss of the epoch and test accuracy after the last one, {seeds}. "
        "The last column is read off the published pictures, of 50,000 images: loss and, in "
        "brackets, the epoch; † where that is 1.7 times the drawn one.",
        [*mix.columns(shown), "≈ there"],
        [[*row, read_off(row[1])] for row in mix.rows(comparison, shown)],
    )
    laboratory.picture(
        "mix_cifar",
        grouped(mix.panel(comparison, points(comparison.epochs))),
        f"{network}, {seeds}",
    )


def read_off(label: str) -> str:
    """Return the published losses of an optimizer, each with its true epoch."""
    curves = [curve for curve in CURVES if curve.label == label]
    return "; ".join(
        ", ".join(
            f"{loss:g} ({epoch:g})"
            for loss, epoch in zip(curve.losses, curve.true_epochs, strict=True)
        )
        + " †" * curve.compressed
        for curve in curves
    )


def points(epochs: int) -> list[Published]:
    """Return the published curves, as far as they go in so many epochs."""
    return [
        Published(
            mix.STACKS[curve.label],
            curve.true_epochs,
            # Further ones would stretch the axis, and what is at 0 is on no logarithmic one.
            [
                loss if epoch <= epochs and loss > 0 else float("nan")
                for epoch, loss in zip(curve.true_epochs, curve.losses, strict=True)
            ],
            SOURCES[curve.compressed],
        )
        for curve in CURVES
    ]
