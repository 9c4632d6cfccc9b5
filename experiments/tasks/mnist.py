"""MNIST: 70,000 handwritten digits of 28×28 pixels."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable

import keras
from keras import layers

from .. import data
from ..task import Task
from .catalogue import task
from .classifiers import compiled_classifier, relu_network, scaled


@task("mnist-mlp")
def mnist_mlp(folder: pathlib.Path | None = None) -> Task:
    """A ReLU network of widths 784-300-100-10 on MNIST."""
    return _mlp_task("mnist-mlp", _mlp, folder)


@task("mnist-mlp-last-zero")
def mnist_mlp_last_zero(folder: pathlib.Path | None = None) -> Task:
    """The network of mnist-mlp with a last layer whose weights are 0 at first.

    Reference:
        github.com/martius-lab/l4-optimizer, "L4_MNIST".
    """
    return _mlp_task("mnist-mlp-last-zero", _mlp_last_zero, folder)


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
    optimizer: keras.optimizers.Optimizer, kernel_initializer: str = "he_normal", depth: int = 30
) -> keras.Model:
    """Return the network of mnist-deep-mlp, compiled with the optimizer."""
    return compiled_classifier(_deep_mlp(kernel_initializer, depth), optimizer)


def _mlp_task(name: str, network: Callable[[], keras.Model], folder: pathlib.Path | None) -> Task:
    train, test = scaled(*data.load("mnist", folder), shape=(784,))
    return Task(
        name=name,
        model=functools.partial(_compiled_mlp, network),
        train=train,
        test=test,
        epochs=30,
        batch_size=64,
    )


def _compiled_mlp(
    network: Callable[[], keras.Model], optimizer: keras.optimizers.Optimizer
) -> keras.Model:
    return compiled_classifier(network(), optimizer, xla=True)


def _mlp() -> keras.Model:
    return relu_network(784, 300, 100, 10)


def _mlp_last_zero() -> keras.Model:
    return relu_network(784, 300, 100, 10, last_kernel="zeros")


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


def _deep_mlp(kernel_initializer: str, depth: int) -> keras.Model:
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
