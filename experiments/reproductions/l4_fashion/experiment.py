"""L4 on Fashion-MNIST: the experiment."""

from __future__ import annotations

from .. import l4
from ..catalogue import reproduction
from ..l4_mnist.experiment import STACKS
from ..laboratory import Laboratory, Length

EPOCHS = (1, 5, 10, 20)
FULL = Length(epochs=20)
FAST = Length(epochs=2, seeds=1, samples=2_560)


@reproduction("l4-fashion")
def l4_fashion(laboratory: Laboratory) -> None:
    """L4 on Fashion-MNIST: a small convolutional network."""
    comparison = laboratory.compare("cnn", STACKS, "fashion-cnn", full=FULL, fast=FAST)
    network = "Fashion-MNIST, convolutional network of the shape of LeNet-5, batches of 64"
    l4.report(laboratory, comparison, EPOCHS, network)
