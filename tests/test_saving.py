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


# Files of other stacks.


def built(text):
    network = cases.model(stepwrap.parse(text), run_eagerly=True)
    network.optimizer.build(network.trainable_variables)
    return network


def saved_from(text, folder, suffix):
    """A network that was trained and saved, and the file of it."""
    network = built(text)
    cases.fit(network)
    path = folder / f"model{suffix}"
    (network.save if suffix == ".keras" else network.save_weights)(path)
    return network, path


def states(network):
    """The state of each optimizer of its stack by its class, without that of those inside."""
    return {
        type(member).__name__: cases.values(getattr(member, "own_variables", member.variables))
        for member in stepwrap.core.stack.walk(network.optimizer)
    }


@pytest.mark.parametrize(
    "suffix",
    cases.whole_on("torch", {kind: kind for kind in (".weights.h5", ".keras")}, [".weights.h5"]),
)
@pytest.mark.parametrize(
    ("saved", "loading", "words"),
    [
        ("adam", "adam | normalized", "Added since it was saved: 'normalized_optimizer'."),
        (
            "adam",
            "adam | clipped | lookahead | loss_scale_optimizer",
            "Added since it was saved: 'loss_scale_optimizer', 'lookahead', 'clipped_optimizer'.",
        ),
        (
            "adam | lookahead",
            "adam | lookahead | skip_non_finite",
            "Added since it was saved: 'skip_non_finite'. "
            "Taken over: the state of 'lookahead', 'adam'.",
        ),
        (
            "adam | l4",
            "adam | l4 | normalized",
            "Added since it was saved: 'normalized_optimizer'.",
        ),
        (
            "adam | normalized | lookahead",
            "adam | lookahead",
            "Removed since it was saved: 'normalized_optimizer'.",
        ),
        (
            "adam | normalized | moving_average",
            "adam | moving_average",
            "Removed since it was saved: 'normalized_optimizer'.",
        ),
        (
            "adam | normalized | lookahead | loss_scale_optimizer",
            "adam | clipped | lookahead",
            "Removed since it was saved: 'loss_scale_optimizer'",
        ),
    ],
)
def test_what_fits_of_another_stack_is_taken_over(saved, loading, words, suffix, tmp_path):
    source, path = saved_from(saved, tmp_path, suffix)
    target, fresh = built(loading), states(built(loading))
    with pytest.warns(UserWarning) as caught:
        target.load_weights(path)
    [message] = [str(one.message) for one in caught if "optimizer" in str(one.message).lower()]
    assert words in message
    was, now = states(source), states(target)
    for name, state in now.items():
        cases.assert_equal(state, was.get(name, fresh[name]))
    [leaf] = stepwrap.core.stack.leaves(target.optimizer)
    assert cases.number(leaf.iterations) == 3
    cases.fit(target)
    assert cases.number(leaf.iterations) == 6
    target.load_weights(path)  # once more: nothing of the first time is left
    cases.assert_equal(states(target)["Adam"], was["Adam"])


def test_a_plain_optimizer_s_state_as_a_dictionary():
    """As `load_own_variables` may be called without a file."""
    bare = keras.optimizers.Adam()
    variables = cases.variables()
    bare.apply(cases.gradients(variables), variables)
    store = {}
    bare.save_own_variables(store)
    target = stepwrap.Lookahead("adam")
    target.build(cases.variables())
    with pytest.warns(UserWarning, match="Added since it was saved: 'lookahead'"):
        target.load_own_variables(store)
    cases.assert_equal(cases.values(target.inner_optimizer.variables), cases.values(bare.variables))


def test_what_does_not_fit_is_left_as_it_is(tmp_path):
    _, path = saved_from("sgd", tmp_path, ".weights.h5")
    target = built("adam | normalized | l4")
    before = cases.values(target.optimizer.variables)
    with pytest.warns(UserWarning, match="Skipping variable loading"):
        target.load_weights(path)
    cases.assert_equal(cases.values(target.optimizer.variables), before)


def test_state_of_other_shapes_is_left_as_it_is_and_named(tmp_path):
    """L4 around Adam takes an average from it, and has one of its own elsewhere."""
    source, path = saved_from("adam | l4", tmp_path, ".weights.h5")
    target, fresh = built("adam | normalized | l4"), built("adam | normalized | l4")
    words = "Of other shapes, so left as it is: the state of 'l4_wrapper'. Taken over: .*'adam'"
    with pytest.warns(UserWarning, match=words):
        target.load_weights(path)
    cases.assert_equal(states(target)["Adam"], states(source)["Adam"])
    cases.assert_equal(states(target)["L4Wrapper"], states(fresh)["L4Wrapper"])


def test_variables_of_other_shapes_are_left_as_they_are():
    source, target = cases.AveragedGradient("adam"), cases.AveragedGradient("adam")
    source.build(cases.variables())
    target.build(list(reversed(cases.variables())))
    store = {}
    source.save_own_variables(store)
    before = cases.values(target.variables)
    with pytest.warns(UserWarning, match="or they have other shapes"):
        target.load_own_variables(store)
    cases.assert_equal(cases.values(target.variables), before)


def test_a_bare_optimizer_gets_its_state_from_a_file_of_a_stack_by_way_of_the_stack(tmp_path):
    """Into a bare one it cannot be loaded: its loading is Keras' alone."""
    source, path = saved_from("adam | lookahead", tmp_path, ".weights.h5")
    target = built("adam | lookahead")
    target.load_weights(path)
    target.compile(target.optimizer.inner_optimizer, loss="mse", run_eagerly=True)
    assert type(target.optimizer) is type(keras.optimizers.Adam())
    cases.assert_equal(
        cases.state(target), [*cases.values(source.weights), *states(source)["Adam"]]
    )
    cases.fit(target)
    assert cases.number(target.optimizer.iterations) == 6
