"""MNIST: 70,000 handwritten digits of 28×28 pixels."""

from __future__ import annotations

import pathlib

from .. import data
from ..task import Task
from .catalogue import task
from .classifiers import compiled_classifier, pixels, relu_network


@task("mnist-mlp")
def mnist_mlp(folder: pathlib.Path | None = None) -> Task:
    """A ReLU network of widths 784-300-100-10 on MNIST."""
    train, test = pixels(*data.load("mnist", folder), (784,))
    return Task(
        name="mnist-mlp",
        model=lambda optimizer: compiled_classifier(relu_network(784, 300, 100, 10), optimizer),
        train=train,
        test=test,
        epochs=30,
        batch_size=64,
    )
