"""A line through noisy points."""

from __future__ import annotations

import pathlib

import keras
import numpy as np
from keras import ops

from ..task import Task
from .catalogue import task
from .full_batch import FullBatchModel, compiled_full_batch, constant, steps

SAMPLES = 100
NOISE = 0.1
STEPS = 100


@task("linear-regression")
def linear_regression(folder: pathlib.Path | None = None) -> Task:
    """A line through 100 noisy points.

    Minimises the mean of (slope·x + intercept − y)² over all points, from slope and intercept 0.
    They are y = 2x + 1 + noise, with x uniform between −1 and 1 and normal noise with a standard
    deviation of 0.1. Every seed has other points.
    """
    return Task(
        name="linear-regression",
        model=_model,
        train=steps(STEPS),
        epochs=2,
        batch_size=1,
        full_batch=True,
    )


def random_points() -> tuple[np.ndarray, np.ndarray]:
    """x and y, from NumPy's global generator."""
    x = np.random.uniform(-1, 1, size=SAMPLES)
    return x, 2 * x + 1 + NOISE * np.random.normal(size=SAMPLES)


def _model(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    x, y = map(constant, random_points())

    def loss(slope: keras.KerasTensor, intercept: keras.KerasTensor) -> keras.KerasTensor:
        difference = slope * x + intercept - y
        return ops.sum(difference * difference) / SAMPLES

    start = {"slope": np.zeros(()), "intercept": np.zeros(())}
    return compiled_full_batch(FullBatchModel(loss, start), optimizer, STEPS)
