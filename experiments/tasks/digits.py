"""scikit-learn's handwritten digits: 1,797 images of 8×8 pixels, shipped with the library."""

from __future__ import annotations

import pathlib

import keras
import sklearn.datasets
import sklearn.model_selection
from keras import layers

from ..task import Arrays, Task
from .catalogue import task
from .classifiers import compiled_classifier, relu_network


def load() -> tuple[Arrays, Arrays]:
    """(x, y) to train on and (x, y) to test on, three quarters and one, the same each time."""
    x, y = sklearn.datasets.load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = sklearn.model_selection.train_test_split(
        (x / 16).astype("float32"), y, test_size=0.25, random_state=0, stratify=y
    )
    return (x_train, y_train), (x_test, y_test)


@task("digits-mlp")
def digits_mlp(folder: pathlib.Path | None = None) -> Task:
    """A ReLU network of widths 64-300-100-10 on scikit-learn's handwritten digits."""
    train, test = load()
    return Task(
        name="digits-mlp",
        model=lambda optimizer: compiled_classifier(relu_network(64, 300, 100, 10), optimizer),
        train=train,
        test=test,
        epochs=20,
        batch_size=64,
    )


@task("digits-cnn")
def digits_cnn(folder: pathlib.Path | None = None) -> Task:
    """A small convolutional network on scikit-learn's handwritten digits."""
    train, test = load()
    return Task(
        name="digits-cnn",
        model=lambda optimizer: compiled_classifier(_cnn(), optimizer),
        train=train,
        test=test,
        epochs=20,
        batch_size=64,
    )


def _cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((64,)),
            layers.Reshape((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )
