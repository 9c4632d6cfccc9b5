"""The built-in normalizers against float64 NumPy."""

import hypothesis
import hypothesis.extra.numpy
import keras
import numpy as np
import pytest
from hypothesis import strategies
from keras import ops

import cases
import references
from cases import compiled
from stepwrap import normalizers

NAMES = normalizers.names()
SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


@strategies.composite
def gradients(draw):
    """float32 gradients: empty to 4 axes, elements 0 or normal numbers up to 1e30."""
    shape = draw(hypothesis.extra.numpy.array_shapes(min_dims=0, max_dims=4, min_side=0))
    unit = draw(
        hypothesis.extra.numpy.arrays(
            np.float64, shape, elements=strategies.floats(-1, 1, allow_subnormal=False)
        )
    )
    magnitude = 10.0 ** draw(strategies.integers(-30, 30))
    # A common offset gives gradients with little spread.
    offset = draw(strategies.sampled_from([0.0, 0.0, 1.0, 100.0]))
    gradient = ((unit + offset) * magnitude / (1 + offset)).astype("float32")
    # XLA takes subnormal numbers for 0.
    return np.where(np.abs(gradient) < SMALLEST_NORMAL, np.float32(0), gradient)


THRESHOLD = float(np.sqrt(np.finfo(np.float32).eps))  # of `std`, see its docstring


def spread(gradient):
    """The standard deviation relative to the root mean square; 0 of nothing."""
    vector = np.ravel(gradient).astype("float64")
    size = np.sqrt(np.mean(vector**2)) if vector.size else 0.0
    return np.std(vector) / size if size > 0 else 0.0


def tolerance(name, gradient):
    """The relative error that float32 may make: `std` sees that of the mean magnified."""
    magnified = name == "std" and spread(gradient) > THRESHOLD
    return 1e-5 / spread(gradient) if magnified else 1e-5


def test_the_built_in_names():
    assert sorted(references.NORMS) == NAMES


@pytest.mark.parametrize("name", NAMES)
@hypothesis.given(gradient=gradients())
def test_values(name, gradient):
    # On the threshold itself rounding decides.
    hypothesis.assume(not 0.9 < spread(gradient) / THRESHOLD < 1.1)
    actual = ops.convert_to_numpy(normalizers.get(name)(gradient))
    [expected] = references.normalized(name, [gradient])
    assert actual.shape == gradient.shape and actual.dtype == np.float32
    np.testing.assert_allclose(
        actual, expected, rtol=tolerance(name, gradient), atol=SMALLEST_NORMAL
    )


@pytest.mark.parametrize("magnitude", [1e-200, 1e-3, 1.0, 1e200])
@pytest.mark.parametrize("name", NAMES)
def test_values_in_float64(name, magnitude, float64):
    gradient = np.random.default_rng(4).normal(size=(6, 5)) * magnitude
    actual = ops.convert_to_numpy(normalizers.get(name)(gradient))
    [expected] = references.normalized(name, [gradient])
    assert actual.dtype == np.float64
    np.testing.assert_allclose(actual, expected.astype("float64"), rtol=1e-12)


@pytest.mark.parametrize("magnitude", [1.0, 1e200])
@pytest.mark.parametrize("name", NAMES)
def test_blocks_in_float64(name, magnitude, float64):
    random = np.random.default_rng(4)
    block = [random.normal(size=shape) * magnitude for shape in ((6, 5), (5,), ())]
    tensors = [ops.convert_to_tensor(gradient, "float64") for gradient in block]
    [results] = normalizers.get(name).normalize([tensors])
    for result, expected in zip(results, references.normalized(name, block), strict=True):
        actual = ops.convert_to_numpy(result)
        assert actual.dtype == np.float64
        np.testing.assert_allclose(actual, expected.astype("float64"), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_low_precision_is_computed_in_float32(name, dtype):
    random = np.random.default_rng(0)
    # The sum of the squares, 3e8, is beyond float16.
    gradient = ops.cast(random.normal(size=(20, 15)).astype("float32") * 1000, dtype)
    exact = ops.convert_to_numpy(ops.cast(gradient, "float32"))
    result = normalizers.get(name)(gradient)
    assert keras.backend.standardize_dtype(result.dtype) == dtype
    [expected] = references.normalized(name, [exact])
    actual = ops.convert_to_numpy(ops.cast(result, "float32"))
    half_a_unit = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]
    smallest = {"float16": 2.0**-24, "bfloat16": SMALLEST_NORMAL}[dtype]
    np.testing.assert_allclose(actual, expected, rtol=1.01 * half_a_unit, atol=smallest)


