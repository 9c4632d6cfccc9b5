"""CIFAR-10: small photographs, 32×32 pixels in colour, of ten kinds of things."""

from __future__ import annotations

import pathlib

import keras
from keras import layers

from .. import data
from ..task import Task
from .catalogue import task
from .classifiers import compiled_classifier, scaled
from .residual_network import residual_network

IMAGES = 50_000  # in the whole data set


@task("cifar-cnn")
def cifar_cnn(folder: pathlib.Path | None = None) -> Task:
    """Five convolutions with batch normalisation on CIFAR-10, without pooling.

    A 5×5 convolution and four of 3×3, of 64 filters each, and a dense layer: 808,458 parameters.
    Pixels are from −1 to 1. The weights start as is usual in Keras, not as in PyTorch.

    Reference:
        github.com/nicklashansen/neural-net-optimization.
    """
    train, test = scaled(*data.load("cifar10", folder), shape=(32, 32, 3), lowest=-1)
    return Task(
        name="cifar-cnn",
        model=_compiled_cnn,
        train=train,
        test=test,
        epochs=30,
        batch_size=128,
    )


@task("cifar-dropout-cnn")
def cifar_dropout_cnn(folder: pathlib.Path | None = None) -> Task:
    """The convolutional network of Keras' old example of CIFAR-10, with pooling and dropout.

    Two pairs of convolutions and two dense layers: 1,250,858 parameters.

    Reference:
        github.com/titu1994/keras-normalized-optimizers, "CIFAR-10".
    """
    train, test = scaled(*data.load("cifar10", folder), shape=(32, 32, 3))
    return Task(
        name="cifar-dropout-cnn",
        model=_compiled_dropout_cnn,
        train=train,
        test=test,
        epochs=30,
        batch_size=128,
    )


@task("cifar-resnet")
def cifar_resnet(folder: pathlib.Path | None = None) -> Task:
    """ResNet-32 on CIFAR-10, with random crops and reflections.

    Batch normalisation before the convolutions, and an L2 term of all weights in the loss: 466,970
    parameters. Images are standardised one by one.

    Reference:
        github.com/tensorflow/models, official/resnet.
    """
    return _residual("cifar-resnet", folder, blocks=5)


@task("cifar-resnet-8")
def cifar_resnet_8(folder: pathlib.Path | None = None) -> Task:
    """The network of cifar-resnet with 8 layers rather than 32, to try something out.

    It has 78,106 parameters.
    """
    return _residual("cifar-resnet-8", folder, blocks=1)


def _residual(name: str, folder: pathlib.Path | None, blocks: int) -> Task:
    train, test = scaled(*data.load("cifar10", folder), shape=(32, 32, 3))
    # Published is 0.997, with all images. Of fewer, the averages are to forget in as many epochs.
    momentum = 0.997 ** (IMAGES / len(train[0]))
    return Task(
        name=name,
        model=lambda optimizer: compiled_classifier(residual_network(blocks, momentum), optimizer),
        train=train,
        test=test,
        epochs=100,
        batch_size=128,
    )


def _compiled_cnn(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    return compiled_classifier(_cnn(), optimizer)


def _compiled_dropout_cnn(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    return compiled_classifier(_dropout_cnn(), optimizer)


def _cnn(filters: int = 64, depth: int = 4) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(filters, 5, padding="same", activation="relu"),
        ]
    )
    for _ in range(depth):
        model.add(layers.Conv2D(filters, 3, padding="same"))
        # Of few steps an epoch, Keras' own 0.99 would take many epochs to know the averages.
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
    model.add(layers.Flatten())
    model.add(layers.Dense(10))
    return model


def _dropout_cnn() -> keras.Model:
    model = keras.Sequential([keras.Input((32, 32, 3))])
    for filters in (32, 64):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.Conv2D(filters, 3, activation="relu"))
        model.add(layers.MaxPooling2D())
        model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(512, activation="relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(10))
    return model
