"""Training with one optimizer from one seed."""

from __future__ import annotations

import pathlib
import shutil
import warnings
from collections.abc import Callable
from typing import Any

import keras

from ..core import stack
from ..toolkit.skip_tally import StalledError
from .checkpoint import Checkpoint, DamagedError
from .course import Course, Ticker
from .record import Record
from .step_trace import StepTrace, traced
from .task import Task


def train(
    task: Task,
    make_optimizer: Callable[[], keras.optimizers.Optimizer],
    seed: int,
    epochs: int,
    checkpoint: pathlib.Path,
    on_epoch: Callable[[float], None] = lambda seconds: None,
) -> Record:
    """Trains the task's model, from where it was interrupted if there is a checkpoint.

    Args:
        task: What is learnt.
        make_optimizer: Makes the optimizer.
        seed: Of the initial weights, the order of the samples, and all else that is random.
        epochs: How many.
        checkpoint: The folder for checkpoints. It may be deleted once the record is kept.
        on_epoch: Called after each epoch with the seconds that it took.

    Raises:
        TypeError, ValueError: If the task's model cannot be used.
    """
    try:
        return _train(task, make_optimizer, seed, epochs, checkpoint, on_epoch)
    except DamagedError as error:
        warnings.warn(f"{error} The training starts anew.", stacklevel=2)
        shutil.rmtree(checkpoint)
        return _train(task, make_optimizer, seed, epochs, checkpoint, on_epoch)


def _train(
    task: Task,
    make_optimizer: Callable[[], keras.optimizers.Optimizer],
    seed: int,
    epochs: int,
    checkpoint: pathlib.Path,
    on_epoch: Callable[[float], None],
) -> Record:
    model, trace = seeded_model(task, make_optimizer, seed)
    course = Course(trace)
    try:
        model.fit(
            **_arguments(task),
            epochs=epochs,
            validation_data=task.test,
            callbacks=[*course.callbacks, Checkpoint(checkpoint, course), Ticker(on_epoch)],
            verbose=0,
        )
    except StalledError as error:
        return course.record(stopped=str(error))
    return course.record()


def seeded_model(
    task: Task, make_optimizer: Callable[[], keras.optimizers.Optimizer], seed: int
) -> tuple[keras.Model, StepTrace]:
    """Return the task's model as it is before training, and the trace in its optimizer.

    Raises:
        TypeError, ValueError: If the task's model cannot be used.
    """
    keras.utils.set_random_seed(seed)
    optimizer, trace = traced(make_optimizer())
    keras.utils.set_random_seed(seed)  # again: wrappers may have drawn seeds
    return _checked(task.model(optimizer), trace), trace


def _arguments(task: Task) -> dict[str, Any]:
    """Return what `fit` trains on."""
    if not isinstance(task.train, tuple):
        return {"x": task.train}
    names = ("x", "y", "sample_weight")
    arrays = dict(zip(names, task.train, strict=False))
    return {**arrays, "batch_size": task.batch_size, "shuffle": task.shuffle}


def _checked(model: Any, trace: StepTrace) -> keras.Model:
    remedy = (
        "Write a function that takes an optimizer, compiles a model with it, "
        "`model.compile(optimizer, loss=...)`, and returns the model."
    )
    if not isinstance(model, keras.Model):
        raise TypeError(f"The task's `model` returned {model!r}, no keras.Model. {remedy}")
    if not model.compiled or trace not in stack.walk(model.optimizer):
        raise ValueError(
            "The task's `model` returned a model that is not compiled with the optimizer it was "
            f"given. {remedy}"
        )
    return model
