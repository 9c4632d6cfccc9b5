"""Regression with a badly conditioned linear map, learnt by two linear layers.

References:
    Rahimi, Recht: github.com/benjamin-recht/shallow-linear-net.
    Rolínek, Martius: "L4: Practical loss-based stepsize adaptation for deep learning",
    NeurIPS 2018, arXiv 1802.05074.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from ..task import Task
from .catalogue import task
from .full_batch import FullBatchModel, compiled_full_batch, constant, steps

SAMPLES, INPUTS, OUTPUTS = 1000, 6, 10
STEPS = 1000


@task("bad-regression")
def bad_regression(folder: pathlib.Path | None = None) -> Task:
    """Two linear layers learn a linear map whose condition number is 1e10.

    Minimises the sum of ‖W1 W2 x − A x‖² over 1,000 normal x at once, with W1 10×6 and W2 6×6,
    normal at first. The singular values of A fall from 1 to 1e-10, evenly on a logarithmic scale.
    Every seed has another A.
    """
    return regression("bad-regression", falling_singular_values)


@task("falling-rows-regression")
def falling_rows_regression(folder: pathlib.Path | None = None) -> Task:
    """Two linear layers learn a linear map whose rows fall from 1 to 1e-10.

    As bad-regression, with A as the published code draws it: uniform rows, scaled from 1 down to
    1e-10. That is said to make its condition number 1e10; it is about 20, however small the last
    row is, since nine others span all of the inputs.
    """
    return regression("falling-rows-regression", falling_rows)


def falling_singular_values() -> np.ndarray:
    """An A with singular values from 1 to 1e-10."""
    left, _ = np.linalg.qr(np.random.normal(size=(OUTPUTS, INPUTS)))
    right, _ = np.linalg.qr(np.random.normal(size=(INPUTS, INPUTS)))
    return left * np.logspace(0, -10, INPUTS) @ right


def falling_rows(lowest: float = 1e-10) -> np.ndarray:
    """Return an A with rows that fall from 1 to the lowest."""
    return np.linspace(1, lowest, OUTPUTS)[:, None] * np.random.uniform(size=(OUTPUTS, INPUTS))


def regression(name: str, random_matrix: Callable[[], np.ndarray]) -> Task:
    """Return the task of learning an A that this function draws; an epoch has 1,000 steps."""
    return Task(
        name=name,
        model=functools.partial(_model, random_matrix),
        train=steps(STEPS),
        epochs=30,
        batch_size=1,
        full_batch=True,
    )


def random_instance(
    random_matrix: Callable[[], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """A, x and the start, from NumPy's global generator."""
    matrix = random_matrix()
    x = np.random.normal(size=(INPUTS, SAMPLES))
    w1 = np.random.normal(size=(OUTPUTS, INPUTS))
    w2 = np.random.normal(size=(INPUTS, INPUTS))
    return matrix, x, {"w1": w1, "w2": w2}


def _model(
    random_matrix: Callable[[], np.ndarray], optimizer: keras.optimizers.Optimizer
) -> keras.Model:
    matrix, x, start = random_instance(random_matrix)
    targets, x = constant(matrix @ x), constant(x)

    def loss(w1: keras.KerasTensor, w2: keras.KerasTensor) -> keras.KerasTensor:
        difference = w1 @ (w2 @ x) - targets
        return ops.sum(difference * difference)

    return compiled_full_batch(FullBatchModel(loss, start), optimizer, STEPS)
