"""Training runs one after another, or in parallel processes."""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import multiprocessing
import os
import pathlib
import pickle
import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from ..text import parse
from . import checkpoint
from .progress import Progress
from .task import Task
from .threads import share_of_cpus
from .training import train


@dataclass(frozen=True)
class Job:
    """One optimizer, from one seed, and where the record of its training goes."""

    name: str
    optimizer: str | Callable[[], keras.optimizers.Optimizer]
    seed: int
    epochs: int
    path: pathlib.Path

    @property
    def checkpoint(self) -> pathlib.Path:
        """Return the folder of the checkpoints, as long as there is no record."""
        return self.path.with_suffix(".checkpoint")

    @property
    def epochs_done(self) -> int:
        """Return how many are done, as far as the training goes on from there."""
        return checkpoint.epochs_done(self.checkpoint)

    def run(self, task: Task, on_epoch: Callable[[float], None]) -> None:
        """Trains, and saves the record."""
        text = self.optimizer
        make = (lambda: parse(text)) if isinstance(text, str) else text
        try:
            record = train(task, make, self.seed, self.epochs, self.checkpoint, on_epoch)
        except Exception as error:
            error.add_note(f"This happened in the training of {self.name!r} from seed {self.seed}.")
            raise
        record.save(self.path)
        shutil.rmtree(self.checkpoint, ignore_errors=True)


def run_all(
    jobs: Sequence[Job], load: Callable[[], Task], processes: int, progress: Progress
) -> None:
    """Runs all of them.

    Args:
        jobs: What is to be done.
        load: Gives the task; each process calls it once.
        processes: How many run at a time, each on its share of the CPUs; 1 makes no other process.
        progress: Is told of every epoch.
    """
    if processes > 1 and len(jobs) > 1:
        _run_in_processes(jobs, load, min(processes, len(jobs)), progress)
        return
    task = load()
    for job in jobs:
        progress.show(f"{job.name}, seed {job.seed}")
        job.run(task, functools.partial(progress.epoch, job.name, job.seed))
        progress.end(job.name, job.seed)


def _run_in_processes(
    jobs: Sequence[Job], load: Callable[[], Task], processes: int, progress: Progress
) -> None:
    try:
        pickle.dumps((load, jobs))
    except Exception as error:  # whatever an object's own pickling raises
        raise TypeError(
            f"`jobs={processes}` needs a task and optimizers that can be sent to other processes, "
            "that is functions of a module, and arrays rather than a data set. "
            f"Pickling failed with: {error}. Write `jobs=1`."
        ) from error
    context = multiprocessing.get_context("spawn")
    epochs = context.Queue()
    others = set(multiprocessing.active_children())
    pools = [
        concurrent.futures.ProcessPoolExecutor(
            1, context, initializer=_begin, initargs=(load, epochs)
        )
        for _ in range(processes)
    ]
    waiting, running = iter(jobs), {}
    try:
        for index, pool in enumerate(pools):
            job = next(waiting)
            with share_of_cpus(index, processes):  # which the process of this pool inherits
                running[pool.submit(_run, job)] = job, pool
        progress.show(f"{len(jobs)} runs in {processes} processes")
        while running:
            done, _ = concurrent.futures.wait(running, 0.2, concurrent.futures.FIRST_COMPLETED)
            names = {(job.name, job.seed) for job, _ in running.values()}
            for name, seed, seconds in _received(epochs):
                if (name, seed) in names:  # or the news is older than the end of the run
                    progress.epoch(name, seed, seconds)
            for future in done:
                job, pool = running.pop(future)
                future.result()
                progress.end(job.name, job.seed)
                for following in itertools.islice(waiting, 1):
                    running[pool.submit(_run, following)] = following, pool
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        for pool in pools:
            pool.shutdown(cancel_futures=True)


def _received(epochs: Any) -> Iterator[tuple[str, int, float]]:
    while True:
        try:
            yield epochs.get_nowait()
        except queue.Empty:
            return


_task: Task
_epochs: Any


def _begin(load: Callable[[], Task], epochs: Any) -> None:
    """Prepares a process: it loads the task once, and ends when its parent does."""
    global _task, _epochs
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    _task, _epochs = load(), epochs


def _run(job: Job) -> None:
    job.run(_task, lambda seconds: _epochs.put((job.name, job.seed, seconds)))
