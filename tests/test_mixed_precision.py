"""Mixed precision: wrappers see unscaled gradients and losses, and overflows leave no trace."""

import functools
import warnings
from copy import deepcopy

import keras
import numpy as np
import pytest

import cases
import stepwrap
from cases import BACKEND, WRAPPERS
from stepwrap import LossScaleOptimizer
from stepwrap.callbacks import StepMonitor
from stepwrap.core import stack
from stepwrap.wrappers.step_sizes.l4 import L4

# Eagerly, JAX would compile the scaler's conditional anew at every step.
QUICK = {} if BACKEND == "jax" else dict(jit_compile=False, run_eagerly=True)


@pytest.fixture(autouse=True)
def float32_afterwards():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def float16():
    keras.config.set_dtype_policy("mixed_float16")


def needs_the_loss(optimizer):
    return any(isinstance(member, L4) for member in stack.walk(optimizer))


def wrapped(name):
    return WRAPPERS[name](keras.optimizers.Adam(0.01))


NAMES = [*stepwrap.wrappers.names(), "user", "user_steps", "stack_of_steps"]
SEES_LOSSES = [name for name in NAMES if needs_the_loss(wrapped(name))]
SEES_GRADIENTS = [name for name in NAMES if name not in SEES_LOSSES]


def as_it_is(optimizer):
    return optimizer


def scaled():
    """Names with a loss scaler: the one that `compile` adds, or stepwrap's."""
    for scaler, names in ((as_it_is, SEES_GRADIENTS), (LossScaleOptimizer, NAMES)):
        for parameter in cases.others_long(names, ("normalized", "l4"), backend="torch"):
            [name] = parameter.values
            test_id = f"{name}-automatic" if scaler is as_it_is else name
            yield pytest.param(name, scaler, id=test_id, marks=parameter.marks)


every_scaled = pytest.mark.parametrize("name, scaler", list(scaled()))


def inner_state(network):
    """Weights and all optimizer state, but the scaler's own."""
    return cases.values([*network.weights, *network.optimizer.inner_optimizer.variables])


