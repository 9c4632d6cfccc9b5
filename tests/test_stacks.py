"""Random stacks of up to five wrappers, around random optimizers."""

import tempfile

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st

import cases
import distributed_cases
import mirrored
import stepwrap
from cases import BACKEND
from stepwrap import normalizers
from stepwrap.core import stack
from stepwrap.toolkit import blocks

# Those whose step jumps where a gradient goes through zero, as Lion's does, magnify a rounding.
SMOOTH_BASES = ("SGD", "SGD-momentum", "SGD-nesterov", "Adam", "AdamW", "RMSprop", "Nadam")

_scopes = st.sampled_from(blocks.SCOPES)
_norms = ("l1", "l2", "l1_l2", "avg_l1", "avg_l2", "max")
ARGUMENTS = {  # a wrapper that is not here is that of cases.py
    "normalized": {
        "normalization": st.sampled_from([*_norms, *sorted(normalizers.names())]),
        "scope": _scopes,
    },
    "clipped": {
        "normalization": st.sampled_from(_norms),
        "clipnorm": st.floats(0.01, 10),
        "scope": _scopes,
    },
    "l4": {
        "fraction": st.floats(0.05, 0.5),
        "gradient_time_scale": st.floats(1, 20),
        # Without it a single lucky batch can throw the weights far off.
        "max_learning_rate": st.floats(1e-4, 1e-2),
    },
    "gradient_accumulation": {"steps": st.integers(1, 3)},
    "skip_non_finite": {"max_consecutive_skips": st.integers(1, 200)},
}


@st.composite
def stacks(draw, bases):
    """The config of a stack, from which a new one can be made at any time."""
    names = [name for name in bases if name in cases.BASE_OPTIMIZERS]
    optimizer = cases.BASE_OPTIMIZERS[draw(st.sampled_from(names))]()
    for _ in range(draw(st.integers(1, 5))):
        decays = stack.decays_weights(optimizer)
        names = [name for name in stepwrap.wrappers.names() if not (decays and _decays(name))]
        name = draw(st.sampled_from(names))
        arguments = draw(st.fixed_dictionaries(ARGUMENTS.get(name, {})))
        try:
            optimizer = cases.catalogued(name)(optimizer, **arguments)
        except ValueError as error:  # some orders are refused
            assert any(word in str(error) for word in ("stand", "use_ema", "computes weights"))
            hypothesis.reject()
    return keras.optimizers.serialize(optimizer)


def _decays(name):
    """Whether the wrapper refuses another decay inside."""
    return stepwrap.wrappers.get(name).decays_weights


def make(config):
    return keras.optimizers.deserialize(config)


@hypothesis.given(stacks(cases.BASE_OPTIMIZERS))
def test_config_round_trip(config):
    optimizer = make(config)
    assert keras.optimizers.serialize(optimizer) == config
    assert optimizer.get_config() == make(config).get_config()


@pytest.mark.long
@hypothesis.settings(max_examples=30 if BACKEND == "torch" else 5)
@hypothesis.given(stacks(cases.BASE_OPTIMIZERS), st.integers(1, 2))
def test_save_load_resume(config, epochs):
    uninterrupted, interrupted = (
        cases.model(make(config), jit_compile=False, run_eagerly=True) for _ in range(2)
    )
    cases.fit(uninterrupted, epochs)
    cases.fit(uninterrupted)  # not at once: averages take the place of weights at the end of a fit
    cases.fit(interrupted, epochs)
    with tempfile.TemporaryDirectory() as folder:
        interrupted.save(f"{folder}/model.keras")
        loaded = keras.models.load_model(f"{folder}/model.keras")
    loaded.run_eagerly = True  # not part of the file
    cases.assert_equal(cases.state(loaded), cases.state(interrupted))
    cases.fit(loaded)
    cases.assert_equal(cases.state(loaded), cases.state(uninterrupted))


@pytest.mark.long
@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
@hypothesis.settings(max_examples=8)
@hypothesis.given(stacks(SMOOTH_BASES))
def test_one_and_two_replicas(config):
    one, two = (mirrored.trained(lambda: make(config), replicas) for replicas in (1, 2))
    difference = np.subtract(distributed_cases.flat(two), distributed_cases.flat(one))
    assert np.max(np.abs(difference)) < 1e-6
