"""Wrappers of gradients, against their formulas in NumPy."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND
from references import gradients as formulas


class Recorder(keras.optimizers.SGD):
    """Keeps the gradients that the innermost optimizer is given."""

    def apply(self, grads, trainable_variables=None):
        self.given = cases.values(grads)
        super().apply(grads, trainable_variables)


def trained(optimizer, variables, steps, scale=1.0):
    """For each step: weights before it, gradients, and what the inner optimizer was given."""
    for step in range(steps):
        gradients = [scale * gradient for gradient in cases.gradients(variables, seed=10 + step)]
        weights = cases.values(variables)
        optimizer.apply(gradients, variables)
        yield weights, cases.values(gradients), optimizer.inner_optimizer.given


# Each wrapper, and what makes its formula: lists of weights and gradients → what it makes of these.
FORMULAS = {
    "coupled weight decay": (
        lambda inner: stepwrap.CoupledWeightDecay(inner, 0.1),
        lambda: formulas.CoupledWeightDecay(0.1).of_gradients,
    ),
    "coupled weight decay of kernels": (
        lambda inner: stepwrap.CoupledWeightDecay(inner, 0.1, exclude=["bias$", "^scale$"]),
        lambda: formulas.CoupledWeightDecay(0.1, lambda w: w.ndim < 2).of_gradients,
    ),
    "centralization": (
        stepwrap.GradientCentralization,
        lambda: formulas.GradientCentralization().of_gradients,
    ),
    "adaptive clipping": (
        lambda inner: stepwrap.AdaptiveGradientClipping(inner, clipping=0.5),
        lambda: formulas.AdaptiveGradientClipping(0.5).of_gradients,
    ),
    "orthogonal": (
        stepwrap.OrthogonalGradient,
        lambda: formulas.OrthogonalGradient().of_gradients,
    ),
    "EMA filter": (
        lambda inner: stepwrap.GradientEMAFilter(inner, alpha=0.9, amplification=3.0),
        lambda: formulas.GradientEMAFilter(0.9, 3.0).of_gradients,
    ),
}


@pytest.mark.parametrize("dtype", cases.ROUNDING)
@pytest.mark.parametrize("name", FORMULAS)
def test_the_formula(name, dtype, float64):
    wrap, make_formula = FORMULAS[name]
    formula, variables = make_formula(), cases.variables_of_all_ranks(dtype)
    for weights, gradients, given in trained(wrap(Recorder(0.1)), variables, steps=5):
        wide = [[array.astype("float64") for array in arrays] for arrays in (weights, gradients)]
        for actual, expected in zip(given, formula(*wide), strict=True):
            assert actual.dtype == dtype
            np.testing.assert_allclose(
                actual, expected, rtol=cases.ROUNDING[dtype], atol=cases.ROUNDING[dtype]
            )


@pytest.mark.parametrize("name", ["centralization", "adaptive clipping", "orthogonal"])
def test_the_formula_over_the_whole_range_of_float32(name):
    wrap, make_formula = FORMULAS[name]
    variables = cases.variables_of_all_ranks()
    optimizer = wrap("sgd")
    optimizer.build(variables)

    def transform(*gradients):
        return optimizer.transform_gradients(list(gradients), variables)

    weights = [weight.astype("float64") for weight in cases.values(variables)]
    compiled = cases.compiled(transform)
    for magnitude in cases.MAGNITUDES:
        gradients = cases.gradients_of_magnitude(variables, magnitude)
        exact = [gradient.astype("float64") for gradient in cases.values(gradients)]
        for run in (transform, compiled):
            cases.assert_right_but_for_rounding(run(*gradients), make_formula()(weights, exact))


# Decay.


def test_around_plain_sgd_coupled_and_decoupled_decay_are_the_same():
    coupled, decoupled = cases.variables(), cases.variables()
    optimizer = stepwrap.CoupledWeightDecay(keras.optimizers.SGD(0.1), 0.2)
    keras_optimizer = keras.optimizers.SGD(0.1, weight_decay=0.2)
    for seed in range(3):
        optimizer.apply(cases.gradients(coupled, seed), coupled)
        keras_optimizer.apply(cases.gradients(decoupled, seed), decoupled)
    for one, other in zip(cases.values(coupled), cases.values(decoupled), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


# Clipping.


def test_gradients_that_are_not_too_long_are_left_as_they_are_bit_for_bit():
    variables = cases.variables_of_all_ranks()
    optimizer = stepwrap.AdaptiveGradientClipping(Recorder(0.1), clipping=100.0)
    for _, gradients, given in trained(optimizer, variables, steps=1):
        cases.assert_equal(given, gradients)


def test_units_of_zero_weights_can_move():
    variable = keras.Variable(np.zeros((2, 2)), dtype="float32", name="kernel")
    optimizer = stepwrap.AdaptiveGradientClipping(Recorder(0.1), clipping=0.5, epsilon=0.1)
    optimizer.apply([ops.convert_to_tensor(np.array([[3.0, 0], [4, 0]]), "float32")], [variable])
    np.testing.assert_allclose(
        optimizer.inner_optimizer.given[0], [[0.03, 0], [0.04, 0]], rtol=1e-6
    )


def test_excluded_variables_are_not_clipped():
    variables = cases.variables_of_all_ranks()
    optimizer = stepwrap.AdaptiveGradientClipping(Recorder(0.1), clipping=1e-4, exclude="dense")
    for _, gradients, given in trained(optimizer, variables, steps=1):
        for variable, actual, gradient in zip(variables, given, gradients, strict=True):
            assert ("dense" in variable.path) == (actual.tobytes() == gradient.tobytes())


# Gradients along the weights.


def test_a_gradient_along_the_weights_becomes_zero():
    """What rounding leaves of it would otherwise be scaled up to the gradient's norm."""
    for variable in cases.variables_of_all_ranks():
        optimizer = stepwrap.OrthogonalGradient(Recorder(0.1))
        optimizer.apply([ops.convert_to_tensor(variable) * -0.3], [variable])
        [given] = optimizer.inner_optimizer.given
        assert np.all(given == 0) or given.size == 1


