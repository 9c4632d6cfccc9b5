"""Training in two processes with torch's DistributedDataParallel, as in one."""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

import distributed_cases
from cases import BACKEND
from distributed_cases import BAD_STEP, CASES, WAYS_TO_GIVE_THE_LOSS

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(BACKEND != "torch", reason="DistributedDataParallel is torch's"),
]

TESTS = pathlib.Path(__file__).parent
LIMIT = 150  # seconds, of which two quiet cores need a third
WATCHED = [TESTS / "watched_process.py", str(LIMIT - 20)]


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """What each of the two processes wrote."""
    folder = distributed_cases.made_once(tmp_path_factory, "torch_processes", _train, seconds=LIMIT)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def _train(folder):
    program = [*WATCHED, TESTS / "torch_process.py"]
    _run_together([[*program, str(rank), folder] for rank in range(2)], folder)


def _run_together(programs, folder):
    """Runs Python programs at the same time; returns what each of them said."""
    loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "GLOO_SOCKET_IFNAME": loopback,
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    logs = [folder / f"{number}.log" for number in range(len(programs))]
    processes = []
    deadline = time.monotonic() + LIMIT
    try:
        for program, log in zip(programs, logs, strict=True):
            with log.open("w") as file:
                processes.append(
                    subprocess.Popen(
                        [sys.executable, *program], env=environment, stdout=file, stderr=file
                    )
                )
        _wait(processes, deadline)
    finally:
        for process in processes:
            _stop(process)
    said = [log.read_text() for log in logs]
    assert not any(process.returncode for process in processes), "\n".join(said)
    return said


def _wait(processes, deadline):
    """Until all have ended well, or one has not, or the time is up: the others are stopped then."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        for process in processes:
            if process.wait(timeout=deadline - time.monotonic()):
                return


def _stop(process):
    """Ends a process that still runs, gently first: a launcher then ends its own processes."""
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_as_one(results, differences, case):
    one, other = (result["together"][case]["weights"] for result in results)
    assert one == other  # bit for bit
    distributed_cases.assert_trained_alike(
        one,
        results[0]["alone"][case]["weights"],
        lambda difference: differences("torch DistributedDataParallel", case, difference),
    )


@pytest.mark.parametrize("way", WAYS_TO_GIVE_THE_LOSS)
def test_the_loss_is_averaged_however_it_is_given(results, way):
    expected = results[0]["together"]["L4Adam"]["weights"]
    assert [result["ways"][way]["weights"] for result in results] == [expected] * 2


def test_the_users_loss_stays_that_of_the_process(results):
    one, other = (np.array(result["together"]["L4Adam"]["losses"]) for result in results)
    assert np.all(one != other)
    whole = results[0]["alone"]["L4Adam"]["losses"]
    np.testing.assert_allclose((one + other) / 2, whole, rtol=1e-5)


def test_processes_draw_equal_numbers_also_without_a_seed(results):
    one, other = (result["unseeded"]["weights"] for result in results)
    assert one == other


def test_a_loss_that_is_not_finite_in_one_process_skips_the_step_in_both(results):
    one, other = (result["bad"] for result in results)
    assert one["weights"] == other["weights"]
    assert np.all(np.isfinite(one["weights"]))
    assert one["skipped_steps"] == other["skipped_steps"] == 1
    assert np.isfinite(one["losses"][BAD_STEP]) and np.isnan(other["losses"][BAD_STEP])


def test_the_example(tmp_path):
    """Started as its docstring says, but for the launcher's name and address, and watched."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--local_addr=127.0.0.1"]
    example = TESTS.parent / "examples" / "torch_ddp.py"
    [said] = _run_together([[*launcher, "--nproc_per_node=2", *WATCHED, example]], tmp_path)
    losses = [float(loss) for loss in re.findall(r"^epoch \d: loss (\S+)$", said, re.MULTILINE)]
    assert len(losses) == 5
    assert losses[-1] < 0.2 * losses[0]