@pytest.mark.parametrize("name", NAMES)
def test_zero_gives_zero(name):
    result = ops.convert_to_numpy(normalizers.get(name)(np.zeros((3, 4), "float32")))
    np.testing.assert_array_equal(result, np.zeros((3, 4), "float32"))


@pytest.mark.parametrize("size", [1, 2, 7, 100_003])
@pytest.mark.parametrize("value", [1e-30, -0.1, 1 / 3, 123.456, 1e30])
def test_std_of_a_constant_gradient_is_avg_l2(size, value):
    gradient = np.full((size,), value, "float32")
    by_std = ops.convert_to_numpy(normalizers.get("std")(gradient))
    by_avg_l2 = ops.convert_to_numpy(normalizers.get("avg_l2")(gradient))
    np.testing.assert_array_equal(by_std, by_avg_l2)
    assert np.max(np.abs(by_std)) < 1.001


def test_std_of_a_scalar_is_avg_l2():
    result = ops.convert_to_numpy(normalizers.get("std")(np.float32(-0.25)))
    np.testing.assert_allclose(result, -1, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_finite_stays_so(name, bad):
    gradient = np.array([1.0, bad, 2.0], "float32")
    assert not np.all(np.isfinite(ops.convert_to_numpy(normalizers.get(name)(gradient))))


@pytest.mark.parametrize("name", cases.others_long(NAMES, ["l2", "max", "std"]))
def test_values_when_compiled(name):
    gradients = [
        np.asarray(np.random.default_rng(1).normal(size=shape) * magnitude, "float32")
        for shape in ((), (6, 5))
        for magnitude in (1e-25, 1.0, 1e25, 1e35)
    ]
    results = compiled(lambda *each: [normalizers.get(name)(one) for one in each])(*gradients)
    for result, gradient in zip(results, gradients, strict=True):
        [expected] = references.normalized(name, [gradient])
        np.testing.assert_allclose(
            ops.convert_to_numpy(result),
            expected,
            rtol=tolerance(name, gradient),
            atol=SMALLEST_NORMAL,
        )


@pytest.mark.parametrize("name", NAMES)
def test_values_up_to_the_largest_number(name):
    """Most norms of these are beyond float32, what is left of the gradients is not."""
    gradient = np.random.default_rng(1).uniform(-3e38, 3e38, size=(6, 5)).astype("float32")
    [expected] = references.normalized(name, [gradient])
    for run in (lambda function: function, compiled):
        actual = ops.convert_to_numpy(run(normalizers.get(name))(gradient))
        np.testing.assert_allclose(actual, expected, rtol=tolerance(name, gradient))


@pytest.mark.parametrize("name", ["l1", "l2", "std"])
def test_sums_over_many_elements_stay_exact(name):
    gradient = np.random.default_rng(3).uniform(0.5, 1.5, size=(1000, 3000)).astype("float32")
    actual = ops.convert_to_numpy(compiled(normalizers.get(name))(gradient))
    [expected] = references.normalized(name, [gradient])
    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-5)


def test_epsilon_is_that_of_keras():
    before = keras.config.epsilon()
    keras.config.set_epsilon(1.0)
    try:
        result = normalizers.get("l2")(np.array([3.0, 4.0], "float32"))
    finally:
        keras.config.set_epsilon(before)
    np.testing.assert_allclose(ops.convert_to_numpy(result), [3 / 6, 4 / 6], rtol=1e-6)
