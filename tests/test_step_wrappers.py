"""Wrappers of steps, against their formulas in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from references import steps as formulas


class Given(keras.optimizers.Optimizer):
    """Adds learning_rate times what `directions` has for the shape, whatever the gradients are."""

    def __init__(self, learning_rate=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        direction = self.directions[tuple(variable.shape)]
        self.assign_add(variable, direction * ops.cast(learning_rate, direction.dtype))


def trained(wrap, variables, steps, learning_rate=0.5):
    """For each step: weights, gradients, the step proposed, and the weights afterwards."""
    inner_optimizer = Given(learning_rate)
    optimizer = wrap(inner_optimizer)
    for step in range(steps):
        gradients = cases.gradients(variables, seed=10 + step)
        directions = cases.gradients(variables, seed=50 + step)
        inner_optimizer.directions = {tuple(one.shape): one for one in directions}
        weights = cases.values(variables)
        optimizer.apply(gradients, variables)
        proposed = [direction * 0.5 for direction in cases.values(directions)]
        yield weights, cases.values(gradients), proposed, cases.values(variables)


# Each wrapper, and what makes its formula: lists of weights, gradients and proposed steps → steps.
FORMULAS = {
    "cautious": (stepwrap.Cautious, lambda: formulas.Cautious().of_steps),
    "trust ratio": (stepwrap.TrustRatio, lambda: formulas.TrustRatio(learning_rate=0.5).of_steps),
    "trust ratio, everything": (
        lambda inner: stepwrap.TrustRatio(inner, 0.01, 0.1, 1e-3, exclude=["conv1d", "scale"]),
        lambda: formulas.TrustRatio(0.01, 0.1, 1e-3, lambda w: w.ndim in (0, 3), 0.5).of_steps,
    ),
    "trust ratio, nothing left out": (
        lambda inner: stepwrap.TrustRatio(inner, exclude=[]),
        lambda: formulas.TrustRatio(left_out=lambda w: False, learning_rate=0.5).of_steps,
    ),
    "clipped norm": (
        lambda inner: stepwrap.StepClipping(inner, max_norm=0.7),
        lambda: formulas.StepClipping(0.7).of_steps,
    ),
    "clipped norm of all": (
        lambda inner: stepwrap.StepClipping(inner, max_norm=0.7, scope="global"),
        lambda: formulas.StepClipping(0.7, together=True).of_steps,
    ),
    "clipped root mean square": (
        lambda inner: stepwrap.StepClipping(inner, max_rms=0.4),
        lambda: formulas.StepClipping(max_rms=0.4).of_steps,
    ),
    "momentum": (
        lambda inner: stepwrap.StepMomentum(inner, 0.8),
        lambda: formulas.StepMomentum(0.8).of_steps,
    ),
    "Nesterov momentum": (
        lambda inner: stepwrap.StepMomentum(inner, 0.8, nesterov=True),
        lambda: formulas.StepMomentum(0.8, nesterov=True).of_steps,
    ),
}


@pytest.mark.parametrize("dtype", cases.ROUNDING)
@pytest.mark.parametrize("name", FORMULAS)
def test_the_formula(name, dtype, float64):
    wrap, make_formula = FORMULAS[name]
    formula, variables = make_formula(), cases.variables_of_all_ranks(dtype)
    for weights, *seen, after in trained(wrap, variables, steps=5):
        wide = [[array.astype("float64") for array in arrays] for arrays in (weights, *seen)]
        for before, step, actual in zip(wide[0], formula(*wide), after, strict=True):
            assert actual.dtype == dtype
            tolerance = cases.ROUNDING[dtype] * max(1, np.max(np.abs(step)))
            np.testing.assert_allclose(actual, before + step, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", [name for name in FORMULAS if "momentum" not in name])
def test_the_formula_over_the_whole_range_of_float32(name):
    wrap, make_formula = FORMULAS[name]
    variables = cases.variables_of_all_ranks()
    optimizer = wrap(Given(0.5))
    optimizer.build(variables)
    gradients = cases.gradients(variables)
    acted_on = {id(variable) for variable in optimizer.selected(variables)}
    places = [place for place, one in enumerate(variables) if id(one) in acted_on]

    def transform(*steps):
        def own(tensors):
            return [tensors[place] for place in places]

        taken = optimizer.take_steps(lambda _: own(steps), own(gradients), own(variables))
        made = dict(zip(places, taken, strict=True))
        return [made.get(place, step) for place, step in enumerate(steps)]

    weights, exact_gradients = (
        [array.astype("float64") for array in cases.values(some)] for some in (variables, gradients)
    )
    compiled = cases.compiled(transform)
    for magnitude in cases.MAGNITUDES:
        steps = cases.gradients_of_magnitude(variables, magnitude)
        exact = [step.astype("float64") for step in cases.values(steps)]
        expected = make_formula()(weights, exact_gradients, exact)
        for run in (transform, compiled):
            cases.assert_right_but_for_rounding(run(*steps), expected)


def test_a_cautious_step_with_nothing_to_keep_is_none():
    variables = cases.variables()
    inner_optimizer = Given()
    gradients = cases.gradients(variables)
    inner_optimizer.directions = {
        tuple(variable.shape): gradient
        for variable, gradient in zip(variables, gradients, strict=True)
    }
    before = cases.values(variables)
    stepwrap.Cautious(inner_optimizer).apply(gradients, variables)
    cases.assert_equal(cases.values(variables), before)


def test_what_is_kept_grows_no_more_than_a_thousandfold():
    variable = keras.Variable(np.zeros(4000), dtype="float32", name="many")
    inner_optimizer = Given(1.0)
    inner_optimizer.directions = {(4000,): ops.ones(4000)}
    gradient = np.ones(4000, "float32")
    gradient[7] = -1
    stepwrap.Cautious(inner_optimizer).apply([ops.convert_to_tensor(gradient)], [variable])
    [weights] = cases.values([variable])
    assert weights[7] == pytest.approx(1000)
    assert np.count_nonzero(weights) == 1


def test_tiny_steps_and_gradients_are_still_told_apart():
    """Their product would be zero."""
    variable = keras.Variable(np.zeros(2), dtype="float32", name="two")
    inner_optimizer = Given(1.0)
    inner_optimizer.directions = {(2,): ops.convert_to_tensor([1e-30, 1e-30], "float32")}
    gradient = ops.convert_to_tensor([-1e-30, 1e-30], "float32")
    stepwrap.Cautious(inner_optimizer).apply([gradient], [variable])
    np.testing.assert_allclose(cases.values([variable])[0], [2e-30, 0], rtol=1e-6)


@pytest.mark.parametrize("what", ["weights", "step", "learning rate"])
def test_where_there_is_no_ratio_the_step_is_the_inner_optimizers(what):
    weights = np.zeros((2, 2)) if what == "weights" else np.ones((2, 2))
    variable = keras.Variable(weights, dtype="float32", name="kernel")
    direction = np.zeros((2, 2)) if what == "step" else np.full((2, 2), 0.5)
    inner_optimizer = Given(0.0 if what == "learning rate" else 1.0)
    inner_optimizer.directions = {(2, 2): ops.convert_to_tensor(direction, "float32")}
    stepwrap.TrustRatio(inner_optimizer).apply([ops.ones((2, 2))], [variable])
    expected = weights + direction * (what != "learning rate")
    np.testing.assert_array_equal(cases.values([variable])[0], expected.astype("float32"))


def test_the_ratio_counts_with_the_learning_rate_that_made_the_step():
    """A schedule is one step further once the inner optimizer has run."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=1, decay_rate=0.1)
    variable = keras.Variable(np.full((2, 2), 3.0), dtype="float32", name="kernel")
    optimizer = stepwrap.TrustRatio(keras.optimizers.SGD(schedule))
    optimizer.apply([ops.ones((2, 2))], [variable])
    np.testing.assert_allclose(cases.values([variable])[0], 3 - 0.5 * 3, rtol=1e-6)


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)
def test_each_part_of_a_multi_optimizer_has_its_own_learning_rate():
    parts = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.5))
    parts["second"] = stepwrap.NormalizedOptimizer(keras.optimizers.SGD(0.25))
    optimizer = stepwrap.TrustRatio(keras.optimizers.MultiOptimizer(parts))
    variables = [
        keras.Variable(np.full((2, 2), 4.0), dtype="float32", name=name)
        for name in ("first", "second")
    ]
    optimizer.apply([ops.ones((2, 2)), ops.ones((2, 2))], variables)
    first, second = cases.values(variables)
    np.testing.assert_allclose(first, 4 - 0.5 * 4, rtol=1e-6)
    np.testing.assert_allclose(second, 4 - 0.25 * 4, rtol=1e-6)


