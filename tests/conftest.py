"""Set-up of every test: the backend comes from KERAS_BACKEND (default: tensorflow)."""

import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if os.environ["KERAS_BACKEND"] == "torch" and "PYTEST_XDIST_WORKER" in os.environ:
    # Those of several workers would wait for each other. Processes that a test starts inherit it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
if os.environ["KERAS_BACKEND"] == "jax":
    # JAX keeps what it compiled, for other tests, workers, processes and runs: most of the time of
    # these tests went into compiling the same again.
    cache = pathlib.Path(__file__).parent.parent / ".pytest_cache" / "jax"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import json

import hypothesis
import keras
import numpy as np
import pytest
import seeds

from stepwrap import normalizers

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    # A second device, for the replicas of a MirroredStrategy.
    [cpu] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

# Compilation makes the first example slow; times are never asserted. The long tests have all
# examples; every day there are a few.
EXAMPLES = {"everyday": 20, "all": 100}
for name, examples in EXAMPLES.items():
    hypothesis.settings.register_profile(
        name, deadline=None, derandomize=True, print_blob=True, max_examples=examples
    )
hypothesis.settings.load_profile("everyday")


def pytest_addoption(parser):
    parser.addoption(
        "--differences",
        metavar="FILE",
        help="append to this file how far training on several devices is from one, as JSON lines",
    )
    parser.addoption(
        "--one-of-each-kind",
        action="store_true",
        help="leave out wrappers of the catalogue that another one of their kind stands for",
    )


def pytest_collection_modifyitems(config, items):
    """Leaves out what another run has, and other wrappers where one of a kind is enough."""
    one_of_each_kind = config.getoption("--one-of-each-kind")
    for item in items:
        if marker := item.get_closest_marker("backend_free"):
            [backend] = marker.args or ["tensorflow"]
            if keras.backend.backend() != backend or one_of_each_kind:
                reason = f"no backend touches it; it runs on {backend}"
                item.add_marker(pytest.mark.skip(reason=reason))
    if not one_of_each_kind:
        return
    import cases  # which uses the devices that are set above

    others = cases.of_other_kinds()
    kept, left_out = [], []
    for item in items:
        parameters = {*item.callspec.id.split("-")} if hasattr(item, "callspec") else set()
        (left_out if others & parameters else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


@pytest.fixture(scope="session")
def differences(request):
    """Notes a difference under (setting, wrapper), if --differences names a file."""
    path = request.config.getoption("--differences")

    def note(setting, wrapper, difference):
        if path is not None:
            line = {"setting": setting, "wrapper": wrapper, "difference": difference}
            with open(path, "a", encoding="utf-8") as file:  # one write: workers share the file
                file.write(json.dumps(line) + "\n")

    return note


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    """A data folder in which all sets of images are a few random ones."""
    from stepwrap.experiments import data

    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for name, shape in data.IMAGE_SHAPES.items():
        arrays = {}
        for part, count in (("train", 8), ("test", 4)):
            arrays[f"x_{part}"] = random.integers(256, size=(count, *shape), dtype="uint8")
            arrays[f"y_{part}"] = random.integers(10, size=count, dtype="uint8")
        np.savez(folder / f"{name}.npz", **arrays)
    return folder


@pytest.fixture(autouse=True)
def seed():
    """Every test starts from one seed."""
    seeds.seed_of_every_test()


@pytest.fixture
def clean_registry():
    """Removes the normalizers that a test registered."""
    yield
    for name in normalizers.names():
        try:
            normalizers.unregister(name)
        except ValueError as error:
            assert "is built in" in str(error)


@pytest.fixture
def all_threads():
    """Lets PyTorch divide a sum among threads, as it does outside of these tests."""
    if keras.backend.backend() != "torch":
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(2, os.cpu_count()))
    yield
    torch.set_num_threads(before)


@pytest.fixture
def float64():
    """Lets JAX have float64."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)
