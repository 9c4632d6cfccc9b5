"""What makes steps fast does not change them, and stays in place."""

import re

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import WRAPPERS
from stepwrap import normalizers

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


@pytest.mark.skipif(BACKEND != "jax", reason="the others write to variables")
@pytest.mark.parametrize("name", cases.others_long(WRAPPERS))
def test_every_buffer_of_a_compiled_step_is_written_in_place(name):
    """JAX pairs donated buffers with results by shape, in order: each must get its own."""
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
    monkeypatch.setattr("stepwrap.wrappers.step_sizes.l4.keeps_average", lambda *_: False)
    others = trained(stepwrap.L4Wrapper(wrapped(0.01)), dtype="float64")
    assert_close(ones, others, 1e-12)


# The update compiled by XLA, inside of a graph that is not.


def graph(function):
    import tensorflow as tf

    return tf.function(function)


def compiled_calls(optimizer, run=graph, variables=None):
    """The calls of a compiled function in the graph of a step."""
    variables = variables or cases.variables()
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
@pytest.mark.parametrize("name", cases.others_long(WRAPPERS, ("normalized", "l4")))
def test_a_compiled_update_is_the_same(name):
    wrap = WRAPPERS[name]
    optimizer = wrap(keras.optimizers.Adam(0.01))
    plain = stepwrap.OptimizerWrapper(wrap(keras.optimizers.Adam(0.01)), jit_compile=False)
    weights = trained(plain, graph)
    assert_close(trained(optimizer, graph), weights, 1e-5)
    if not hasattr(optimizer, "seed"):  # XLA draws other numbers in eager steps
        assert_close(trained(wrap(keras.optimizers.Adam(0.01))), weights, 1e-5)


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


# Code of users, with operations that XLA does not have, and the same from Keras.


def noted(value):
    """The value, by a way that only Python knows."""
    import tensorflow as tf

    return tf.ensure_shape(tf.numpy_function(lambda x: x, [value], value.dtype), value.shape)


class NotedRate(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return noted(0.1 / (1 + ops.cast(step, "float32")))


class NotedWeights(keras.constraints.Constraint):
    def __call__(self, weights):
        return noted(ops.convert_to_tensor(weights))


def noted_rate():
    return noted(ops.convert_to_tensor(0.1, "float32"))


def noted_norm(gradient):
    return noted(ops.max(ops.abs(gradient)))


def registered(register, name, function):
    register(name, function, replace=True)
    return name


USERS_CODE = {
    "schedule": lambda: stepwrap.NormalizedOptimizer(keras.optimizers.SGD(NotedRate())),
    "schedule of a part": lambda: stepwrap.OptimizerWrapper(
        keras.optimizers.MultiOptimizer(
            keras.optimizers.OptimizerMap(keras.optimizers.SGD(NotedRate()))
        )
    ),
    "rate": lambda: stepwrap.ClippedOptimizer(stepwrap.L4Wrapper(keras.optimizers.SGD(noted_rate))),
    "normalizer": lambda: stepwrap.OptimizerWrapper(stepwrap.NormalizedOptimizer("sgd", noted)),
    "norm": lambda: stepwrap.ClippedOptimizer("sgd", noted_norm),
    "registered normalizer": lambda: stepwrap.NormalizedOptimizer(
        "sgd", registered(normalizers.register, "noted", noted)
    ),
    "replaced norm": lambda: stepwrap.NormalizedOptimizer(
        "sgd", registered(normalizers.register_norm, "l2", noted_norm)
    ),
    "replaced norm to clip by": lambda: stepwrap.ClippedOptimizer(
        "sgd", registered(normalizers.register_norm, "l2", noted_norm)
    ),
}


@only_tensorflow
@pytest.mark.usefixtures("clean_registry")
@pytest.mark.parametrize("name", USERS_CODE)
def test_code_of_users_is_not_compiled(name):
    if name == "schedule of a part" and not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip("an older Keras")
    assert not compiled_calls(USERS_CODE[name]())
    assert np.isfinite(trained(USERS_CODE[name](), graph)[0]).all()


@only_tensorflow
def test_constraints_of_users_are_not_compiled():
    assert not compiled_calls(
        stepwrap.NormalizedOptimizer("sgd"), variables=cases.variables(constraint=NotedWeights())
    )


@only_tensorflow
@pytest.mark.parametrize(
    "make",
    [
        lambda: stepwrap.OptimizerWrapper(
            keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10))
        ),
        lambda: stepwrap.NormalizedOptimizer("sgd", ops.sign),
        lambda: stepwrap.ClippedOptimizer("sgd", ops.max),
    ],
    ids=["schedule", "normalizer", "norm"],
)
def test_code_of_keras_is_compiled(make):
    constrained = cases.variables(constraint=keras.constraints.NonNeg())
    assert len(compiled_calls(make(), variables=constrained)) == 1


@only_tensorflow
@pytest.mark.parametrize("arguments", [{}, {"jit_compile": False}], ids=["default", "off"])
def test_a_model_with_code_of_users_trains_as_with_the_bare_optimizer(arguments):
    bare, wrapped = (
        cases.model(wrap(keras.optimizers.SGD(NotedRate())), **arguments)
        for wrap in (lambda inner: inner, stepwrap.OptimizerWrapper)
    )
    for network in (bare, wrapped):
        cases.fit(network)
    cases.assert_equal(cases.values(wrapped.weights), cases.values(bare.weights))


