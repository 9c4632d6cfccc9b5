"""Eighteen optimizers on CIFAR-10: the experiment."""

from __future__ import annotations

from ... import tables
from .. import cells, mix
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length

EPOCHS = (1, 2, 5)
PUBLISHED = {  # training cross-entropy at epochs 5, 10, 20 and 30, read off the pictures
    "SGD": ".85, .62, .37, .22",
    "SGD w/ momentum": ".42, .13, 0, 0",
    "SGD w/ Nesterov momentum": ".32, .07, 0, 0",
    "SGDW": ".42, .16, 0, 0",
    "SGD w/ momentum + LRD": ".40, .10, 0, 0",
    "RMSprop": ".57, .23, .06, .03 *",
    "Adam": ".40, .10, .02, .01",
    "AdamL2": ".60, .30, .07, .04 *",
    "AdamW": ".58, .27, .06, .03 *",
    "Adam w/ LRD": ".28, .08, .02, .01",
    "RAdam": ".27, .05, .03, 0",
    "RAdamW": ".49, .20, .06, .03 *",
    "RAdam w/ LRD": ".28, .08, .03, 0",
    "Nadam": ".63, .30, .07, .03 *",
    "Lookahead (SGD)": "1.08, .87, .63, .49 *",
    "Lookahead (Adam)": ".65, .32, .07, .03 *",
    "Gradient Noise (Adam)": "1.28, 1.18, 1.09, 1.02",
    "Gradient Dropout (Adam)": "1.27, 1.05, .84, .68",
}
FULL = Length(epochs=5, seeds=1, samples=4_000)
FAST = Length(epochs=2, seeds=1, samples=64)


@reproduction("mix-cifar")
def mix_cifar(laboratory: Laboratory) -> None:
    """Eighteen optimizers on CIFAR-10, all at learning rate 1e-3: a convolutional network."""
    stacks = list(mix.STACKS.values())
    stacks = laboratory.choose(full=stacks, fast=stacks[::2])
    comparison = laboratory.compare("cnn", stacks, "cifar-cnn", full=FULL, fast=FAST)
    seeds = cells.of_seeds(comparison.seeds)
    images = laboratory.choose(FULL, FAST).samples
    network = f"CIFAR-10, {images:,} images, five convolutions, batches of 128"
    shown = tables.milestones(EPOCHS, comparison.epochs)
    laboratory.table(
        "mix_cifar",
        f"{network}: training loss of the epoch and test accuracy after the last one, {seeds}. "
        "The last column is read off the published pictures, of 50,000 images; * is from the older "
        "ones, made with other settings.",
        mix.columns(shown, "≈ there, epochs 5, 10, 20, 30"),
        mix.rows(comparison, shown, PUBLISHED),
    )
    laboratory.picture("mix_cifar", mix.panels(comparison), f"{network}, {seeds}")
