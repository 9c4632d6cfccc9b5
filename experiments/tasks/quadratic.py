"""A quadratic function of 100 variables."""

from __future__ import annotations

import pathlib

import keras
import numpy as np
import sklearn.datasets
from keras import ops

from ..task import Task
from .catalogue import task
from .full_batch import FullBatchModel, compiled_full_batch, constant, steps

DIMENSIONS = 100
STEPS = 100


@task("quadratic")
def quadratic(folder: pathlib.Path | None = None) -> Task:
    """A convex quadratic function of 100 variables, random and badly conditioned.

    0.5 xᵀQx + bᵀx, less its minimum: with x* = −Q⁻¹b that is

        f(x) = 0.5 (x − x*)ᵀ Q (x − x*),

    which has the same gradients and is 0 at the minimum. Q is scikit-learn's random positive
    definite matrix, −b and the start are normal. One eigenvalue is near 100, the others are
    between 1 and about 0.003. Every seed has another f; that of seed 0 is the published one.

    Reference:
        github.com/titu1994/keras-normalized-optimizers, "Convex Optimization".
    """
    return Task(
        name="quadratic",
        model=_model,
        train=steps(STEPS),
        epochs=10,
        batch_size=1,
        full_batch=True,
    )


def _model(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    matrix, minimum, start = random_instance()
    matrix, minimum = constant(matrix), constant(minimum)

    def value(x: keras.KerasTensor) -> keras.KerasTensor:
        offset = x - minimum
        return 0.5 * ops.sum(offset * (matrix @ offset))

    return compiled_full_batch(FullBatchModel(value, {"x": start}), optimizer, STEPS)


def random_instance() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Q, x* and the start, from NumPy's global generator; vectors are columns."""
    matrix = sklearn.datasets.make_spd_matrix(DIMENSIONS)
    minus_b = np.random.normal(size=(DIMENSIONS, 1))
    start = np.random.normal(size=(DIMENSIONS, 1))
    return matrix, np.linalg.solve(matrix, minus_b), start
