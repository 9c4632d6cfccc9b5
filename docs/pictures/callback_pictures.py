"""The pictures of the callbacks: curves of small trainings."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Sequence

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

import stepwrap
from registry import picture
from style import BARE, FAINT, GRID, INK, SIZE, WRAPPED, blank

SAMPLES, INPUTS, BATCH = 96, 8, 16


def _data(seed: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs, and a linear function of them with noise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(SAMPLES, INPUTS)).astype("float32")
    y = x @ np.arange(1, INPUTS + 1)[:, None] + noise * random.normal(size=(SAMPLES, 1))
    return x, y.astype("float32")


def _text(stack: str) -> str:
    """Return a stack as `stepwrap.describe` writes it."""
    return stepwrap.describe(stepwrap.parse(stack))


class _Batches(keras.utils.PyDataset):
    """Batches in another order of the samples in every epoch, the same on every backend."""

    def __init__(self, noise: float, shuffled: bool) -> None:
        super().__init__()
        self.x, self.y = _data(1, noise)
        self.random = np.random.default_rng(3)
        self.order = np.arange(SAMPLES)
        self.shuffled = shuffled

    def __len__(self) -> int:
        return SAMPLES // BATCH

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        samples = self.order[BATCH * index : BATCH * (index + 1)]
        return self.x[samples], self.y[samples]

    def on_epoch_end(self) -> None:
        """Shuffle the samples."""
        if self.shuffled:
            self.random.shuffle(self.order)


def _fit(
    stack: str,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    noise: float = 0.3,
    shuffled: bool = True,
    validation_data: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, list[float]]:
    """Train a new linear model and return the logs; equal arguments give equal trainings."""
    model = keras.Sequential(
        [keras.Input((INPUTS,)), keras.layers.Dense(1, kernel_initializer="zeros")]
    )
    model.compile(stepwrap.parse(stack), loss="mse", run_eagerly=True)
    history = model.fit(
        _Batches(noise, shuffled),
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
        validation_data=validation_data,
    )
    return history.history


def _epochs(axes: Axes, label: str = "epoch") -> None:
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel(label, color=INK, fontsize=SIZE)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


@picture("callbacks/step_monitor")
def step_monitor() -> Figure:
    """Return a picture of what it logs of a stack with L4."""
    logs = _fit("adam | l4", 20, [stepwrap.callbacks.StepMonitor()])
    figure, panels = blank(
        "StepMonitor adds to the logs of every epoch what the optimizer did, here 'adam | l4', "
        "which finds its learning rate from the loss.",
        4,
        rows=2,
    )
    shown = ["gradient_norm", "step_norm", "cosine", "effective_learning_rate"]
    for axes, name in zip(panels, shown, strict=True):
        axes.plot(range(1, 21), logs[name], color=WRAPPED, marker=".", linewidth=1.8)
        axes.set_title(name, color=INK, fontsize=SIZE, loc="left")
        _epochs(axes)
    return figure


@picture("callbacks/evaluate_on_averages")
def evaluate_on_averages() -> Figure:
    """Return a picture of validation of the weights, and of their averages."""
    stack = "sgd(0.3) | moving_average(average_decay=0.9)"
    held_back = _data(2, noise=0.3)
    without = _fit(stack, 20, noise=3.0, validation_data=held_back)
    callback = stepwrap.callbacks.EvaluateOnAverages()
    on_averages = _fit(stack, 20, [callback], noise=3.0, validation_data=held_back)
    figure, [axes] = blank(
        "With EvaluateOnAverages the validation is that of the averaged weights: behind at first, "
        "then calmer and mostly lower. The training is the same.",
        1,
    )
    epochs = range(1, 21)
    axes.plot(epochs, without["val_loss"], color=BARE, marker=".", label="of the weights")
    axes.plot(epochs, on_averages["val_loss"], color=WRAPPED, marker=".", label="of their averages")
    axes.set_yscale("log")
    axes.set_ylabel("validation loss", color=INK, fontsize=SIZE)
    axes.legend(frameon=False, fontsize=SIZE, labelcolor="linecolor")
    axes.set_title(_text(stack), color=INK, fontsize=SIZE, loc="left")
    _epochs(axes)
    return figure


class _Kill(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch, as if the process were killed."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__()
        self.when = epoch, batch
        self.epoch = 0
        self.losses: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Note the epoch."""
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Note its loss."""
        self.losses.append((logs or {})["loss"])

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Raise, if it is time."""
        if (self.epoch, batch) == self.when:
            raise KeyboardInterrupt


@picture("callbacks/backup_and_restore")
def backup_and_restore() -> Figure:
    """Return a picture of a training that is killed, and started again."""
    stack, epochs = "adam(0.2) | lookahead", 12
    whole = _fit(stack, epochs, shuffled=False)["loss"]
    kill = _Kill(epoch=6, batch=3)
    with tempfile.TemporaryDirectory() as folder:

        def backup() -> keras.callbacks.Callback:
            return stepwrap.callbacks.BackupAndRestore(pathlib.Path(folder) / "backup")

        with contextlib.suppress(KeyboardInterrupt):
            _fit(stack, epochs, [backup(), kill], shuffled=False)
        rest = _fit(stack, epochs, [backup()], shuffled=False)["loss"]
    figure, [axes] = blank(
        "A training is killed in its seventh epoch: with BackupAndRestore it goes on from the end "
        "of the sixth, on the curve of a training that was never killed.",
        1,
    )
    first = len(kill.losses)
    axes.plot(range(1, epochs + 1), whole, color="#cfcfcf", linewidth=8, label="never killed")
    axes.plot(range(1, first + 1), kill.losses, color=BARE, marker="o", label="until the kill")
    axes.plot(
        range(first + 1, epochs + 1), rest, color=WRAPPED, marker="s", label="after the restart"
    )
    axes.axvline(first + 0.5, color=FAINT, linestyle="--")
    axes.set_ylabel("training loss", color=INK, fontsize=SIZE)
    axes.set_title(_text(stack), color=INK, fontsize=SIZE, loc="left")
    axes.legend(frameon=False, fontsize=SIZE)
    _epochs(axes)
    return figure
