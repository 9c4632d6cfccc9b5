"""Training runs one after another, or in parallel processes."""

from __future__ import annotations

import concurrent.futures
import functools
import multiprocessing
import os
import pathlib
import pickle
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from ..text import parse
from .progress import Progress
from .task import Task
from .training import train


@dataclass(frozen=True)
class Job:
    """One optimizer, from one seed, and where the record of its training goes."""

    name: str
    optimizer: str | Callable[[], keras.optimizers.Optimizer]
    seed: int
    epochs: int
    path: pathlib.Path

    def run(self, task: Task, on_epoch: Callable[[], None]) -> None:
        """Trains, and saves the record."""
        text = self.optimizer
        make = (lambda: parse(text)) if isinstance(text, str) else text
        try:
            record = train(task, make, self.seed, self.epochs, on_epoch)
        except Exception as error:
            error.add_note(f"This happened in the training of {self.name!r} from seed {self.seed}.")
            raise
        record.save(self.path)


def run_all(
    jobs: Sequence[Job], load: Callable[[], Task], processes: int, progress: Progress
) -> None:
    """Runs all of them.

    Args:
        jobs: What is to be done.
        load: Gives the task; each process calls it once.
        processes: How many run at a time; 1 makes no other process.
        progress: Is told of every epoch.
    """
    if processes > 1 and len(jobs) > 1:
        _run_in_processes(jobs, load, min(processes, len(jobs)), progress)
        return
    task = load()
    for job in jobs:
        progress.show(f"{job.name}, seed {job.seed}")
        job.run(task, functools.partial(progress.epoch, job.name, job.seed))
        progress.end(job.name, job.seed, job.epochs)


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
    pool = concurrent.futures.ProcessPoolExecutor(
        processes, context, initializer=_begin, initargs=(load, epochs)
    )
    try:
        futures = {pool.submit(_run, job): job for job in jobs}
        progress.show(f"{len(jobs)} runs in {processes} processes")
        while futures:
            done, _ = concurrent.futures.wait(futures, timeout=0.2)
            running = {(job.name, job.seed) for job in futures.values()}
            for run in _received(epochs):
                if run in running:  # or the news is older than the end of the run
                    progress.epoch(*run)
            for future in done:
                job = futures.pop(future)
                future.result()
                progress.end(job.name, job.seed, job.epochs)
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _received(epochs: Any) -> Iterator[tuple[str, int]]:
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
    job.run(_task, lambda: _epochs.put((job.name, job.seed)))
