"""20,000 steps of a deep stack in one process: memory does not grow, nothing is traced again."""

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
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

PROGRAM = pathlib.Path(__file__).with_name("soak_process.py")
ROUNDS = 20


@pytest.fixture(scope="module")
def readings():
    """Those after each thousand steps; the last thousand leak on purpose."""
    result = subprocess.run(
        [sys.executable, PROGRAM, str(ROUNDS), "1"], capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stderr
    rounds = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rounds) == ROUNDS + 1
    return rounds


def grows(first, last):
    """Whether memory grows from one reading to another.

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


def test_memory_does_not_grow_after_the_first_thousand_steps(readings):
    readings = readings[:ROUNDS]
    assert all(np.isfinite(reading["loss"]) for reading in readings)
    assert not grows(readings[0], readings[-1]), readings
    # Once the caches are full, about a hundred bytes a step would be seen.
    second_half = readings[-1]["megabytes"] - readings[ROUNDS // 2]["megabytes"]
    assert second_half < 1, readings


@pytest.mark.skipif(BACKEND == "torch", reason="torch compiles nothing by default")
def test_nothing_is_traced_again_after_the_first_thousand_steps(readings):
    assert readings[0]["calls"] > 0
    assert {reading["calls"] for reading in readings} == {readings[0]["calls"]}


@pytest.mark.parametrize("quantity", ["objects", "blocks", "megabytes"])
def test_every_reading_shows_a_leak(quantity, readings):
    """A list of 32 kilobytes in each step of one round is seen in each quantity alone."""
    before, after = readings[-2:]
    only = {**before, "round": after["round"], quantity: after[quantity]}
    assert grows(before, only)
