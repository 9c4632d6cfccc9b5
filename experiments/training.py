"""Training of several optimizers, each from several seeds, with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np
import rich.console
import rich.progress

import stepwrap
from stepwrap.callbacks import StepMonitor

from . import digits

BATCH_SIZE = 64


class Trained(Protocol):
    """An optimizer, and what `fit` recorded: quantities by epoch, one entry a seed."""

    name: str
    histories: list[dict[str, list[float]]]

    def optimizer(self) -> keras.optimizers.Optimizer:
        """A new instance."""


@dataclass
class Contestant:
    """An optimizer in a comparison, and what came of it."""

    name: str
    optimizer: Callable[[], keras.optimizers.Optimizer]
    histories: list[dict[str, list[float]]] = field(default_factory=list)

    def recorded(self, quantity: str) -> np.ndarray:
        """What `fit` recorded under this name: a row of epochs for each seed."""
        return np.array([history[quantity] for history in self.histories])


def described(widths: Sequence[int]) -> str:
    """The network and the batches of `train_all`, for a caption."""
    return f"{'-'.join(map(str, widths))} ReLU network, batches of {BATCH_SIZE}"


def progress_bar(console: rich.console.Console) -> rich.progress.Progress:
    """What is being done, how much of it is done, and how long the rest will take."""
    return rich.progress.Progress(
        rich.progress.TextColumn("{task.description:<32}"),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        rich.progress.TimeRemainingColumn(),
        console=console,
    )


def train_all(
    contestants: Sequence[Trained],
    network: Callable[[int], keras.Model],
    train: digits.Arrays,
    test: digits.Arrays,
    epochs: int,
    seeds: int,
    console: rich.console.Console,
    monitor: bool = False,
    **compile_options: Any,
) -> None:
    """Trains every contestant from every seed, and adds to its histories.

    Args:
        contestants: The optimizers.
        network: Makes the model of a seed, not yet compiled.
        train: (x, y) to train on.
        test: (x, y) to evaluate on after every epoch.
        epochs: How many.
        seeds: How many, from 0.
        console: Where the progress bar is shown.
        monitor: Whether a `StepMonitor` adds what the wrappers do.
        compile_options: For the model's `compile`.
    """
    with progress_bar(console) as progress:
        task = progress.add_task("", total=len(contestants) * seeds * epochs)
        tick = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: progress.advance(task)
        )
        for contestant in contestants:
            for seed in range(seeds):
                progress.update(task, description=f"{contestant.name}, seed {seed}")
                model, optimizer = network(seed), contestant.optimizer()
                digits.compile_network(model, optimizer, **compile_options)
                wrapped = isinstance(optimizer, stepwrap.OptimizerWrapper)
                history = model.fit(
                    *train,
                    batch_size=BATCH_SIZE,
                    epochs=epochs,
                    verbose=0,
                    validation_data=test,
                    callbacks=[StepMonitor(), tick] if monitor and wrapped else [tick],
                )
                contestant.histories.append(history.history)
        progress.update(task, description="done")
