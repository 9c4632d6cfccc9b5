"""What makes steps fast does not change them, and stays in place."""

import re

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import WRAPPERS
from stepwrap import backends

BACKEND = keras.backend.backend()
STEPS = 8


class OwnAdam(keras.optimizers.Adam):
    """A user's subclass, of which nobody knows what it keeps."""


def trained(optimizer, run=lambda function: function, dtype="float32"):
    """Weights after some steps, in which the loss falls."""
    variables = cases.variables(dtype)
    optimizer.build(variables)
    step = run(lambda gradients, loss: optimizer.apply(gradients, variables, loss=loss))
    for seed in range(STEPS):
        step(cases.gradients(variables, seed), ops.convert_to_tensor(1.0 - 0.1 * seed))
    return cases.values(variables)


def assert_close(ones, others, tolerance):
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


# State.


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize("slow_state", ["keep", "reset", "pullback"])
def test_every_variable_is_listed_once(name, slow_state):
    if name != "lookahead" and slow_state != "keep":
        return
    more = {"slow_state": slow_state} if name == "lookahead" else {}
    optimizer = WRAPPERS[name](keras.optimizers.Adam(), **more)
    optimizer.build(cases.variables())
    assert len({id(variable) for variable in optimizer.variables}) == len(optimizer.variables)


@pytest.mark.parametrize("name", cases.others_long(WRAPPERS))
def test_every_buffer_of_a_compiled_step_is_written_in_place(name):
    """JAX pairs donated buffers with results by shape, in order: each must get its own."""
    if BACKEND != "jax":
        pytest.skip("the others write to variables")
    import jax

    optimizer = WRAPPERS[name](keras.optimizers.Adam())
    variables = cases.variables()
    optimizer.build(variables)

    def step(weights, state, gradients):
        return optimizer.stateless_apply(state, gradients, weights, loss=1.0)

    weights = [variable.value for variable in variables]
    state = [variable.value for variable in optimizer.variables]
    donating = jax.jit(step, donate_argnums=(0, 1), keep_unused=True)
    program = donating.lower(weights, state, cases.gradients(variables)).compile().as_text()
    pairs = re.findall(r"\{(\d+)\}: \((\d+), \{\}", program.partition("\n")[0])
    assert len(pairs) == len(weights) + len(state)
    assert all(result == argument for result, argument in pairs)


# L4 and the inner optimizer's average.


@pytest.mark.parametrize(
    ("inner", "arguments", "keeps_its_own"),
    [
        (lambda: keras.optimizers.Adam(0.01), {}, False),
        (lambda: keras.optimizers.AdamW(0.01), {}, False),
        (lambda: keras.optimizers.Adam(0.01, beta_1=0.8), {"gradient_time_scale": 5.0}, False),
        (lambda: keras.optimizers.Adam(0.01, beta_1=0.8), {}, True),
        (lambda: keras.optimizers.Adam(0.01, clipnorm=1.0), {}, True),
        (lambda: keras.optimizers.Adam(0.01, global_clipnorm=1.0), {}, True),
        (lambda: keras.optimizers.Adam(0.01, clipvalue=1.0), {}, True),
        (lambda: OwnAdam(0.01), {}, True),
        (lambda: stepwrap.NormalizedOptimizer("adam"), {}, True),
        (lambda: keras.optimizers.SGD(0.01, momentum=0.9), {}, True),
    ],
)
def test_l4_takes_the_average_that_adam_keeps(inner, arguments, keeps_its_own):
    optimizer = stepwrap.L4Wrapper(inner(), **arguments)
    variables = cases.variables()
    optimizer.build(variables)
    slots = [variable for variable in optimizer.own_variables if "average" in variable.path]
    assert len(slots) == (len(variables) + 1 if keeps_its_own else 0)


@pytest.mark.parametrize("wrapped", [keras.optimizers.Adam, keras.optimizers.AdamW])
def test_the_average_makes_no_difference(wrapped, float64, monkeypatch):
    ones = trained(stepwrap.L4Wrapper(wrapped(0.01)), dtype="float64")
    monkeypatch.setattr("stepwrap.wrappers.l4.keeps_average", lambda *_: False)
    others = trained(stepwrap.L4Wrapper(wrapped(0.01)), dtype="float64")
    assert_close(ones, others, 1e-12)


# The update compiled by XLA, inside of a graph that is not.


def graph(function):
    import tensorflow as tf

    return tf.function(function)


def compiled_calls(optimizer, run=graph):
    """The calls of a compiled function in the graph of a step."""
    variables = cases.variables()
    optimizer.build(variables)
    step = run(lambda gradients: optimizer.apply(gradients, variables, loss=ops.ones(())))
    operations = step.get_concrete_function(cases.gradients(variables)).graph.get_operations()
    return [
        operation
        for operation in operations
        if "Call" in operation.type and operation.get_attr("_XlaMustCompile")
    ]


only_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="others compile nothing")


@only_tensorflow
@pytest.mark.parametrize("name", cases.others_long(WRAPPERS))
def test_a_compiled_update_is_the_same(name):
    wrap = WRAPPERS[name]
    optimizer = wrap(keras.optimizers.Adam(0.01))
    plain = stepwrap.OptimizerWrapper(wrap(keras.optimizers.Adam(0.01)), jit_compile=False)
    assert_close(trained(optimizer, graph), trained(plain, graph), 1e-5)


@only_tensorflow
def test_an_update_is_one_compiled_call():
    stacked = stepwrap.ClippedOptimizer(stepwrap.L4Wrapper(stepwrap.NormalizedOptimizer("adam")))
    assert len(compiled_calls(stacked)) == 1


@only_tensorflow
@pytest.mark.parametrize(
    "make",
    [
        lambda: stepwrap.OptimizerWrapper(stepwrap.L4Wrapper("adam"), jit_compile=False),
        lambda: stepwrap.L4Wrapper(stepwrap.OptimizerWrapper("adam", jit_compile=False)),
        lambda: stepwrap.NormalizedOptimizer(cases.HalvedStep("adam")),
        lambda: stepwrap.NormalizedOptimizer(OwnAdam()),
    ],
    ids=["off", "off inside", "user's wrapper", "user's optimizer"],
)
def test_an_update_that_is_not_compiled(make):
    assert not compiled_calls(make())


@only_tensorflow
def test_a_compiled_step_compiles_nothing_inside():
    assert not compiled_calls(stepwrap.L4Wrapper("adam"), run=cases.compiled)


@only_tensorflow
def test_fit_compiles_the_update_and_eager_steps_are_eager():
    in_xla = set()

    class Watched(stepwrap.NormalizedOptimizer):
        __module__ = stepwrap.NormalizedOptimizer.__module__  # as if it came from there

        def transform_gradients(self, gradients, variables):
            in_xla.add(backends.current.in_xla())
            return super().transform_gradients(gradients, variables)

    for arguments, expected in (({}, {True}), ({"run_eagerly": True}, {False})):
        in_xla.clear()
        cases.fit(cases.model(Watched("adam"), **arguments))
        assert in_xla == expected


def test_the_argument_is_checked_saved_and_loaded():
    with pytest.raises(TypeError, match="jit_compile"):
        stepwrap.OptimizerWrapper("adam", jit_compile="no")
    optimizer = stepwrap.OptimizerWrapper("adam", jit_compile=False)
    assert not optimizer.compiles_update
    config = keras.optimizers.serialize(optimizer)
    assert not keras.optimizers.deserialize(config).compiles_update