def test_zero_weights_leave_the_gradient_as_it_is():
    variable = keras.Variable(np.zeros((2, 2)), dtype="float32")
    gradient = ops.convert_to_tensor(np.array([[1.0, 2], [3, 4]]), "float32")
    optimizer = stepwrap.OrthogonalGradient(Recorder(0.1))
    optimizer.apply([gradient], [variable])
    np.testing.assert_allclose(optimizer.inner_optimizer.given[0], gradient, rtol=1e-6)


def test_a_zero_gradient_stays_zero():
    for wrap, _ in FORMULAS.values():
        if wrap is stepwrap.OrthogonalGradient:
            variables = cases.variables_of_all_ranks()
            optimizer = wrap(Recorder(0.1))
            optimizer.apply([ops.zeros(v.shape, v.dtype) for v in variables], variables)
            assert all(np.all(given == 0) for given in optimizer.inner_optimizer.given)


def on_a_parabola(optimizer, steps=100):
    """The first loss, the last one, and the norms of the weights."""
    minimum = np.array([1.0, -1.0, 1.0], "float32")
    variable = keras.Variable(np.array([-1.0, 10.0, 1.0]), dtype="float32")
    weights = [*cases.values([variable])]
    for _ in range(steps):
        optimizer.apply([ops.convert_to_tensor(2 * (weights[-1] - minimum))], [variable])
        weights += cases.values([variable])
    losses = [np.sum((one - minimum) ** 2) for one in weights]
    return losses[0], losses[-1], [np.linalg.norm(one) for one in weights]


def test_the_orthogonal_gradient_may_run_away_as_its_docstring_says():
    def by_the_formula(rate=0.1, steps=100):
        weights, minimum = np.array([-1.0, 10.0, 1.0]), np.array([1.0, -1.0, 1.0])
        formula = formulas.OrthogonalGradient()
        for _ in range(steps):
            [turned] = formula.of_gradients([weights], [2 * (weights - minimum)])
            weights = weights - rate * turned
        return np.sum((weights - minimum) ** 2)

    first, last, norms = on_a_parabola(stepwrap.OrthogonalGradient(keras.optimizers.SGD(0.1)))
    assert last == pytest.approx(by_the_formula(), rel=1e-4)
    words = f"risen from {first:.0f} to {by_the_formula():,.0f}"
    assert words in " ".join(stepwrap.OrthogonalGradient.__doc__.split())
    assert all(after > before for before, after in itertools.pairwise(norms))
    assert on_a_parabola(keras.optimizers.SGD(0.1), 50)[1] < 1e-6
    decayed = keras.optimizers.SGD(0.1, weight_decay=0.5)
    _, last, norms = on_a_parabola(stepwrap.OrthogonalGradient(decayed), 50)
    assert last < first and norms[-1] < norms[0]


# Gradients that are not finite.


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_average_keeps_what_is_not_finite_out(bad):
    variable = keras.Variable(np.zeros(2), dtype="float32")
    optimizer = stepwrap.GradientEMAFilter(Recorder(0.1), alpha=0.5, amplification=1.0)
    expected = [[1, 2], [1 + 1, np.nan], [1 + 1, 2 + 2]]  # without the averages
    for gradient in ([1, 2], [1, bad], [1, 2]):
        optimizer.apply([ops.convert_to_tensor(gradient, "float32")], [variable])
    np.testing.assert_allclose(optimizer.inner_optimizer.given[0], expected[2])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_whose_norm_is_not_finite_is_not_turned(bad):
    variable = keras.Variable(np.ones((2, 2)), dtype="float32")
    gradient = np.array([[1, 2], [3, bad]], "float32")
    optimizer = stepwrap.OrthogonalGradient(Recorder(0.0))
    optimizer.apply([ops.convert_to_tensor(gradient)], [variable])
    np.testing.assert_array_equal(optimizer.inner_optimizer.given[0], gradient)


