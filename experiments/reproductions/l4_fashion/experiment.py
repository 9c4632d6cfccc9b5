"""L4 on Fashion-MNIST: the experiment."""

from __future__ import annotations

from .. import cells, l4
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length

# Table 1 of the L4 paper; Adam's epsilon is that of all its experiments.
STACKS = [
    "l4adam(fraction=0.15)",
    "l4mom(fraction=0.15)",
    "adam(3e-4, epsilon=1e-4)",
    "sgd(0.01, momentum=0.9)",
]
EPOCHS = (1, 5, 10, 20)
RATES = (1e-6, 10)
FULL = Length(epochs=20, seeds=3)
FAST = Length(epochs=2, seeds=1, samples=2_560)


@reproduction("l4-fashion")
def l4_fashion(laboratory: Laboratory) -> None:
    """L4 on Fashion-MNIST: a small convolutional network."""
    comparison = laboratory.compare("cnn", STACKS, "fashion-cnn", full=FULL, fast=FAST)
    network = "Fashion-MNIST, convolutional network of the shape of LeNet-5, batches of 100"
    l4.report(laboratory, comparison, EPOCHS, network, rates=RATES)
    laboratory.picture(
        "l4_fashion_accuracy",
        [l4.accuracy_panel(comparison)],
        f"{network}, {cells.of_seeds(comparison.seeds, 'mean and range')}",
    )
