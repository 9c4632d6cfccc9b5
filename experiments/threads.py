"""Processes that train beside each other, each with threads for its share of the CPUs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager

# Backends make as many threads as there are CPUs, unless one of these says otherwise.
NUMBERS_OF_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def share_of_cpus(index: int, count: int) -> AbstractContextManager[None]:
    """Has processes that are started here run on one of so many equal shares of the CPUs.

    Backends see these CPUs only, and make threads for no more. Where a process cannot be kept to
    some CPUs, they are told how many threads to make, unless somebody told them already; JAX
    listens to nobody there.

    Args:
        index: Of the share, from 0.
        count: How many shares there are.
    """
    if hasattr(os, "sched_setaffinity"):
        return _on_some_cpus(index, count)
    return _with_some_threads(count)


@contextlib.contextmanager
def _on_some_cpus(index: int, count: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)  # not all, if somebody chose some
    cpus = sorted(before)
    os.sched_setaffinity(0, cpus[index % len(cpus) :: count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def _with_some_threads(count: int) -> Iterator[None]:
    threads = str(max(1, (os.cpu_count() or 1) // count))
    added = [name for name in NUMBERS_OF_THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, threads))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
