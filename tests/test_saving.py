"""Saving with normalizers of a user's own, and what a failed load says."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from stepwrap import normalizers

pytestmark = pytest.mark.usefixtures("clean_registry")


@keras.saving.register_keras_serializable(package="tests")
def half_sign(gradient):
    return ops.sign(gradient) / 2


def unregistered_sign(gradient):
    return ops.sign(gradient)


def trained(optimizer, path):
    network = cases.model(optimizer)
    cases.fit(network)
    network.save(path)
    return network


def assert_continues(network, loaded):
    cases.fit(network)
    cases.fit(loaded)
    cases.assert_equal(cases.state(loaded), cases.state(network))


def test_a_registered_name(tmp_path):
    normalizers.register("half_sign", half_sign)
    network = trained(stepwrap.NormalizedOptimizer("adam", "half_sign"), tmp_path / "m.keras")
    assert_continues(network, keras.models.load_model(tmp_path / "m.keras"))


def test_a_name_that_is_not_registered_fails_and_shows_the_line_to_add(tmp_path):
    normalizers.register("half_sign", half_sign)
    trained(stepwrap.NormalizedOptimizer("adam", "half_sign"), tmp_path / "m.keras")
    normalizers.unregister("half_sign")
    with pytest.raises(ValueError) as caught:
        keras.models.load_model(tmp_path / "m.keras")
    assert "normalization='half_sign' is not registered" in str(caught.value)
    assert "`stepwrap.normalizers.register('half_sign', my_function)`" in str(caught.value)


def test_a_function_registered_with_keras(tmp_path):
    network = trained(stepwrap.NormalizedOptimizer("adam", half_sign), tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert loaded.optimizer.normalization is half_sign
    assert_continues(network, loaded)


def test_a_function_among_the_custom_objects(tmp_path):
    path = tmp_path / "m.keras"
    network = trained(stepwrap.NormalizedOptimizer("adam", unregistered_sign), path)
    loaded = keras.models.load_model(path, custom_objects={"unregistered_sign": unregistered_sign})
    assert_continues(network, loaded)


def test_custom_objects_may_name_the_wrappers_too(tmp_path):
    network = trained(stepwrap.NormalizedOptimizer("adam"), tmp_path / "m.keras")
    loaded = keras.models.load_model(
        tmp_path / "m.keras",
        custom_objects={"NormalizedOptimizer": stepwrap.NormalizedOptimizer},
    )
    assert_continues(network, loaded)


def test_an_inner_optimizer_of_the_users_among_the_custom_objects():
    class Unregistered(cases.SignDescent):
        pass

    config = keras.optimizers.serialize(
        stepwrap.ClippedOptimizer(stepwrap.NormalizedOptimizer(Unregistered()))
    )
    copy = keras.optimizers.deserialize(config, custom_objects={"Unregistered": Unregistered})
    assert type(copy.inner_optimizer.inner_optimizer) is Unregistered


def test_state_is_stored_once(tmp_path):
    network = trained(stepwrap.NormalizedOptimizer("adam"), tmp_path / "m.weights.h5.keras")
    store = {}
    network.optimizer.save_own_variables(store)
    assert store == {}
    wrapper = cases.AveragedGradient("adam")
    wrapper.build(cases.variables())
    wrapper.save_own_variables(store)
    assert sorted(store) == ["0", "1", "2"]


def test_loading_into_an_optimizer_that_is_not_built_warns_and_changes_nothing():
    source, target = cases.AveragedGradient("adam"), cases.AveragedGradient("adam")
    source.build(cases.variables())
    store = {}
    source.save_own_variables(store)
    before = cases.values(target.variables)
    with pytest.warns(UserWarning, match="0 variables of its own, the saved one has 3.*not built"):
        target.load_own_variables(store)
    cases.assert_equal(cases.values(target.variables), before)


def test_the_learning_rate_a_callback_set_is_saved(tmp_path):
    network = cases.model(stepwrap.NormalizedOptimizer(keras.optimizers.SGD(0.5)))
    network.optimizer.learning_rate = 0.125
    cases.fit(network)
    network.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(ops.convert_to_numpy(loaded.optimizer.learning_rate), 0.125)
