"""Files of one backend on another: loaded, and trained on."""

import contextlib
import functools
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest
from other_backend_process import write

import cases
import stepwrap
from stepwrap.backends import keras_private

PROGRAM = pathlib.Path(__file__).with_name("other_backend_process.py")
# Written on one backend, the others read them all; written there, one of each kind.
WRAPPED = {
    name: cases.WRAPPERS[name]
    for name in (stepwrap.wrappers.names() if cases.BACKEND == "tensorflow" else cases.KINDS)
}
STACKS = {
    **{name: lambda wrap=wrap: wrap(keras.optimizers.Adam()) for name, wrap in WRAPPED.items()},
    **{
        f"identity-{name}": lambda base=base: stepwrap.OptimizerWrapper(base())
        for name, base in cases.BASE_OPTIMIZERS.items()
    },
    **{
        name: functools.partial(cases.WRAPPERS[name], "adam")
        for name in ("stack", "stack_of_steps")
    },
    "loss_scale": lambda: stepwrap.LossScaleOptimizer(stepwrap.L4Wrapper("adam")),
    "bare-L4Adam": stepwrap.L4Adam,
    "bare-RAdam": stepwrap.RAdam,
}


# One test: pytest-xdist would write the files of a shared fixture again and again.
@pytest.mark.long
def test_every_stack_of_this_backend_trains_on_on_the_others(tmp_path):
    backends = {"tensorflow", "jax", "torch"} - {cases.BACKEND}
    installed = [backend for backend in sorted(backends) if importlib.util.find_spec(backend)]
    if not installed:
        pytest.skip("no other backend is installed")
    write(tmp_path, STACKS)
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_reading(tmp_path, backend)) for backend in installed]
        outputs = [process.communicate(timeout=540) for process in processes]
    for process, (output, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors
        _check(json.loads(output.splitlines()[-1]))


@contextlib.contextmanager
def _reading(folder, backend):
    """A process that reads the files on another backend, and ends in any case."""
    process = subprocess.Popen(
        [sys.executable, PROGRAM, folder],
        env={**os.environ, "KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _check(results):
    assert results.keys() == STACKS.keys()
    # With the batch that was accumulated before, three batches make two steps.
    steps = {name: 2 if name == "gradient_accumulation" else 3 for name in STACKS}
    as_it_should = {"same": True, "finite": True, "trains": True}
    wrong = {
        name: result
        for name, result in results.items()
        if result != {**as_it_should, "steps": steps[name]}
    }
    assert not wrong


def parts():
    """Bare optimizers at every place where an optimizer may stand inside a wrapper."""
    optimizers = [keras.optimizers.Adam(0.25), keras.optimizers.SGD(0.5)]
    if "MultiOptimizer" in cases.BASE_OPTIMIZERS:
        chosen_by = keras.optimizers.OptimizerMap(
            stepwrap.ClippedOptimizer(optimizers[0]), {".*bias": optimizers[1]}
        )
        inner = keras.optimizers.MultiOptimizer(chosen_by)
    else:
        inner = optimizers[0]  # an older Keras has none
    return stepwrap.LossScaleOptimizer(stepwrap.Lookahead(stepwrap.OptimizerWrapper(inner)))


def test_a_saved_config_names_public_classes_only():
    assert "keras.src" not in json.dumps(keras.optimizers.serialize(parts()))


def as_on_torch(config):
    """The config as it was saved on PyTorch before the public classes were."""
    if not isinstance(config, dict):
        return config
    config = {key: as_on_torch(value) for key, value in config.items()}
    name = config.get("class_name")
    if name in ("Adam", "SGD"):
        module = f"keras.src.backend.torch.optimizers.torch_{name.lower()}"
        config.update(module=module, registered_name=name)
    return config


def test_a_config_of_torch_makes_optimizers_of_this_backend():
    config = keras.optimizers.serialize(parts())
    of_torch = as_on_torch(config)
    given = json.dumps(of_torch)
    assert "torch_adam" in given
    for load in (
        lambda: keras.saving.deserialize_keras_object(of_torch),
        lambda: stepwrap.LossScaleOptimizer.from_config(of_torch["config"]),
        lambda: stepwrap.LossScaleOptimizer(
            stepwrap.OptimizerWrapper(of_torch["config"]["inner_optimizer"]).inner_optimizer
        ),
    ):
        made = load()
        expected = {type(leaf) for leaf in stepwrap.core.stack.leaves(parts())}
        assert {type(leaf) for leaf in stepwrap.core.stack.leaves(made)} == expected
        assert keras.optimizers.serialize(made)["config"].keys() == config["config"].keys()
        assert json.dumps(of_torch) == given


def test_a_bare_optimizer_of_torch_as_inner_optimizer():
    config = as_on_torch(keras.optimizers.serialize(keras.optimizers.Adam(0.25)))
    inner = stepwrap.OptimizerWrapper(config).inner_optimizer
    assert type(inner) is type(keras.optimizers.Adam())
    assert cases.number(inner.learning_rate) == 0.25


def test_what_is_no_optimizer_of_torch_stays_as_it_is():
    config = {"module": "keras.src.backend.numpy", "list": [1, ("a", {"module": None})]}
    assert keras_private.with_public_classes(config) == config
