"""ClippedOptimizer against float64 NumPy, and bit for bit where nothing is clipped."""

import hypothesis
import hypothesis.extra.numpy
import keras
import numpy as np
import pytest
from keras import ops

import references
import stepwrap

GRADIENTS = [np.array([[3.0, -4.0]], "float32"), np.array([0.1, 0.2, 0.2], "float32")]
SCOPES = {"variable": [[0], [1]], "global": [[0, 1]]}


def clip(gradients, *args, **kwargs):
    optimizer = stepwrap.ClippedOptimizer("sgd", *args, **kwargs)
    tensors = [ops.convert_to_tensor(gradient) for gradient in gradients]
    results = optimizer.transform_gradients(tensors, [None] * len(tensors))
    return [ops.convert_to_numpy(result) for result in results]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("clipnorm", [0.01, 0.25, 1.0, 1000.0])
@pytest.mark.parametrize("normalization", references.NORMS)
def test_values(normalization, clipnorm, scope):
    results = clip(GRADIENTS, normalization, clipnorm, scope)
    for block in SCOPES[scope]:
        expected = references.clipped(normalization, [GRADIENTS[i] for i in block], clipnorm)
        for place, value in zip(block, expected, strict=True):
            np.testing.assert_allclose(results[place], value, rtol=1e-5)


@hypothesis.given(
    hypothesis.extra.numpy.arrays(
        np.float32,
        hypothesis.extra.numpy.array_shapes(min_side=0),
        elements=hypothesis.strategies.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=True),
    )
)
def test_what_is_below_the_bound_is_bit_identical(gradient):
    [result] = clip([gradient], "max", clipnorm=2.0**100)
    assert result.tobytes() == gradient.tobytes()


@pytest.mark.parametrize("magnitude", [10.0, 1e18, 1e19, 1e25, 1e30])
@pytest.mark.parametrize("normalization", references.NORMS)
def test_the_norm_after_clipping_is_the_bound(normalization, magnitude):
    gradient = (np.random.default_rng(2).normal(size=(8, 5)) * magnitude).astype("float32")
    [result] = clip([gradient], normalization, clipnorm=0.5)
    assert references.norm(normalization, [result]) == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("magnitude", [1.0, 1e200])
@pytest.mark.parametrize("normalization", references.NORMS)
def test_float64(normalization, magnitude, float64):
    gradient = np.random.default_rng(2).normal(size=(8, 5)) * magnitude
    tensor = ops.convert_to_tensor(gradient, "float64")
    optimizer = stepwrap.ClippedOptimizer("sgd", normalization, clipnorm=0.1)
    [result] = optimizer.transform_gradients([tensor], [None])
    [expected] = references.clipped(normalization, [gradient], 0.1)
    np.testing.assert_allclose(ops.convert_to_numpy(result), expected.astype("float64"), rtol=1e-12)


def test_low_precision():
    gradient = np.full((300,), 1000.0, "float16")  # the sum of squares is beyond float16
    [result] = clip([gradient], "l2", clipnorm=1.0)
    assert result.dtype == np.float16
    np.testing.assert_allclose(result, 1 / np.sqrt(300), rtol=2.0**-11)


def test_what_is_not_finite_stays_so():
    for bad in (np.nan, np.inf):
        [result] = clip([np.array([1.0, bad], "float32")])
        assert not np.all(np.isfinite(result))


def test_a_function_is_a_norm():
    [result] = clip([GRADIENTS[0]], lambda gradient: ops.sum(ops.abs(gradient)), clipnorm=3.5)
    np.testing.assert_allclose(result, GRADIENTS[0] / 2, rtol=1e-6)


def test_global_clipping_is_that_of_keras():
    variables = [keras.Variable(np.ones_like(gradient)) for gradient in GRADIENTS]
    others = [keras.Variable(np.ones_like(gradient)) for gradient in GRADIENTS]
    gradients = [ops.convert_to_tensor(gradient) for gradient in GRADIENTS]
    keras.optimizers.SGD(1.0, global_clipnorm=0.5).apply(gradients, variables)
    stepwrap.ClippedOptimizer(keras.optimizers.SGD(1.0), "l2", clipnorm=0.5, scope="global").apply(
        gradients, others
    )
    for variable, other in zip(variables, others, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(variable), ops.convert_to_numpy(other), rtol=1e-6
        )
