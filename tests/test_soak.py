"""Thousands of steps of a deep stack in a process: memory does not grow, nothing is traced anew."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from cases import BACKEND
from soak_process import STEPS

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, trims glibc's heap"),
]

PROGRAM = pathlib.Path(__file__).with_name("soak_process.py")
ROUNDS = 20 if BACKEND == "tensorflow" else 5  # a step takes longest on PyTorch


def readings():
    """Return those after each thousand steps; the last thousand leak on purpose."""
    result = subprocess.run(
        [sys.executable, PROGRAM, str(ROUNDS), "1"], capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stderr
    rounds = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rounds) == ROUNDS + 1
    return rounds


def grows(first, last):
    """Return whether memory grows from one reading to another.

    Bare Adam has up to 0.05 blocks a step and 2 megabytes in all, the latter in the
    first few thousand steps: the caches of Keras' `fit` and of the allocator. One
    Python object kept in each step would be 1 block a step.
    """
    steps = STEPS * (last["round"] - first["round"])
    return (
        last["objects"] - first["objects"] > 0.01 * steps
        or last["blocks"] - first["blocks"] > 0.1 * steps
        or last["megabytes"] - first["megabytes"] > 8
    )


# One test, so that one process trains: parallel workers do not share a fixture.
def test_memory_does_not_grow_and_nothing_is_traced_again_after_the_first_thousand_steps():
    *rounds, leaking = readings()
    first, last = rounds[0], rounds[-1]
    assert all(np.isfinite(reading["loss"]) for reading in rounds)
    assert not grows(first, last), rounds
    # Once the caches are full, hundreds of bytes a step would be seen.
    assert last["megabytes"] - rounds[ROUNDS // 2]["megabytes"] < 1, rounds

    if BACKEND != "torch":  # it compiles nothing by default
        assert first["calls"] > 0
        assert {reading["calls"] for reading in rounds} == {first["calls"]}

    # A list of 32 kilobytes in each step of the last round is seen in each quantity alone.
    for quantity in ("objects", "blocks", "megabytes"):
        only = {**last, "round": leaking["round"], quantity: leaking[quantity]}
        assert grows(last, only), quantity
