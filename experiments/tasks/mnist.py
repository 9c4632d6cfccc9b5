"""MNIST: 70,000 handwritten digits of 28×28 pixels."""

from __future__ import annotations

import pathlib

import keras
from keras import layers

from .. import data
from ..task import Task
from .catalogue import task
from .classifiers import compiled_classifier, relu_network, scaled


@task("mnist-mlp")
def mnist_mlp(folder: pathlib.Path | None = None) -> Task:
    """A ReLU network of widths 784-300-100-10 on MNIST."""
    train, test = scaled(*data.load("mnist", folder), shape=(784,))
    return Task(
        name="mnist-mlp",
        model=lambda optimizer: compiled_classifier(
            relu_network(784, 300, 100, 10), optimizer, xla=True
        ),
        train=train,
        test=test,
        epochs=30,
        batch_size=64,
    )


@task("mnist-cnn")
def mnist_cnn(folder: pathlib.Path | None = None) -> Task:
    """The convolutional network of Keras' old example of MNIST.

    Two convolutions, maximum pooling, two dense layers and dropout: 1,199,882 parameters.
    """
    train, test = scaled(*data.load("mnist", folder), shape=(28, 28, 1))
    return Task(
        name="mnist-cnn",
        model=lambda optimizer: compiled_classifier(_cnn(), optimizer),
        train=train,
        test=test,
        epochs=12,
        batch_size=128,
    )


@task("mnist-deep-mlp")
def mnist_deep_mlp(folder: pathlib.Path | None = None) -> Task:
    """Thirty dense layers of 128 on MNIST, with batch normalisation, dropout and L2.

    The loss has 1e-5 times the sum of the squared weights of these layers in it.

    Reference:
        github.com/titu1994/keras-normalized-optimizers, "Deep MLP".
    """
    train, test = scaled(*data.load("mnist", folder), shape=(784,))
    return Task(
        name="mnist-deep-mlp",
        model=compiled_deep_mlp,
        train=train,
        test=test,
        epochs=30,
        batch_size=128,
    )


def compiled_deep_mlp(
    optimizer: keras.optimizers.Optimizer, kernel_initializer: str = "he_normal"
) -> keras.Model:
    """The network of thirty layers, compiled with the optimizer."""
    return compiled_classifier(_deep_mlp(kernel_initializer), optimizer, xla=True)


def _cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
        ]
    )


def _deep_mlp(kernel_initializer: str, depth: int = 30) -> keras.Model:
    model = keras.Sequential([keras.Input((784,))])
    for _ in range(depth):
        model.add(
            layers.Dense(
                128,
                activation="relu",
                kernel_initializer=kernel_initializer,
                kernel_regularizer=keras.regularizers.L2(1e-5),
            )
        )
        model.add(layers.BatchNormalization())
        model.add(layers.Dropout(0.2))
    model.add(layers.Dense(10))
    return model
