"""Eighteen optimizers on MNIST: the experiment."""

from __future__ import annotations

import keras
from keras import layers

from ... import data, tables
from ...task import Task
from ...tasks.classifiers import compiled_classifier, scaled
from .. import cells, mix
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length

EPOCHS = (10, 30, 100)
PUBLISHED = {  # training cross-entropy at epoch 100, read off the picture
    "SGD": "0.95",
    "SGD w/ momentum": "0.04",
    "SGD w/ Nesterov momentum": "0.04",
    "SGDW": "0.04",
    "Adam": "9e-4",
    "AdamW": "2.8e-3",
    "RAdam": "6e-3",
    "RAdamW": "8e-3",
    "Nadam": "9e-4",
}
FULL = Length(epochs=100, samples=16_384)
FAST = Length(epochs=2, seeds=1, samples=2_560)


@reproduction("mix-mnist")
def mix_mnist(laboratory: Laboratory) -> None:
    """Eighteen optimizers on MNIST, all at learning rate 1e-3: a 784-64-10 network."""
    train, test = scaled(*data.load("mnist", laboratory.data), shape=(784,))
    task = Task("mnist-small-mlp", compiled_network, train, test, batch_size=128)
    comparison = laboratory.compare("mlp", list(mix.STACKS.values()), task, full=FULL, fast=FAST)
    images = laboratory.choose(FULL, FAST).samples
    network = f"MNIST, {images:,} images, 784-64-10 ReLU network, batches of 128"
    shown = tables.milestones(EPOCHS, comparison.epochs)
    laboratory.table(
        "mix_mnist",
        f"{network}: training loss of the epoch and test accuracy after the last one, "
        f"{cells.of_seeds(comparison.seeds)}; accuracy ± standard deviation. The last column is "
        "read off the published picture.",
        mix.columns(shown, "≈ there, epoch 100"),
        mix.rows(comparison, shown, PUBLISHED),
    )
    laboratory.picture(
        "mix_mnist",
        mix.panels(comparison),
        f"{network}, {cells.of_seeds(comparison.seeds, 'mean and range')}",
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
