"""The course of a training: its steps and epochs, gathered for the record."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from .record import Record
from .step_trace import QUANTITIES, StepTrace, TraceReader


class Course:
    """Gathers what a record is made of.

    Args:
        trace: What notes the steps.
    """

    def __init__(self, trace: StepTrace) -> None:
        self._clock, self._reader = Clock(), TraceReader(trace)
        self._history = keras.callbacks.History()
        self.callbacks: list[keras.callbacks.Callback] = [
            self._clock,
            self._reader,
            self._history,
        ]

    @property
    def steps(self) -> np.ndarray:
        """Return the rows of all steps so far."""
        return self._reader.rows

    def by_epoch(self) -> dict[str, list[float]]:
        """Return the values of every epoch so far, by their names."""
        return {
            **{name: [*map(float, values)] for name, values in self._history.history.items()},
            "learning_rate": self._reader.learning_rates,
            "seconds": self._clock.seconds,
        }

    def go_on(self, by_epoch: dict[str, list[float]], steps: np.ndarray) -> None:
        """Goes on from what `by_epoch` and `steps` were, once `fit` has begun."""
        self._clock.seconds = by_epoch["seconds"]
        self._reader.go_on(by_epoch["learning_rate"], steps)
        others = [name for name in by_epoch if name not in ("seconds", "learning_rate")]
        self._history.history.update({name: by_epoch[name] for name in others})

    def record(self, stopped: str = "") -> Record:
        """Return the record of it.

        Args:
            stopped: Why a wrapper makes no more steps. Default: it does.
        """
        diverged_at = len(self.steps) if stopped else None
        if self._reader.diverged_at is not None:
            stopped, diverged_at = "The loss is not finite.", self._reader.diverged_at
        return Record(
            epochs={name: np.array(values, float) for name, values in self.by_epoch().items()},
            steps=dict(zip(QUANTITIES, self.steps.T, strict=True)),
            stopped=stopped,
            diverged_at=diverged_at,
        )


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


class Ticker(keras.callbacks.Callback):
    """Tells how long each epoch took with all that belongs to it.

    Args:
        tell: Is told the seconds.
    """

    def __init__(self, tell: Callable[[float], None]) -> None:
        super().__init__()
        self._tell = tell

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Starts."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells, and starts again."""
        now = time.perf_counter()
        self._tell(now - self._start)
        self._start = now
