"""Wrappers that draw random numbers: reproducible, resumed, and each its own."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import mirrored
import stepwrap
from cases import BACKEND

RANDOM = {
    "gradient_noise": stepwrap.GradientNoise,
    "gradient_dropout": stepwrap.GradientDropout,
    "learning_rate_dropout": stepwrap.LearningRateDropout,
}
all_random = pytest.mark.parametrize("wrapper", RANDOM.values(), ids=RANDOM)


def trained(optimizer, steps=3):
    """Weights after some steps, whose gradients are all 1."""
    variable = keras.Variable(np.zeros((8, 8)), dtype="float32")
    for _ in range(steps):
        optimizer.apply([ops.ones((8, 8))], [variable])
    return cases.values([variable])


def same(one, other):
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def test_every_wrapper_that_has_a_seed_is_here():
    seeded = [name for name in stepwrap.wrappers.names() if "seed" in cases.WRAPPERS[name].keywords]
    assert seeded == sorted(RANDOM)


@all_random
def test_the_same_seed_gives_the_same_run_and_another_one_a_different_run(wrapper):
    first, again, other = (trained(wrapper("sgd", seed=seed)) for seed in (5, 5, 6))
    assert same(first, again)
    assert not same(first, other)


@all_random
def test_without_a_seed_that_of_keras_decides(wrapper):
    runs = []
    for seed in (7, 7, None):
        if seed is not None:
            keras.utils.set_random_seed(seed)
        runs.append(trained(wrapper("sgd")))
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


@all_random
def test_every_step_and_every_variable_draws_anew(wrapper):
    optimizer = wrapper("sgd", seed=1)
    variables = [keras.Variable(np.zeros(64), dtype="float32") for _ in range(2)]
    steps = []
    for _ in range(3):
        before = cases.values(variables)
        optimizer.apply([ops.ones(64), ops.ones(64)], variables)
        after = cases.values(variables)
        steps += [(new - old).tobytes() for new, old in zip(after, before, strict=True)]
    assert len(set(steps)) == 6


@pytest.mark.parametrize("seed", [None, 3])
def test_wrappers_in_one_stack_draw_different_numbers(seed):
    """Also from the same seed, and with other wrappers between them."""

    def streams(optimizer):
        optimizer.build([keras.Variable(np.zeros((2, 2)), dtype="float32")])
        return [
            tuple(cases.values([state])[0])
            for member in stepwrap.core.stack.walk(optimizer)
            for state in getattr(member, "_seed_states", ())
        ]

    drops = stepwrap.GradientDropout
    twice = drops(drops("sgd", seed=seed), seed=seed)
    apart = drops(stepwrap.NormalizedOptimizer(stepwrap.GradientNoise("sgd", seed=seed)), seed=seed)
    for optimizer in (twice, apart):
        assert len(set(streams(optimizer))) == 2


def test_elements_dropped_by_two_wrappers_are_independent():
    variable = keras.Variable(np.zeros(100_000), dtype="float32")
    half = dict(keep=0.5, seed=1)
    optimizer = stepwrap.LearningRateDropout(
        stepwrap.GradientDropout(keras.optimizers.SGD(1.0), **half), **half
    )
    optimizer.apply([ops.ones(100_000)], [variable])
    kept = np.mean(cases.values([variable])[0] != 0)
    assert abs(kept - 0.25) < 6 * np.sqrt(0.25 * 0.75 / 100_000)


@all_random
def test_a_run_that_is_resumed_goes_on_with_the_same_numbers(wrapper, tmp_path):
    def network():
        return cases.model(wrapper("sgd", seed=1), jit_compile=False, run_eagerly=True)

    uninterrupted, interrupted = network(), network()
    cases.fit(uninterrupted, 2)
    cases.fit(interrupted)
    interrupted.save(tmp_path / "model.keras")
    resumed = keras.models.load_model(tmp_path / "model.keras")
    resumed.run_eagerly = True  # not part of the file
    cases.fit(resumed)
    cases.assert_equal(cases.state(resumed), cases.state(uninterrupted))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_a_wrapper_made_outside_of_the_scope_is_refused():
    """Its generator would be shared by the replicas."""
    with mirrored.scope(2):
        inner_optimizer = keras.optimizers.SGD()
    wrapper = stepwrap.GradientNoise(inner_optimizer)
    with mirrored.scope(2):
        network = cases.model(wrapper, jit_compile=False)
    with pytest.raises(ValueError, match=r"under MirroredStrategy, .* no strategy\. Make the"):
        cases.fit(network)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
@all_random
def test_replicas_draw_equal_numbers(wrapper):
    network = mirrored.trained(lambda: wrapper("adam", seed=1), replicas=2, steps=3)
    for variable in [*network.trainable_variables, *network.optimizer.variables]:
        first, second = mirrored.strategy().experimental_local_results(variable.value)
        np.testing.assert_array_equal(first, second, err_msg=variable.path)


@all_random
@pytest.mark.parametrize(
    ("seed", "error"), [(-1, ValueError), (1.5, TypeError), ("a", TypeError), (True, TypeError)]
)
def test_a_seed_that_is_none(wrapper, seed, error):
    with pytest.raises(error, match=rf"`seed` must be a whole number.*seed={seed!r}"):
        wrapper("sgd", seed=seed)