def test_a_unit_whose_norm_overflows_is_clipped_to_the_bound():
    variable = keras.Variable(np.ones((2, 2)), dtype="float32")
    gradient = ops.convert_to_tensor(np.array([[1e30, 2], [1e30, 0]], "float32"))
    optimizer = stepwrap.AdaptiveGradientClipping(Recorder(0.0), clipping=10.0)
    optimizer.apply([gradient], [variable])
    np.testing.assert_allclose(optimizer.inner_optimizer.given[0], [[10, 2], [10, 0]], rtol=1e-6)


@pytest.mark.skipif(BACKEND != "jax", reason="only JAX differentiates through an optimizer")
@pytest.mark.parametrize("gradient", [[[0.5, 1.0]], [[0.0, 0.0]]], ids=["along", "zero"])
def test_the_derivative_where_no_other_direction_is_left_is_finite(gradient):
    import jax

    optimizer = stepwrap.OrthogonalGradient(keras.optimizers.SGD(0.1))
    variable = keras.Variable([[1.0, 2.0]], name="kernel")
    optimizer.build([variable])
    state = [one.value for one in optimizer.variables]

    def weight(gradient):
        [weights], _ = optimizer.stateless_apply(state, [gradient], [variable.value])
        return weights[0, 0]

    for run in (lambda function: function, jax.jit):
        derivative = run(jax.grad(weight))(jax.numpy.array(gradient))
        assert np.all(np.isfinite(derivative))


# Noise.


def test_the_variance_of_the_noise_falls_as_the_formula_says():
    variable = keras.Variable(np.zeros((200, 500)), dtype="float32")
    optimizer = stepwrap.GradientNoise(Recorder(0.0), eta=0.3, gamma=0.55, seed=1)
    for step in range(4):
        optimizer.apply([ops.zeros((200, 500))], [variable])
        [noise] = optimizer.inner_optimizer.given
        variance = 0.3 / (1 + step) ** 0.55
        # Six standard errors of 100,000 draws.
        assert abs(np.mean(noise)) < 6 * np.sqrt(variance / noise.size)
        assert abs(np.var(noise) / variance - 1) < 6 * np.sqrt(2 / noise.size)
        assert abs(np.mean(noise**4) / variance**2 - 3) < 6 * np.sqrt(96 / noise.size)


def test_without_variance_there_is_no_noise():
    variables = cases.variables_of_all_ranks()
    optimizer = stepwrap.GradientNoise(Recorder(0.1), eta=0.0)
    for _, gradients, given in trained(optimizer, variables, steps=2):
        for actual, gradient in zip(given, gradients, strict=True):
            np.testing.assert_array_equal(actual, gradient)


def test_noise_of_wide_gradients_is_drawn_wide(float64):
    variable = keras.Variable(np.zeros((100,)), dtype="float64")
    optimizer = stepwrap.GradientNoise(Recorder(0.0), seed=1)
    optimizer.apply([ops.zeros((100,), "float64")], [variable])
    [noise] = optimizer.inner_optimizer.given
    scaled = noise / np.sqrt(np.float32(0.3))
    assert np.any(scaled != scaled.astype("float32"))


# Dropout.


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_elements_are_dropped_with_that_probability_and_the_others_not_scaled(keep):
    variable = keras.Variable(np.zeros((200, 500)), dtype="float32")
    gradient = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(200, 500)), "float32")
    optimizer = stepwrap.GradientDropout(Recorder(0.0), keep=keep, seed=1)
    optimizer.apply([gradient], [variable])
    [given] = optimizer.inner_optimizer.given
    kept = given != 0
    assert abs(np.mean(kept) - keep) < 6 * np.sqrt(keep * (1 - keep) / kept.size)
    np.testing.assert_array_equal(given[kept], ops.convert_to_numpy(gradient)[kept])


def test_with_probability_one_everything_is_kept():
    variables = cases.variables_of_all_ranks()
    optimizer = stepwrap.GradientDropout(Recorder(0.1), keep=1.0)
    for _, gradients, given in trained(optimizer, variables, steps=2):
        cases.assert_equal(given, gradients)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow has sparse gradients")
@pytest.mark.parametrize("name", FORMULAS)
def test_sparse_gradients_with_duplicates(name):
    import tensorflow as tf

    wrap, make_formula = FORMULAS[name]
    weights = np.random.default_rng(2).normal(size=(5, 3))
    variable = keras.Variable(weights, dtype="float32", name="dense_kernel")
    values = np.random.default_rng(3).normal(size=(3, 3)).astype("float32")
    dense = np.zeros((5, 3), "float32")
    np.add.at(dense, [1, 4, 1], values)
    [weights] = cases.values([variable])
    optimizer = wrap(Recorder(0.1))
    optimizer.apply([tf.IndexedSlices(values, [1, 4, 1], (5, 3))], [variable])
    [expected] = make_formula()([weights.astype("float64")], [dense.astype("float64")])
    np.testing.assert_allclose(optimizer.inner_optimizer.given[0], expected, rtol=1e-6, atol=1e-6)