def test_a_clipped_step_that_was_short_enough_is_left_as_it_is():
    variables, others = cases.variables(), cases.variables()
    optimizer, bare = stepwrap.StepClipping("adam", max_norm=10.0), keras.optimizers.Adam()
    for seed in range(3):
        optimizer.apply(cases.gradients(variables, seed), variables)
        bare.apply(cases.gradients(others, seed), others)
    cases.assert_equal(cases.values(variables), cases.values(others))


@pytest.mark.parametrize("nesterov", [False, True])
def test_around_sgd_momentum_of_steps_is_that_of_keras(nesterov):
    variables, others = cases.variables(), cases.variables()
    optimizer = stepwrap.StepMomentum(keras.optimizers.SGD(0.1), 0.9, nesterov)
    keras_optimizer = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=nesterov)
    for seed in range(5):
        optimizer.apply(cases.gradients(variables, seed), variables)
        keras_optimizer.apply(cases.gradients(others, seed), others)
    for one, other in zip(cases.values(variables), cases.values(others), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_a_step_that_is_not_finite_does_not_enter_the_momentum():
    variable = keras.Variable(np.zeros(2), dtype="float32", name="two")
    optimizer = stepwrap.StepMomentum(keras.optimizers.SGD(1.0), 0.5)
    for gradient in ([-1.0, -1.0], [-1.0, np.nan], [-1.0, -1.0]):
        optimizer.apply([ops.convert_to_tensor(gradient, "float32")], [variable])
    [velocity] = cases.values(optimizer.own_variables)
    np.testing.assert_allclose(velocity, [1.75, 1.5])


# Learning rate dropout.


def test_elements_of_the_step_are_dropped_and_the_inner_state_sees_every_gradient():
    shape = (200, 500)
    dropped, bare = (keras.Variable(np.zeros(shape), dtype="float32") for _ in range(2))
    optimizer = stepwrap.LearningRateDropout(keras.optimizers.Adam(1.0), keep=0.3, seed=1)
    plain = keras.optimizers.Adam(1.0)
    gradient = ops.convert_to_tensor(np.random.default_rng(0).normal(size=shape), "float32")
    optimizer.apply([gradient], [dropped])
    plain.apply([gradient], [bare])
    weights, expected = cases.values([dropped, bare])
    kept = weights != 0
    assert abs(np.mean(kept) - 0.3) < 6 * np.sqrt(0.3 * 0.7 / kept.size)
    np.testing.assert_array_equal(weights[kept], expected[kept])
    cases.assert_equal(
        cases.values(optimizer.inner_optimizer.variables), cases.values(plain.variables)
    )
