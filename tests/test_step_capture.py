"""Steps are taken exactly, from every optimizer, before they reach the weights."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND, BASE_OPTIMIZERS
from stepwrap.backends import keras_private


@keras.saving.register_keras_serializable(package="tests")
class SameStep(stepwrap.OptimizerWrapper):
    """Takes the step apart, and puts it together again."""

    def transform_steps(self, steps, gradients, variables):
        self.steps = steps
        return steps


class WritesDirectly(keras.optimizers.Optimizer):
    """A user's optimizer that goes past `assign_sub`."""

    def update_step(self, gradient, variable, learning_rate):
        variable.assign(variable - learning_rate * gradient)


class WritesTwice(keras.optimizers.Optimizer):
    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, learning_rate * gradient)
        self.assign_add(variable, learning_rate * gradient / 4)


OPTIMIZERS = {
    **{name: make for name, make in BASE_OPTIMIZERS.items() if name != "Adam-clipnorm-ema"},
    "AdamW-decay": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.5),
    "SGD-decay-clipnorm": lambda: keras.optimizers.SGD(0.1, weight_decay=0.5, clipnorm=0.1),
    "Lamb-decay": lambda: keras.optimizers.Lamb(0.1, weight_decay=0.5),
    "wrapped": lambda: stepwrap.NormalizedOptimizer(SameStep("adam")),
    "direct": lambda: WritesDirectly(0.01),
    "twice": lambda: WritesTwice(0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_taken_apart_and_put_back_is_the_step(name, float64):
    """To a few roundings of float64, in which a step lost to rounding would show."""
    taken, bare = SameStep(OPTIMIZERS[name]()), OPTIMIZERS[name]()
    variables, others = cases.variables("float64"), cases.variables("float64")
    try:
        for seed in range(4):
            cases.apply(bare, cases.gradients(others, seed), others)
    except Exception as error:
        pytest.skip(f"bare {bare.name} fails on float64: {type(error).__name__}")
    for seed in range(4):
        cases.apply(taken, cases.gradients(variables, seed), variables)
    for one, other in zip(
        cases.values([*variables, *taken.variables]),
        cases.values([*others, *bare.variables]),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14)


# ScheduleFreeAdamW computes new weights, and hands over no step; the steps of Adafactor and Lamb
# depend on the weights.
WEIGHTS_IN_THE_STEP = ("Adafactor", "Ftrl", "Lamb", "Lamb-decay", "ScheduleFreeAdamW", "direct")


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - set(WEIGHTS_IN_THE_STEP)))
def test_small_steps_are_not_lost_beside_large_weights(name):
    """In float32, 1 + 1e-9 is 1; the step itself has all its digits."""
    steps = []
    for start in (0.0, 1.0):
        [variable] = cases.variables()[:1]
        variable.assign(np.full(variable.shape, start))
        optimizer = SameStep(OPTIMIZERS[name]())
        random = np.random.default_rng(0)
        for _ in range(3):
            gradient = ops.convert_to_tensor(1e-9 * random.normal(size=variable.shape), "float32")
            cases.apply(optimizer, [gradient], [variable], loss=1e-9)
        steps.append(cases.values(optimizer.steps)[0])
    assert np.any(steps[0] != 0)
    np.testing.assert_array_equal(*steps)


@pytest.mark.skipif(BACKEND != "torch", reason="elsewhere every optimizer writes with `assign*`")
@pytest.mark.parametrize("name", ["SGD-nesterov", "Adam", "AdamW-decay", "Nadam", "Lion"])
def test_the_weights_stay_in_place_while_their_step_is_taken(name):
    """Another thread may be computing with them; only decay has reached them by then."""
    optimizer, seen = SameStep(OPTIMIZERS[name]()), []
    variables = cases.variables()
    optimizer.build(variables)
    leaf = optimizer.inner_optimizer
    update = keras_private.parallel_update_step(leaf)

    def watched(*arguments):
        seen.append(cases.values(variables))
        update(*arguments)
        seen.append(cases.values(variables))

    vars(leaf)[keras_private.PARALLEL_UPDATE_STEP] = watched
    for step in range(2):
        weights = cases.values(variables)
        cases.apply(optimizer, cases.gradients(variables, step), variables)
        decay = 0.1 * 0.5 if name == "AdamW-decay" else 0
        before, after = seen[-2:]
        cases.assert_equal(after, before)
        for one, other in zip(after, weights, strict=True):
            np.testing.assert_allclose(one, other * (1 - decay), rtol=1e-6)


def test_a_multi_optimizer_around_wrappers():
    """The writers of a stack are found wherever they are."""

    def make(wrap):
        optimizers = keras.optimizers.OptimizerMap(wrap(keras.optimizers.SGD(0.1)))
        optimizers["kernel"] = wrap(keras.optimizers.Adam(0.1))
        return keras.optimizers.MultiOptimizer(optimizers)

    if not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    taken, bare = SameStep(make(SameStep)), make(lambda optimizer: optimizer)
    variables, others = cases.variables(), cases.variables()
    for seed in range(3):
        cases.apply(taken, cases.gradients(variables, seed), variables)
        cases.apply(bare, cases.gradients(others, seed), others)
    for one, other in zip(cases.values(variables), cases.values(others), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_steps_of_the_wrong_form_are_refused_and_nothing_is_written():
    class Flat(stepwrap.OptimizerWrapper):
        def transform_steps(self, steps, gradients, variables):
            return [ops.reshape(step, (-1,)) for step in steps]

    variables = cases.variables()
    before = cases.values(variables)
    with pytest.raises(ValueError, match=r"Flat.transform_steps must .* variable's shape") as error:
        cases.apply(Flat("sgd"), cases.gradients(variables), variables)
    assert "(4, 3)" in str(error.value) and "(12,)" in str(error.value)
    cases.assert_equal(cases.values(variables), before)


def test_everything_is_put_back_when_the_inner_optimizer_fails():
    class Failing(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            raise ZeroDivisionError

    optimizer = SameStep(Failing())
    variables = cases.variables(constraint=keras.constraints.NonNeg())
    before = cases.values(variables)
    with pytest.raises(ZeroDivisionError):
        cases.apply(optimizer, cases.gradients(variables), variables)
    cases.assert_equal(cases.values(variables), before)
    assert all(isinstance(v.constraint, keras.constraints.NonNeg) for v in variables)
    assert not {"update_step", "assign", "assign_add", "assign_sub"} & set(
        vars(optimizer.inner_optimizer)
    )
