"""Fashion-MNIST: 70,000 images of clothes, 28×28 pixels."""

from __future__ import annotations

import pathlib

import keras
from keras import layers

from .. import data
from ..task import Task
from .catalogue import task
from .classifiers import compiled_classifier, scaled


@task("fashion-cnn")
def fashion_cnn(folder: pathlib.Path | None = None) -> Task:
    """A convolutional network of the shape of LeNet-5 on Fashion-MNIST.

    With ReLU and maximum pooling: 61,706 parameters.

    Reference:
        LeCun, Bottou, Bengio, Haffner: "Gradient-based learning applied to document recognition",
        Proceedings of the IEEE 86, 1998.
    """
    train, test = scaled(*data.load("fashion_mnist", folder), shape=(28, 28, 1))
    return Task(
        name="fashion-cnn",
        model=lambda optimizer: compiled_classifier(_cnn(), optimizer),
        train=train,
        test=test,
        epochs=20,
        batch_size=100,
    )


def _cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(10),
        ]
    )
