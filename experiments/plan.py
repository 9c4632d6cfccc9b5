"""What is to be trained, checked before it begins, and the training itself."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import rich.console

from .. import checks
from ..text import parse
from . import fingerprint
from .comparison import Comparison
from .jobs import Job, run_all
from .progress import Progress
from .record import Record
from .run_folder import RunFolder
from .task import Task
from .tasks import catalogue as tasks

Stacks = Sequence[str] | Mapping[str, str | Callable[[], keras.optimizers.Optimizer]]


class Plan:
    """Several optimizers on one task, each from several seeds.

    The arguments are those of `stepwrap.experiments.compare`.
    """

    def __init__(
        self,
        stacks: Stacks,
        task: str | Task = "digits-mlp",
        *,
        output: str | os.PathLike,
        epochs: int | None = None,
        seeds: int = 3,
        samples: int | None = None,
        data: str | os.PathLike | None = None,
        jobs: int = 1,
        force: bool = False,
    ) -> None:
        self.stacks = _named(stacks)
        self.seeds = checks.count("seeds", seeds)
        self.jobs = checks.count("jobs", jobs)
        if epochs is not None:
            checks.count("epochs", epochs)
        if samples is not None:
            checks.count("samples", samples)
        self._load = functools.partial(load_task, task, data, samples)
        self.task = self._load()
        self.epochs = epochs or self.task.epochs
        # Whatever is wrong with one is said before training starts.
        stacks = {name: _fingerprint(make) for name, make in self.stacks.items()}
        settings = {
            "task": self.task.name,
            "epochs": self.epochs,
            "samples": samples,
            "batch_size": self.task.batch_size,
            "fingerprint": fingerprint.of_task(self.task),
        }
        self.folder = RunFolder(output, settings, stacks, self.seeds, force)
        steps = self.epochs * steps_per_epoch(self.task)
        of_records = len(self.stacks) * self.seeds * (16 * steps + 2**12)
        self.folder.start(of_records + 4 * 2**20)  # and pictures

    def run(self, console: rich.console.Console) -> Comparison:
        """Trains what is not trained yet.

        Args:
            console: Where progress is shown.
        """
        wanted = [
            Job(name, make, seed, self.epochs, self.folder.record(name, seed))
            for name, make in self.stacks.items()
            for seed in range(self.seeds)
        ]
        missing = [job for job in wanted if not job.path.exists()]
        if len(missing) < len(wanted):
            console.print(
                f"{len(wanted) - len(missing)} of {len(wanted)} runs are in {self.folder.path} "
                "already.",
                soft_wrap=True,
            )
        if missing:
            load = self._load if self.jobs > 1 else lambda: self.task
            done = {(job.name, job.seed): job.epochs_done for job in missing}
            for (name, seed), epochs in done.items():
                if epochs:
                    console.print(
                        f"{name}, seed {seed} goes on after {epochs} of {self.epochs} epochs.",
                        soft_wrap=True,
                        markup=False,
                    )
            left = {run: self.epochs - epochs for run, epochs in done.items()}
            with Progress(console, left, min(self.jobs, len(missing))) as progress:
                run_all(missing, load, self.jobs, progress)
        records: dict[str, list[Record]] = {name: [] for name in self.stacks}
        for job in wanted:
            records[job.name].append(Record.load(job.path))
        return Comparison(self.task.name, self.epochs, self.task.full_batch, records)


def load_task(task: str | Task, data: str | os.PathLike | None, samples: int | None) -> Task:
    """Return the task of that name, or the task itself, cut down to the first samples."""
    if isinstance(task, str):
        folder = None if data is None else pathlib.Path(data)
        task = tasks.get(task)(folder)
    elif not isinstance(task, Task):
        raise TypeError(
            f"`task` must be the name of a task, one of {checks.listed(tasks.names())}, or a "
            f"`stepwrap.experiments.Task`. Received: {task!r}"
        )
    if samples is None:
        return task
    return dataclasses.replace(
        task, train=_first(task.train, samples), test=_first(task.test, samples)
    )


def _first(data: Any, samples: int) -> Any:
    if data is None:
        return None
    if not isinstance(data, tuple):
        raise ValueError(
            f"`samples={samples}` is for arrays. The task has a data set: take the first of it "
            "yourself, as `dataset.take` does."
        )
    return tuple(keras.tree.map_structure(lambda array: array[:samples], part) for part in data)


def _named(stacks: Stacks) -> dict[str, str | Callable]:
    if isinstance(stacks, str):
        raise TypeError(
            f"`stacks` must be a list of texts, such as ['adam(1e-3)']. Received: {stacks!r}"
        )
    named = dict(stacks) if isinstance(stacks, Mapping) else {text: text for text in stacks}
    if not named:
        raise ValueError("`stacks` must have at least one, such as 'adam(1e-3)'. Received none.")
    if len(named) < len(stacks):
        twice = next(text for text in stacks if list(stacks).count(text) > 1)
        raise ValueError(f"`stacks` must be different from each other. Received twice: {twice!r}")
    return named


def _fingerprint(make: str | Callable) -> dict[str, str]:
    keras.utils.set_random_seed(0)  # wrappers may draw seeds
    return fingerprint.of_optimizer(make, _optimizer(make))


def _optimizer(make: str | Callable) -> keras.optimizers.Optimizer:
    if isinstance(make, str):
        return parse(make)
    if isinstance(make, keras.optimizers.Optimizer) or not callable(make):
        raise TypeError(
            "Each of `stacks` must be a text, such as 'adam(1e-3)', or a function that makes the "
            f"optimizer anew for each seed. Received: {make!r}"
        )
    optimizer = make()
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise TypeError(f"{make!r} of `stacks` returned no optimizer, but {optimizer!r}.")
    return optimizer


def steps_per_epoch(task: Task) -> int:
    """Return how many steps an epoch has, or a guess."""
    if isinstance(task.train, tuple):
        first = keras.tree.flatten(task.train[0])[0]
        return math.ceil(len(first) / task.batch_size)
    try:
        return len(task.train)
    except TypeError:  # a data set that does not know
        return 1000
