"""Kill -9 at random moments of `fit`: the restarted training ends as if never killed."""

import json
import pathlib
import random
import subprocess
import sys

import numpy as np
import pytest

import cases
from training_process import EPOCHS

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="forks with the backend imported"),
]

PROGRAM = pathlib.Path(__file__).with_name("training_process.py")
# From the end of an epoch: the backup is written first, then comes the next epoch.
LONGEST_DELAY = 0.04
KILLED = -9


@pytest.fixture(scope="module")
def server():
    """A process that trains in forks of itself, and kills them."""
    with subprocess.Popen(
        [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()
        process.wait(timeout=60)


def train(server, wrapper, result, backup=None, kill_epoch=0, kill_delay=0.0):
    """How a training went; `kill_epoch=0` lets it end."""
    job = dict(
        wrapper=wrapper,
        result=str(result),
        backup=backup and str(backup),
        kill_epoch=kill_epoch,
        kill_delay=kill_delay,
    )
    print(json.dumps(job), file=server.stdin, flush=True)
    return json.loads(server.stdout.readline())


@pytest.mark.parametrize(
    "wrapper",
    cases.whole_on(
        "torch",
        {name: name for name in (*filter(cases.keeps_state, cases.KINDS), "identity")},
        elsewhere=["lookahead", "identity"],
    ),
)
def test_killed_at_random_a_training_ends_as_if_it_were_not(wrapper, server, tmp_path):
    never_killed = train(server, wrapper, tmp_path / "expected.npz")
    assert never_killed == {"exit": 0, "epochs": EPOCHS}

    moments = random.Random(wrapper)
    folder, result = tmp_path / "backup", tmp_path / "actual.npz"
    # Epoch 2 has ended: there is a backup of epoch 1.
    runs = [train(server, wrapper, result, folder, 2, moments.uniform(0, LONGEST_DELAY))]
    runs.append(train(server, wrapper, result, folder, 1, moments.uniform(0, LONGEST_DELAY)))
    while runs[-1]["exit"] == KILLED and len(runs) < 3:
        runs.append(train(server, wrapper, result, folder))

    assert runs[0]["exit"] == KILLED and runs[-1]["exit"] == 0, runs
    assert runs[1]["epochs"] < EPOCHS  # it went on from a backup
    assert not folder.exists()
    with np.load(tmp_path / "expected.npz") as expected, np.load(result) as actual:
        assert actual.files == expected.files
        for name in expected.files:
            assert actual[name].tobytes() == expected[name].tobytes(), name