@only_tensorflow
def test_operations_that_xla_lacks_are_left_to_tensorflow(monkeypatch):
    """Also where nobody knows who put them there, and in a function that a graph calls."""
    import tensorflow as tf

    update_step = keras.optimizers.SGD.update_step

    def noted_update_step(self, gradient, variable, learning_rate):
        gradient = tf.cond(learning_rate > 0, lambda: noted(gradient), lambda: gradient)
        update_step(self, gradient, variable, learning_rate)

    monkeypatch.setattr(keras.optimizers.SGD, "update_step", noted_update_step)
    assert not compiled_calls(stepwrap.NormalizedOptimizer("sgd"))
    assert len(compiled_calls(stepwrap.NormalizedOptimizer("adam"))) == 1


@pytest.mark.long
@only_tensorflow
def test_a_debugger_that_looks_into_every_graph_may():
    import tensorflow as tf

    tf.debugging.enable_check_numerics()
    try:
        cases.fit(cases.model(stepwrap.NormalizedOptimizer("adam")))
    finally:
        tf.debugging.disable_check_numerics()


@only_tensorflow
def test_an_error_of_xla_names_the_remedy(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr("stepwrap.core.compilation.runs_known_code", lambda optimizer: True)
    monkeypatch.setattr("stepwrap.backends.tensorflow.compilation.xla_has", lambda operations: True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="wrapper_has_jit_compile_false"):
        trained(stepwrap.NormalizedOptimizer("sgd", noted), graph)


@only_tensorflow
def test_a_compiled_step_compiles_nothing_inside():
    assert not compiled_calls(stepwrap.L4Wrapper("adam"), run=cases.compiled)


@only_tensorflow
def test_fit_compiles_the_update_and_eager_steps_are_eager():
    from stepwrap.backends.tensorflow import device

    in_xla = set()

    class Watched(stepwrap.NormalizedOptimizer):
        __module__ = stepwrap.NormalizedOptimizer.__module__  # as if it came from there

        def transform_gradients(self, gradients, variables):
            in_xla.add(device.in_xla())
            return super().transform_gradients(gradients, variables)

    for arguments, expected in (({}, {True}), ({"run_eagerly": True}, {False})):
        in_xla.clear()
        cases.fit(cases.model(Watched("adam"), **arguments))
        assert in_xla == expected


# Every wrapper takes the argument.


@keras.saving.register_keras_serializable(package="tests")
class HalvedBefore(stepwrap.NormalizedOptimizer):
    """A user's wrapper with a chain of `__init__`."""

    def __init__(self, inner_optimizer, factor=0.5, name=None):
        super().__init__(inner_optimizer, "max", name=name)
        self.factor = factor
        self.normalization = "max"


@keras.saving.register_keras_serializable(package="tests")
class HandsOn(HalvedBefore):
    """One that hands arguments on."""

    def __init__(self, inner_optimizer, **kwargs):
        super().__init__(inner_optimizer, **kwargs)


@keras.saving.register_keras_serializable(package="tests")
class NotCompiled(stepwrap.OptimizerWrapper):
    """One that lists the argument itself, with a default of its own."""

    def __init__(self, inner_optimizer, jit_compile=False, name=None):
        super().__init__(inner_optimizer, name=name, jit_compile=jit_compile)


TAKERS = {
    **{name: cases.WRAPPERS[name] for name in stepwrap.wrappers.names()},
    "identity": stepwrap.OptimizerWrapper,
    "L4Adam": lambda _, **arguments: stepwrap.L4Adam(**arguments),
    "L4Mom": lambda _, **arguments: stepwrap.L4Mom(**arguments),
    "user": cases.AveragedGradient,
    "user without __init__": cases.HalvedStep,
    "user with a chain": HalvedBefore,
    "user with **kwargs": HandsOn,
    "user's own": NotCompiled,
}


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("jit_compile", [True, False])
def test_every_wrapper_takes_the_argument_and_keeps_it(name, jit_compile):
    optimizer = TAKERS[name]("adam", jit_compile=jit_compile)
    outside = stepwrap.OptimizerWrapper(stepwrap.OptimizerWrapper(optimizer))
    for one in (optimizer, keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))):
        assert type(one) is type(optimizer) and one.jit_compile is jit_compile
        assert one.get_config() == optimizer.get_config()
    if not jit_compile:
        assert not optimizer.compiles_update and not outside.compiles_update


@pytest.mark.parametrize("name", TAKERS)
def test_the_argument_is_refused_alike_and_no_part_of_the_config_by_default(name):
    with pytest.raises(TypeError, match="`jit_compile` must be True or False"):
        TAKERS[name]("adam", jit_compile="no")
    with pytest.raises(TypeError, match=r"no argument `jit_complie`.*'jit_compile'|unexpected"):
        TAKERS[name]("adam", jit_complie=False)
    assert "jit_compile" not in TAKERS[name]("adam").get_config()


def test_the_argument_may_stand_in_a_text(capsys):
    text = "adam | l4(fraction=0.25, jit_compile=False) | cautious"
    optimizer = stepwrap.parse(text)
    assert optimizer.inner_optimizer.jit_compile is False
    assert stepwrap.describe(optimizer, show=True) == text
    assert capsys.readouterr().out.count("jit_compile") == 1


def test_a_config_of_before_is_loaded():
    """Then, it had the argument at its default."""
    config = {"inner_optimizer": "adam", "name": "one", "jit_compile": True}
    assert stepwrap.OptimizerWrapper.from_config(config).jit_compile is True


def test_the_argument_by_place_is_as_it_was():
    assert stepwrap.OptimizerWrapper("adam", "one", False).jit_compile is False


def test_the_argument_is_checked_saved_and_loaded():
    with pytest.raises(TypeError, match="jit_compile"):
        stepwrap.OptimizerWrapper("adam", jit_compile="no")
    optimizer = stepwrap.OptimizerWrapper("adam", jit_compile=False)
    assert not optimizer.compiles_update
    config = keras.optimizers.serialize(optimizer)
    assert not keras.optimizers.deserialize(config).compiles_update
