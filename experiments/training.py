"""Training with one optimizer from one seed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..core import stack
from ..toolkit.skip_tally import StalledError
from .record import Record
from .step_trace import QUANTITIES, StepTrace, TraceReader, traced
from .task import Task


def train(
    task: Task,
    make_optimizer: Callable[[], keras.optimizers.Optimizer],
    seed: int,
    epochs: int,
    on_epoch: Callable[[], None] = lambda: None,
) -> Record:
    """Trains the task's model.

    Args:
        task: What is learnt.
        make_optimizer: Makes the optimizer.
        seed: Of the initial weights, the order of the samples, and all else that is random.
        epochs: How many.
        on_epoch: Called after each epoch.

    Raises:
        TypeError, ValueError: If the task's model cannot be used.
    """
    model, trace = seeded_model(task, make_optimizer, seed)
    reader, clock = TraceReader(trace), Clock()
    tick = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epoch())
    history = keras.callbacks.History()
    stopped, diverged_at = "", None
    try:
        model.fit(
            **_arguments(task),
            epochs=epochs,
            validation_data=task.test,
            callbacks=[clock, reader, history, tick],
            verbose=0,
        )
    except StalledError as error:
        stopped, diverged_at = str(error), len(reader.rows)
    if reader.diverged_at is not None:
        stopped, diverged_at = "The loss is not finite.", reader.diverged_at
    return Record(
        epochs={
            **{name: np.array(values, float) for name, values in history.history.items()},
            "learning_rate": np.array(reader.learning_rates),
            "seconds": np.array(clock.seconds),
        },
        steps=dict(zip(QUANTITIES, reader.rows.T, strict=True)),
        stopped=stopped,
        diverged_at=diverged_at,
    )


def seeded_model(
    task: Task, make_optimizer: Callable[[], keras.optimizers.Optimizer], seed: int
) -> tuple[keras.Model, StepTrace]:
    """The task's model as it is before training, and the trace in its optimizer.

    Raises:
        TypeError, ValueError: If the task's model cannot be used.
    """
    keras.utils.set_random_seed(seed)
    optimizer, trace = traced(make_optimizer())
    keras.utils.set_random_seed(seed)  # again: wrappers may have drawn seeds
    return _checked(task.model(optimizer), trace), trace


def _arguments(task: Task) -> dict[str, Any]:
    """What `fit` trains on."""
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


class Clock(keras.callbacks.Callback):
    """Measures how long each epoch trains; evaluation does not count."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts."""
        self._end = None
        self._start = time.perf_counter()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Stops, where there is an evaluation."""
        self._end = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stops, where there is none."""
        self.seconds.append((self._end or time.perf_counter()) - self._start)
