"""Float8 scales, layers frozen between two fits, gradients that come and go, no variables."""

import itertools
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND, WRAPPERS

EAGER = dict(jit_compile=False, run_eagerly=True)

all_wrappers = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
each_kind = pytest.mark.parametrize("wrap", cases.values_long(WRAPPERS, cases.EVERYDAY, "torch"))


# Float8: Keras hands the new scales of a layer to the optimizer as "gradients".


def float8_model(optimizer):
    network = cases.model()
    network.get_layer("hidden").quantize("float8")
    # Not eagerly: there Keras' own float8 fails on TensorFlow.
    network.compile(optimizer, loss="mse", jit_compile=BACKEND == "jax")
    return network


def scales(network):
    """The scales of the layer and the largest values so far that they are made from."""
    return [v for v in network.trainable_variables if v.overwrite_with_gradient]


def float8_scales_after(optimizer, batches=1):
    network = float8_model(optimizer)
    x, y = cases.data(8 * batches)
    network.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    return cases.values(scales(network))


# With a step at every batch. The others pass scales on as these do: see below.
SOME = {name: WRAPPERS[name] for name in ("skip_non_finite", "stack", "stack_of_steps")}


@pytest.mark.parametrize("wrap", cases.values_long(SOME, everyday=["stack_of_steps"]))
def test_float8_scales_are_those_of_the_bare_optimizer(wrap):
    bare = float8_scales_after(keras.optimizers.SGD(0.1))
    assert len(bare) == 6
    cases.assert_equal(float8_scales_after(wrap(keras.optimizers.SGD(0.1))), bare)


