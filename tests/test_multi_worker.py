"""MultiWorkerMirroredStrategy: two processes on half of each batch end where one does."""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys

import numpy as np
import pytest

import cases

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(cases.BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's"),
]

TESTS = pathlib.Path(__file__).parent
SECONDS = 300


@contextlib.contextmanager
def workers(count, *command, folder):
    """Starts the workers of a cluster; yields what waits for them and returns their output."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    logs = [folder / f"worker_{index}.log" for index in range(count)]
    processes = []

    def wait():
        for process, log in zip(processes, logs, strict=True):
            assert process.wait(SECONDS) == 0, log.read_text()[-2000:]
        return [log.read_text() for log in logs]

    try:
        for index, log in enumerate(logs):
            config = {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
            with log.open("w") as output:
                processes.append(
                    subprocess.Popen(
                        [sys.executable, *command],
                        env={**os.environ, "TF_CONFIG": json.dumps(config)},
                        stdout=output,
                        stderr=subprocess.STDOUT,
                    )
                )
        yield wait
    finally:
        for process in processes:
            process.kill()
            process.wait()


# One test: pytest-xdist would start the processes of a shared fixture again and again.
def test_two_workers_end_where_one_process_does(tmp_path, differences):
    from multi_worker_process import OPTIMIZERS, WORKERS, train

    script = TESTS / "multi_worker_process.py"
    with workers(WORKERS, script, tmp_path, folder=tmp_path) as wait:
        expected = {
            case: train(make_optimizer, _here, slice(None))[0]
            for case, make_optimizer in OPTIMIZERS.items()
        }
        wait()

    failures = {}
    for case, weights in expected.items():
        try:
            states = [_result(tmp_path, worker, case) for worker in range(WORKERS)]
            for state in states[1:]:
                cases.assert_equal(state, states[0])
            difference = _largest_difference(states[0], weights)
            differences("MultiWorkerMirroredStrategy", case, difference)
            assert difference < 1e-6
        except AssertionError as error:
            failures[case] = str(error).splitlines()[0]
    assert failures == {}


def test_half_of_each_batch_ends_elsewhere():
    """Else the test above could not tell a gradient that is reduced from one that is not."""
    from multi_worker_process import BASES, BATCH, train

    whole, half = (train(BASES["SGD"], _here, slice(rows))[0] for rows in (BATCH, BATCH // 2))
    assert _largest_difference(half, whole) > 1e-3


def test_the_example_ends_with_the_same_weights_on_both_workers(tmp_path):
    example = TESTS.parent / "examples" / "multi_worker.py"
    with workers(2, example, "--epochs", "2", folder=tmp_path) as wait:
        lines = [output.splitlines()[-1] for output in wait()]
    pattern = r"worker (\d) of 2: loss (.+), checksum of the weights (\w+)"
    (first, *one), (second, *other) = [re.fullmatch(pattern, line).groups() for line in lines]
    assert (first, second) == ("0", "1")
    assert one == other
    assert float(one[0]) < 2.3  # the loss of guessing: log 10


def _here(function, args):
    """In place of `strategy.run`."""
    return function(*args)


def _result(folder, worker, case):
    """What the case has come to on a worker."""
    errors = json.loads((folder / f"{worker}.json").read_text())
    assert case not in errors, errors[case].splitlines()[-1]
    with np.load(folder / f"{worker}.npz") as arrays:
        return [arrays[name] for name in sorted(arrays) if name.startswith(f"{case}/")]


def _largest_difference(state, weights):
    """Of the weights, with which a state begins."""
    return max(
        float(np.max(np.abs(one - other))) for one, other in zip(state, weights, strict=False)
    )