@pytest.mark.parametrize("name", cases.others_long(stepwrap.wrappers.names(), backend="torch"))
def test_bfloat16_needs_no_scaler(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = cases.model(wrapped(name), **QUICK)
    losses = cases.fit(network, epochs=5)["loss"]
    assert network.optimizer.name != "loss_scale_optimizer"
    assert np.all(np.isfinite(losses)) and losses[-1] < losses[0]


@pytest.mark.parametrize("name", SEES_LOSSES)
def test_without_the_loss_an_error_names_the_scaler_that_gives_it(name, float16):
    network = cases.model(wrapped(name))
    with pytest.raises(ValueError, match=r"compile with `stepwrap.LossScaleOptimizer\(L4"):
        cases.fit(network)


@functools.cache
def network_and_start(name, scaler):
    network = cases.model(scaler(wrapped(name)))
    network.optimizer.build(network.trainable_variables)
    return network, cases.state(network)


def untrained(name, scaler):
    """A network at its start; its step is compiled once for all tests."""
    network, start = network_and_start(name, scaler)
    for variable, value in zip(
        [*network.weights, *network.optimizer.variables], start, strict=True
    ):
        variable.assign(value)
    assert isinstance(network.optimizer, keras.optimizers.LossScaleOptimizer)
    return network


@every_scaled
def test_overflows_leave_no_trace_and_training_recovers(name, scaler, float16):
    """From a loss scale of 2²⁴, and again in the middle of training."""
    network = untrained(name, scaler)
    scale, losses = network.optimizer.dynamic_scale, []
    for _ in range(2):
        overflows = 0
        scale.assign(2.0**24)
        for _ in range(24):
            before, scale_before = inner_state(network), cases.number(scale)
            losses.append(float(network.train_on_batch(*cases.data())))
            if cases.number(scale) != scale_before:
                overflows += 1
                assert cases.number(scale) == scale_before / 2
                cases.assert_equal(inner_state(network), before)
        assert 4 <= overflows <= 16
    assert np.all(np.isfinite(losses)) and losses[-1] < 0.9 * losses[0]


@every_scaled
@pytest.mark.long
def test_the_scale_does_not_matter(name, scaler, float16):
    """Bit for bit, for it is a power of two."""
    states = []
    for scale in (2.0**6, 2.0**9):
        network = untrained(name, scaler)
        network.optimizer.dynamic_scale.assign(scale)
        for _ in range(4):
            network.train_on_batch(*cases.data())
        assert cases.number(network.optimizer.dynamic_scale) == scale
        states.append(inner_state(network))
    cases.assert_equal(*states)


@pytest.mark.parametrize("make", [stepwrap.L4Adam, stepwrap.L4Mom], ids=["L4Adam", "L4Mom"])
def test_what_is_seen_is_what_float32_has(make):
    """Losses, gradients and learning rates, within the precision of float16."""
    plain = cases.fit(cases.model(make(), **QUICK), callbacks=[StepMonitor()])
    keras.config.set_dtype_policy("mixed_float16")
    network = cases.model(LossScaleOptimizer(make(), initial_scale=2.0**9), **QUICK)
    scaled = cases.fit(network, callbacks=[StepMonitor()])
    assert scaled.keys() == plain.keys() >= {"gradient_norm", "min_loss", "effective_learning_rate"}
    for quantity, values in plain.items():
        np.testing.assert_allclose(scaled[quantity], values, rtol=2e-2, err_msg=quantity)


@pytest.mark.parametrize("name", cases.others_long(stepwrap.wrappers.names(), backend="torch"))
def test_resumes_bit_exact_from_a_saved_model(name, float16, tmp_path):
    made = LossScaleOptimizer(wrapped(name), initial_scale=16.0, dynamic_growth_steps=2)
    network = cases.model(made, **QUICK)
    cases.fit(network)
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = bool(QUICK)  # not part of the file
    assert type(loaded.optimizer) is LossScaleOptimizer
    cases.assert_equal(cases.state(loaded), cases.state(network))
    for one in (network, loaded):
        cases.fit(one)
    assert cases.number(network.optimizer.dynamic_scale) == 16.0 * 2**3
    cases.assert_equal(cases.state(loaded), cases.state(network))


@pytest.mark.parametrize("name", NAMES)
def test_config_round_trip_twice(name):
    optimizer = LossScaleOptimizer(wrapped(name), initial_scale=8.0, dynamic_growth_steps=7)
    config = keras.optimizers.serialize(optimizer)
    for _ in range(2):
        copy = keras.optimizers.deserialize(deepcopy(config))  # Keras writes to it
        assert type(copy) is LossScaleOptimizer
        assert keras.optimizers.serialize(copy) == config
        same = LossScaleOptimizer.from_config(own := copy.get_config())
        assert same.get_config() == own == copy.get_config()


@pytest.mark.parametrize("scaler", [LossScaleOptimizer, keras.optimizers.LossScaleOptimizer])
def test_a_scaler_inside_of_a_wrapper_is_refused(scaler):
    remedy = r"Put the loss scaler outside: `stepwrap.LossScaleOptimizer\(L4Wrapper\(...\)\)`"
    with pytest.raises(ValueError, match=remedy):
        stepwrap.L4Wrapper(scaler(keras.optimizers.Adam()))


def test_saved_while_monitored_and_loaded(float16, tmp_path):
    """The monitor's record is state that a loaded optimizer does not have."""
    network = cases.model(LossScaleOptimizer(stepwrap.L4Wrapper("adam"), 2.0**10), **QUICK)
    cases.fit(network, callbacks=[StepMonitor()])
    network.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = keras.models.load_model(tmp_path / "model.keras")
    state = [v for v in network.optimizer.variables if v.name != "step_record"]
    assert len(state) < len(network.optimizer.variables)
    cases.assert_equal(cases.values(loaded.optimizer.variables), cases.values(state))
