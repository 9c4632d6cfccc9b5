"""Training with `keras.distribution` on four devices, as on one."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import distributed_cases
from cases import BACKEND
from distributed_cases import CASES, RESUMED

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        BACKEND != "jax", reason="keras.distribution lays out variables on JAX only"
    ),
]

LIMIT = 300  # seconds
SETTINGS = ("DataParallel", "ModelParallel")
PROGRAM = pathlib.Path(__file__).with_name("jax_distribution_process.py")


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """What the program wrote; JAX must be told of the devices before it starts."""
    folder = distributed_cases.made_once(
        tmp_path_factory, "jax_distribution", _train, seconds=LIMIT
    )
    return json.loads((folder / "results.json").read_text())


def _train(folder):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    run = subprocess.run(
        [sys.executable, PROGRAM, folder],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("setting", SETTINGS)
def test_trains_as_on_one_device(results, differences, setting, case):
    distributed_cases.assert_trained_alike(
        results[setting][case]["trained"]["weights"],
        results["one device"][case]["trained"]["weights"],
        lambda difference: differences(f"JAX {setting}", case, difference),
    )


@pytest.mark.parametrize("case", CASES)
def test_slots_are_sharded_like_their_variables(results, case):
    slots = results["ModelParallel"][case]["trained"]["slots"]
    assert all(slot["alike"] for slot in slots.values())
    sharded = [path for path, slot in slots.items() if not slot["whole"]]
    assert sharded == [path for path in slots if "hidden_kernel" in path]
    assert sharded or case.endswith("-SGD")  # which has no slots


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("setting", SETTINGS)
def test_every_device_has_all_other_state(results, setting, case):
    others = results[setting][case]["trained"]["others"]
    assert any("learning_rate" in path for path in others)
    assert all(other["whole"] for other in others.values())


def test_with_copies_of_the_weights_every_device_has_all_slots(results):
    reports = [results["DataParallel"][case]["trained"] for case in CASES]
    assert all(slot["whole"] for report in reports for slot in report["slots"].values())


@pytest.mark.parametrize("case", RESUMED)
def test_a_sharded_model_resumes_bit_exact_from_its_file(results, case):
    resumed, uninterrupted = (
        results["ModelParallel"][case][name] for name in ("resumed", "trained")
    )
    assert resumed["weights"] == uninterrupted["weights"]
    assert [*resumed["slots"].values()] == [*uninterrupted["slots"].values()]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_step_monitor_logs_as_on_one_device(results, setting):
    monitored, alone = (results[name]["monitored"] for name in (setting, "one device"))
    assert monitored["others"]["step_record"]["whole"]
    assert {"gradient_norm", "cosine", "effective_learning_rate"} < set(alone["logs"])
    for name, values in alone["logs"].items():
        assert monitored["logs"][name] == pytest.approx(values, rel=1e-5), name
