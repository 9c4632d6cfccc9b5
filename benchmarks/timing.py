"""Timings of several functions in turn, and the ratios of what was measured together."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

SHORTEST = 0.02  # seconds that a timing takes at least
WARM_UP = 2  # calls


def first_call(function: Callable[[], None]) -> float:
    """Seconds of the first call, which traces and compiles; warms up after it."""
    start = time.perf_counter()
    function()
    seconds = time.perf_counter() - start
    for _ in range(WARM_UP):
        function()
    return seconds


def in_turn(
    functions: Mapping[str, Callable[[], None]],
    cycles: Mapping[str, int],
    clock: Callable[[], float],
    rounds: Sequence[int],
    deadline: float,
) -> dict[str, np.ndarray]:
    """Seconds a call: for every function an array over the rounds.

    Functions run in random order within a round, so that a drift of the machine's speed, or what
    another leaves in the caches, is nobody's privilege. Divide the times of two within rounds.

    Args:
        functions: They have been called before.
        cycles: After how many calls a function has done all kinds of work that it does. A timing
            takes whole cycles.
        clock: `time.process_time` or `time.perf_counter`.
        rounds: The least and the largest number of rounds.
        deadline: When to stop between these, as `time.monotonic()` has it.
    """
    calls = {name: _calls(function, cycles[name]) for name, function in functions.items()}
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    random = np.random.default_rng(2)
    least, most = rounds
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for done in range(most):
            began = time.monotonic()
            for name in random.permutation(list(functions)):
                function, count = functions[name], calls[name]
                start = clock()
                for _ in range(count):
                    function()
                seconds[name].append((clock() - start) / count)
            now = time.monotonic()
            if done + 1 >= least and now + (now - began) > deadline:
                break
    finally:
        gc.enable()
        gc.unfreeze()
    return {name: np.array(values) for name, values in seconds.items()}


def _calls(function: Callable[[], None], cycle: int) -> int:
    """Return how many calls make a timing: whole cycles."""
    start = time.perf_counter()
    for _ in range(cycle):
        function()
    return cycle * math.ceil(SHORTEST / (time.perf_counter() - start))


def quartiles(values: np.ndarray) -> list[float]:
    """Return the first quartile, median and third quartile, to four digits."""
    return [float(f"{value:.4g}") for value in np.percentile(values, (25, 50, 75))]