def test_float8_under_accumulation_is_that_of_keras_own():
    """The weights, too: the scales are the largest of the batches, not their mean."""
    bare = float8_model(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    accumulating = stepwrap.GradientAccumulation(keras.optimizers.SGD(0.1), 2)
    wrapped = float8_model(stepwrap.OptimizerWrapper(accumulating, jit_compile=False))
    for network in (bare, wrapped):
        x, y = cases.data(32)
        network.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    cases.assert_equal(cases.values(wrapped.weights), cases.values(bare.weights))


def overwritten(optimizer, *scales, factor=1.0):
    """The value of a variable to which Keras writes its gradients, and how far another moved."""
    variables = cases.variables()
    variables[1].overwrite_with_gradient = True
    before = cases.values(variables)
    for scale in scales:
        gradients = [factor * gradient for gradient in cases.gradients(variables)]
        gradients[1] = ops.convert_to_tensor(scale, dtype="float32")
        cases.apply(optimizer, gradients, variables)
    after = cases.values(variables)
    return after[1].tolist(), after[0] - before[0]


def test_accumulation_overwrites_with_the_largest_of_its_batches():
    optimizer = stepwrap.GradientAccumulation(keras.optimizers.SGD(0.1), steps=3)
    large = [[1.0, 9.0, 2.0], [7.0, 3.0, 2.0], [4.0, 5.0, 8.0]]
    small = [[0.5, 0.5, 0.5], [0.25, 0.75, 0.5], [0.5, 0.5, 0.5]]
    assert overwritten(optimizer, *large)[0] == [7.0, 9.0, 8.0]
    optimizer = stepwrap.GradientAccumulation(keras.optimizers.SGD(0.1), steps=3)
    assert overwritten(optimizer, *large, *small)[0] == [0.5, 0.75, 0.5]


@all_wrappers
def test_what_overwrites_is_neither_transformed_nor_divided_by_the_loss_scale(wrap):
    plain, scaled = wrap(keras.optimizers.SGD(0.1)), wrap(keras.optimizers.SGD(0.1))
    scaled.loss_scale_factor = 64.0
    new = [[1.0, 2.0, 1e6]] * 2
    value, moved = overwritten(plain, *new)
    assert value == new[0] and np.any(moved != 0)
    scaled_value, scaled_moved = overwritten(scaled, *new, factor=64.0)
    assert scaled_value == new[0]
    np.testing.assert_array_equal(scaled_moved, moved)


# Layers frozen between two fits.


@pytest.mark.skipif(BACKEND == "jax", reason="an error of Keras there: see the next test")
@each_kind
def test_a_layer_frozen_between_two_fits_stays_as_it_was(wrap):
    optimizer = wrap(keras.optimizers.SGD(0.1, momentum=0.9))
    network = cases.model(optimizer, **EAGER)
    hidden, out = network.layers
    values = []
    for trainable in (True, False, True):
        hidden.trainable = trainable
        network.compile(optimizer, loss="mse", **EAGER)
        cases.fit(network)
        values.append((cases.values(hidden.weights), cases.values(out.weights)))
    (frozen, _), (after, _), (freed, _) = values
    cases.assert_equal(after, frozen)
    assert any(np.any(new != old) for new, old in zip(freed, after, strict=True))
    for (_, old), (_, new) in itertools.pairwise(values):
        assert any(np.any(one != other) for one, other in zip(new, old, strict=True))


def test_freezing_between_two_fits_is_to_a_wrapper_what_it_is_to_keras():
    """On JAX an error of Keras, which does not let the number of variables change."""

    def train(wrap):
        optimizer = wrap(keras.optimizers.SGD(0.1, momentum=0.9))
        network = cases.model(optimizer, **EAGER)
        cases.fit(network)
        network.layers[0].trainable = False
        network.compile(optimizer, loss="mse", **EAGER)
        cases.fit(network)
        return cases.state(network)

    wraps = (lambda inner: inner, stepwrap.OptimizerWrapper, WRAPPERS["skip_non_finite"])
    if BACKEND == "jax":
        for wrap in wraps:
            with pytest.raises(ValueError, match="the optimizer was built with 4 variables"):
                train(wrap)
        return
    bare, *wrapped = [train(wrap) for wrap in wraps]
    for state in wrapped:
        cases.assert_equal(state[:4], bare[:4])


# Gradients that come and go: where nothing is compiled, a layer may take part in some steps only.


def ones(variables):
    return [ops.ones(variable.shape) for variable in variables]


def distances(variables, before):
    after = cases.values(variables)
    return [round(float(np.mean(old - new)), 3) for old, new in zip(before, after, strict=True)]


@all_wrappers
def test_a_variable_without_a_gradient_in_some_steps_stays_as_it_is_in_these(wrap):
    optimizer, variables = wrap(keras.optimizers.Adam(0.1)), cases.variables()
    for seed in range(2):
        cases.apply(optimizer, cases.gradients(variables, seed), variables)
    before = cases.values(variables)
    for seed in range(2):
        gradients = [None, *cases.gradients(variables, seed)[1:]]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Gradients do not exist")
            cases.apply(optimizer, gradients, variables)
    first, *others = [
        np.any(v != old) for v, old in zip(cases.values(variables), before, strict=True)
    ]
    assert any(others) and not first


@pytest.mark.parametrize("missing", [0, 1])
def test_accumulation_counts_a_batch_without_a_gradient_as_a_gradient_of_zero(missing):
    """As the k batches in one would, in which the variable has a gradient."""
    optimizer = stepwrap.GradientAccumulation(keras.optimizers.SGD(1.0))
    variables = cases.variables()
    before = cases.values(variables)
    for batch in range(2):
        gradients = ones(variables)
        if batch == missing:
            gradients[0] = None
        cases.apply(optimizer, gradients, variables)
    assert distances(variables, before) == [0.5, 1.0, 1.0]


def test_what_accumulated_before_a_variable_was_frozen_is_forgotten_at_the_next_step():
    optimizer = stepwrap.GradientAccumulation(keras.optimizers.SGD(1.0))
    variables = cases.variables()
    before = cases.values(variables)
    cases.apply(optimizer, ones(variables), variables)
    cases.apply(optimizer, ones(variables[1:]), variables[1:])  # the first is frozen
    assert distances(variables, before) == [0.0, 1.0, 1.0]
    for _ in range(2):
        cases.apply(optimizer, ones(variables), variables)
    assert distances(variables, before) == [1.0, 2.0, 2.0]


# No variables: Keras builds the optimizer of a model without trainable ones, and of a legacy file.


@all_wrappers
def test_an_optimizer_of_no_variables_is_built_and_does_nothing(wrap):
    optimizer = wrap(keras.optimizers.Adam(0.1))
    optimizer.build([])
    assert optimizer.built
    before = cases.values(optimizer.variables)
    optimizer.apply([], [])
    cases.assert_equal(cases.values(optimizer.variables), before)


@pytest.mark.parametrize("name", ["coupled_weight_decay", "trust_ratio"])
def test_without_variables_no_pattern_is_said_to_match_none(name):
    with warnings.catch_warnings(action="error"):
        WRAPPERS[name](keras.optimizers.Adam(0.1), exclude="bias").build([])


@each_kind
def test_a_model_without_trainable_variables_is_loaded(wrap, tmp_path):
    network = keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(2.0)])
    network.compile(wrap(keras.optimizers.Adam(0.1)), loss="mse")
    network.optimizer.build(network.trainable_variables)
    network.save(tmp_path / "m.keras")
    with warnings.catch_warnings(action="error"):
        loaded = keras.models.load_model(tmp_path / "m.keras")
    assert type(loaded.optimizer) is type(network.optimizer) and loaded.optimizer.built
    assert loaded.optimizer.get_config() == network.optimizer.get_config()
    cases.assert_equal(cases.values(loaded.optimizer.variables), cases.state(network))


# Keras itself gives up the state of an optimizer in a legacy file, and says so.


@each_kind
def test_a_legacy_file_is_loaded_without_the_state_as_by_keras(wrap, tmp_path):
    network = cases.model()
    network.compile(wrap(keras.optimizers.Adam(0.1)), loss=keras.losses.MeanSquaredError())
    network.optimizer.build(network.trainable_variables)
    network.save(tmp_path / "m.h5")
    loaded = keras.models.load_model(tmp_path / "m.h5")
    cases.assert_equal(cases.values(loaded.weights), cases.values(network.weights))
    assert type(loaded.optimizer) is type(network.optimizer)
    assert loaded.optimizer.get_config() == network.optimizer.get_config()


def test_a_model_from_a_legacy_file_trains_once_it_is_compiled_again(tmp_path):
    network = cases.model()
    mse = keras.losses.MeanSquaredError()
    network.compile(stepwrap.NormalizedOptimizer("adam"), loss=mse, **EAGER)
    cases.fit(network)
    network.save(tmp_path / "m.h5")
    loaded = keras.models.load_model(tmp_path / "m.h5")
    copy = type(loaded.optimizer).from_config(loaded.optimizer.get_config())
    loaded.compile(copy, loss=mse, **EAGER)
    cases.fit(loaded)
    assert np.any(cases.values(loaded.weights)[0] != cases.values(network.weights)[0])
