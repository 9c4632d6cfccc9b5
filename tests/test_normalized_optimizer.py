"""NormalizedOptimizer against float64 NumPy, block by block and step by step."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import references
import stepwrap
from stepwrap.toolkit import blocks

SCOPES = {  # for the variables of `layers_of_two`, the places of each block
    "variable": [[0], [1], [2], [3]],
    "layer": [[0, 1], [2, 3]],
    "global": [[0, 1, 2, 3]],
}


def layers_of_two():
    return cases.model().trainable_variables


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("normalization", references.NORMS)
def test_twenty_steps_of_momentum(normalization, scope):
    variables = layers_of_two()
    weights = [value.astype("float64") for value in cases.values(variables)]
    velocities = [np.zeros_like(weight) for weight in weights]
    inner = keras.optimizers.SGD(0.125, momentum=0.5)  # exact in float32
    optimizer = stepwrap.NormalizedOptimizer(inner, normalization, scope=scope)
    for seed in range(20):
        gradients = cases.gradients(variables, seed)
        optimizer.apply(gradients, variables)
        exact = [ops.convert_to_numpy(gradient) for gradient in gradients]
        for block in SCOPES[scope]:
            normalized = references.normalized(normalization, [exact[place] for place in block])
            for place, gradient in zip(block, normalized, strict=True):
                velocities[place] = 0.5 * velocities[place] - 0.125 * gradient
                weights[place] += velocities[place]
    for variable, weight in zip(variables, weights, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(variable), weight, rtol=1e-5, atol=1e-5)


def test_blocks_of_a_layer():
    variables = layers_of_two()
    assert blocks.divide("layer", variables) == [[0, 1], [2, 3]]
    assert blocks.divide("layer", [variables[i] for i in (2, 0, 3, 1)]) == [[0, 2], [1, 3]]


def test_layers_of_one_name_are_different_blocks():
    def layer():
        made = keras.layers.Dense(2, name="twin")
        made.build((None, 3))
        return made.trainable_variables

    assert blocks.divide("layer", [*layer(), *layer()]) == [[0, 1], [2, 3]]


def test_variables_of_no_layer_are_blocks_of_their_own():
    assert blocks.divide("layer", cases.variables()) == [[0], [1], [2]]


def test_the_default_is_l2_by_variable():
    config = stepwrap.NormalizedOptimizer("sgd").get_config()
    assert config["normalization"] == "l2" and config["scope"] == "variable"


def test_a_layer_of_several_dtypes_shares_one_norm(float64):
    random = np.random.default_rng(0)
    exact = [random.normal(size=shape).astype("float32") for shape in ((4, 3), (3,), ())]
    gradients = [
        ops.cast(gradient, dtype)
        for gradient, dtype in zip(exact, ("float32", "float16", "float64"), strict=True)
    ]
    exact = [ops.convert_to_numpy(gradient).astype("float64") for gradient in gradients]
    optimizer = stepwrap.NormalizedOptimizer("sgd", "l2", scope="global")
    results = optimizer.transform_gradients(gradients, [None] * 3)
    for result, gradient, expected in zip(
        results, gradients, references.normalized("l2", exact), strict=True
    ):
        assert result.dtype == gradient.dtype
        actual = ops.convert_to_numpy(result)
        np.testing.assert_allclose(actual, expected, rtol=np.finfo(actual.dtype).eps)


def test_empty_gradients_count_for_nothing():
    gradients = [ops.zeros((0, 3)), ops.convert_to_tensor([3.0, -4.0])]
    for normalization in references.NORMS:
        optimizer = stepwrap.NormalizedOptimizer("sgd", normalization, scope="global")
        empty, other = optimizer.transform_gradients(gradients, [None, None])
        assert tuple(empty.shape) == (0, 3)
        [expected] = references.normalized(normalization, [np.array([3.0, -4.0])])
        np.testing.assert_allclose(ops.convert_to_numpy(other), expected, rtol=1e-6)


def test_a_function_gets_a_block_as_one_flat_tensor():
    seen = []

    def by_max(gradient):
        seen.append(tuple(gradient.shape))
        return gradient / ops.max(ops.abs(gradient))

    variables = layers_of_two()
    gradients = cases.gradients(variables)
    exact = [ops.convert_to_numpy(gradient) for gradient in gradients]
    for scope, places in SCOPES.items():
        seen.clear()
        optimizer = stepwrap.NormalizedOptimizer("sgd", by_max, scope=scope)
        results = optimizer.transform_gradients(gradients, variables)
        for block in places:
            largest = max(np.max(np.abs(exact[place])) for place in block)
            for place in block:
                np.testing.assert_allclose(
                    ops.convert_to_numpy(results[place]), exact[place] / largest, rtol=1e-6
                )
        if scope == "variable":
            assert seen == [gradient.shape for gradient in exact]
        else:
            assert seen == [(sum(exact[place].size for place in block),) for block in places]
