"""Gradients of every kind that bare optimizers accept: arrays, lists, and shapes not known yet."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND, WRAPPERS

OPTIMIZERS = {
    **{name: lambda wrap=wrap: wrap(keras.optimizers.SGD(0.1)) for name, wrap in WRAPPERS.items()},
    "L4Adam": stepwrap.L4Adam,
    "L4Mom": stepwrap.L4Mom,
    "RAdam": stepwrap.optimizers.RAdam,
}
# One for each variable: a kernel, a bias and a scalar.
KINDS = [
    [lambda value: value.tolist(), lambda value: value.astype("float64"), keras.Variable],
    [lambda value: value, lambda value: value.tolist(), float],
]


def arrays(variables, seed):
    random = np.random.default_rng(seed)
    return [random.normal(size=variable.shape).astype("float32") for variable in variables]


def trained(optimizer, *kinds):
    """Weights and state after two steps on gradients of these kinds, of one of the three or all."""
    variables = cases.variables()
    for seed in range(2):
        pairs = zip(kinds * 3, arrays(variables, seed), strict=False)
        cases.apply(optimizer, [kind(value) for kind, value in pairs], variables)
    return cases.values([*variables, *optimizer.variables])


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_arrays_lists_and_variables_are_as_good_as_tensors(make):
    expected = trained(make(), ops.convert_to_tensor)
    for kinds in KINDS:
        cases.assert_equal(trained(make(), *kinds), expected)


def test_arrays_as_pairs():
    optimizers = [stepwrap.ClippedOptimizer("adam") for _ in range(2)]
    results = []
    for optimizer, kind in zip(optimizers, (np.asarray, ops.convert_to_tensor), strict=True):
        variables = cases.variables()
        gradients = map(kind, arrays(variables, 0))
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        results.append(cases.values([*variables, *optimizer.variables]))
    cases.assert_equal(*results)


@pytest.mark.skipif(
    BACKEND == "tensorflow", reason="TensorFlow's optimizers have no stateless form"
)
def test_arrays_without_state():
    results = []
    for kind in (np.asarray, ops.convert_to_tensor):
        variables = cases.variables()
        optimizer = stepwrap.NormalizedOptimizer("adam")
        optimizer.build(variables)
        slots = [ops.convert_to_tensor(value) for value in cases.values(optimizer.variables)]
        weights = [ops.convert_to_tensor(value) for value in cases.values(variables)]
        gradients = list(map(kind, arrays(variables, 0)))
        weights, slots = optimizer.stateless_apply(slots, gradients, weights)
        results.append(cases.values([*weights, *slots]))
    cases.assert_equal(*results)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("wrapper", ["orthogonal_gradient", "coupled_weight_decay", "normalized"])
def test_gradients_of_another_dtype_are_cast_to_the_variable_s(wrapper, dtype):
    if BACKEND == "jax" and dtype == "float64":
        pytest.skip("JAX has no float64 unless it is told to")
    given = trained(OPTIMIZERS[wrapper](), lambda value: ops.convert_to_tensor(value, dtype))
    rounded = trained(OPTIMIZERS[wrapper](), lambda value: value.astype(dtype).astype("float32"))
    cases.assert_equal(given, rounded)


# What has another shape than its variable.

WRONG = {
    "transposed": lambda value: value.T,
    "to be broadcast": lambda value: value[0],
    "lists": lambda value: value[:, :1].tolist(),
    "tensor": lambda value: ops.convert_to_tensor(value[:1]),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("wrapper", ["identity", "normalized", "step_momentum"])
def test_a_wrong_shape_is_an_error_that_says_which_before_anything_is_written(wrapper, wrong):
    variable = keras.Variable(np.ones((2, 3), "float32"), name="kernel")
    bias = keras.Variable(np.ones((3,), "float32"), name="bias")
    optimizer = OPTIMIZERS[wrapper]()
    optimizer.build([bias, variable])
    before = cases.values([bias, variable, *optimizer.variables])
    gradient = wrong(np.ones((2, 3), "float32"))
    shape = str(tuple(np.shape(gradient))).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=rf"'kernel' .*\(2, 3\).*{shape}.*in the order"):
        optimizer.apply([ops.ones((3,)), gradient], [bias, variable])
    cases.assert_equal(cases.values([bias, variable, *optimizer.variables]), before)


@pytest.mark.parametrize(
    "gradient", ["up", [[1.0], [1.0, 2.0]], object()], ids=["text", "ragged", "object"]
)
def test_what_is_no_gradient_is_an_error_that_names_the_variable(gradient):
    variable = keras.Variable(np.ones((2, 3), "float32"), name="kernel")
    with pytest.raises(TypeError, match=r"'kernel' must be a tensor.*\(2, 3\).*Received"):
        stepwrap.NormalizedOptimizer("sgd").apply([gradient], [variable])


# What TensorFlow knows the shape of only when it runs.

unknown_shapes = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="only TensorFlow has shapes that are not known"
)


def step_on_unknown_shapes(optimizer, variables):
    import tensorflow as tf

    def unknown(variable):
        return tf.TensorSpec([None] * len(variable.shape) or None)

    @tf.function(input_signature=[[unknown(variable) for variable in variables]], autograph=False)
    def step(gradients):
        cases.apply(optimizer, gradients, variables)

    return step


@unknown_shapes
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_graph_is_made_for_shapes_that_are_not_known(make):
    variables = cases.variables()
    optimizer = make()
    optimizer.build(variables)
    step_on_unknown_shapes(optimizer, variables).get_concrete_function()


@unknown_shapes
@pytest.mark.parametrize("wrapper", ["normalized", "cautious"])
def test_shapes_that_are_not_known_change_nothing(wrapper):
    variables = cases.variables()
    optimizer = OPTIMIZERS[wrapper]()
    optimizer.build(variables)
    step = step_on_unknown_shapes(optimizer, variables)
    for seed in range(2):
        step([ops.convert_to_tensor(value) for value in arrays(variables, seed)])
    result = cases.values([*variables, *optimizer.variables])
    expected = trained(OPTIMIZERS[wrapper](), ops.convert_to_tensor)
    for one, other in zip(result, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
