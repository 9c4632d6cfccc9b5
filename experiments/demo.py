"""The demo: three optimizers on handwritten digits, bare and with normalised gradients."""

from __future__ import annotations

import os
import pathlib

import keras
import numpy as np
import rich.console

import stepwrap

from .plan import Plan
from .report import report
from .task import Task

# Every learning rate is Keras' default: nothing is tuned for either side.
STACKS = [
    "sgd",
    "sgd | normalized",
    "adam",
    "adam | normalized",
    "rmsprop",
    "rmsprop | normalized",
]


def run(output: str | os.PathLike, epochs: int = 30, seeds: int = 3) -> int:
    """Trains, shows the table, draws the pictures, and proves that a loaded model continues.

    Returns:
        The exit status: 0 if it does.
    """
    console = rich.console.Console()
    # Anew each time: a demo that continues an older one would show nothing.
    plan = Plan(STACKS, "digits-mlp", output=output, epochs=epochs, seeds=seeds, force=True)
    task = plan.task
    console.print(
        f"\n[bold]stepwrap[/] on handwritten digits: {len(task.train[0])} images to train on, "
        f"{len(task.test[0])} to test on, {epochs} epochs, {seeds} seeds, "
        f"backend {keras.backend.backend()}.\n",
        soft_wrap=True,
    )
    comparison = plan.run(console)
    report(comparison, plan.folder, console)
    return 0 if continues_identically(plan.folder.path / "model.keras", task, console) else 1


def continues_identically(path: pathlib.Path, task: Task, console: rich.console.Console) -> bool:
    """Saves a wrapped model in mid-training, loads it, trains both on, and compares every bit."""
    model = task.model(stepwrap.NormalizedOptimizer(keras.optimizers.Adam(), "l2"))
    options = {"batch_size": task.batch_size, "epochs": 2, "shuffle": False, "verbose": 0}
    model.fit(*task.train, **options)
    model.save(path)
    loaded = keras.models.load_model(path)
    model.fit(*task.train, **options)
    loaded.fit(*task.train, **options)

    pairs = zip(
        [*model.weights, *model.optimizer.variables],
        [*loaded.weights, *loaded.optimizer.variables],
        strict=True,
    )
    arrays = [
        (keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)) for one, other in pairs
    ]
    identical = all(one.tobytes() == other.tobytes() for one, other in arrays)
    console.print(
        f"Saved {path} after 2 epochs, loaded it, trained both on for 2 epochs:", soft_wrap=True
    )
    if identical:
        numbers = sum(one.size for one, _ in arrays)
        console.print(f"[green]identical[/] in all {numbers:,} numbers of weights and optimizer.\n")
    else:
        largest = max(np.max(np.abs(one - other), initial=0) for one, other in arrays)
        console.print(f"[red]different[/] by up to {largest:.3g}.\n")
    return identical
