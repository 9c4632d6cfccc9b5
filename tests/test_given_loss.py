"""The loss that was given for a step: which step uses it, and what becomes of it without one."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND

NEEDS_IT = "needs the loss of every step, and was given none"
traced = pytest.mark.skipif(BACKEND == "torch", reason="PyTorch traces nothing")


def l4(inner=None):
    """An optimizer of one variable, whose gradient is 1: the step is 0.5 of the loss."""
    optimizer = stepwrap.L4Wrapper(
        inner or keras.optimizers.SGD(1.0), fraction=1.0, init_factor=0.5, minloss_factor=1.0
    )
    variable = keras.Variable(0.0)
    optimizer.build([variable])
    return optimizer, variable


def step(optimizer, variable, **loss):
    """Not compiled; returns how far the variable has moved."""
    before = cases.number(variable)
    optimizer.apply([ops.ones(())], [variable], **loss)
    return cases.number(variable) - before


def compiled(function):
    """Calls a function without arguments in a graph, or jitted."""

    def without_result():
        function()

    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.function(without_result, autograph=False)()
    else:
        import jax

        jax.jit(without_result)()


def compiled_step(optimizer, variable, before=lambda: None):
    """As `step`, in a graph, or jitted; there, another function is called before."""
    start = cases.number(variable)
    state = [one.value for one in optimizer.variables]

    def update():
        before()
        if BACKEND == "tensorflow":
            optimizer.apply([ops.ones(())], [variable])
        else:
            [value], _ = optimizer.stateless_apply(state, [ops.ones(())], [start])
            values.append(value)

    values = []
    if BACKEND == "tensorflow":
        compiled(update)
        return cases.number(variable) - start
    import jax

    return float(jax.jit(lambda: (update(), values[-1])[1])()) - start


@pytest.mark.parametrize("give", ["scale_loss", "set_loss", "apply"])
def test_a_step_that_fails_uses_it_up(give):
    optimizer, variable = l4()
    arguments = {}
    if give == "apply":
        arguments["loss"] = 5.0
    else:
        getattr(optimizer, give)(5.0)
    with pytest.raises(ValueError, match="Received 2 gradients and 1 variables"):
        optimizer.apply([ops.ones(())] * 2, [variable], **arguments)
    with pytest.raises(ValueError, match=NEEDS_IT):
        step(optimizer, variable)
    assert step(optimizer, variable, loss=1.0) == pytest.approx(-0.5)


@pytest.mark.skipif(BACKEND != "jax", reason="the others have no stateless_apply of use")
def test_a_stateless_step_that_fails_uses_it_up():
    optimizer, variable = l4()
    with pytest.raises(ValueError, match="optimizer_variables"):
        optimizer.stateless_apply([], [ops.ones(())], [variable.value], loss=5.0)
    with pytest.raises(ValueError, match=NEEDS_IT):
        step(optimizer, variable)


def test_none_takes_it_back():
    optimizer, variable = l4()
    optimizer.scale_loss(5.0)
    optimizer.set_loss(None)
    with pytest.raises(ValueError, match=NEEDS_IT):
        step(optimizer, variable)


def test_a_later_one_takes_the_place_of_an_earlier_one():
    optimizer, variable = l4()
    optimizer.scale_loss(5.0)
    optimizer.scale_loss(1.0)
    assert step(optimizer, variable) == pytest.approx(-0.5)


class Failing(cases.SignDescent):
    """An optimizer whose step fails."""

    def update_step(self, gradient, variable, learning_rate):
        raise RuntimeError("no step")


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)
def test_a_part_that_was_not_reached_does_not_keep_it():
    failing, waiting = Failing(), stepwrap.L4Wrapper("sgd")
    variables = [keras.Variable(0.0, name=name) for name in ("first", "second")]
    optimizer = stepwrap.OptimizerWrapper(
        keras.optimizers.MultiOptimizer(lambda v: failing if v is variables[0] else waiting)
    )
    with pytest.raises(RuntimeError, match="no step"):
        optimizer.apply([ops.ones(())] * 2, variables, loss=5.0)
    assert waiting.loss is None


@pytest.mark.skipif(BACKEND == "jax", reason="Keras' loss scaler is stateless there")
def test_a_step_that_a_loss_scaler_leaves_out_uses_it_up():
    inner, variable = l4()
    optimizer = stepwrap.LossScaleOptimizer(inner, initial_scale=1.0)
    optimizer.scale_loss(ops.convert_to_tensor(5.0))
    assert float(inner.loss) == 5.0
    assert step(optimizer, variable) == pytest.approx(-2.5)
    optimizer.scale_loss(ops.convert_to_tensor(5.0))
    optimizer.apply([ops.full((), np.inf)], [variable])
    assert inner.loss is None


# Graphs and jitted functions.


@traced
@pytest.mark.parametrize("make_step", [step, compiled_step])
def test_one_that_was_given_in_another_graph_is_not_used(make_step):
    optimizer, variable = l4()
    compiled(lambda: optimizer.scale_loss(ops.sum(ops.ones(3))))
    with pytest.raises(ValueError, match=NEEDS_IT):
        make_step(optimizer, variable)
    assert step(optimizer, variable, loss=1.0) == pytest.approx(-0.5)


@traced
@pytest.mark.parametrize("make_step", [step, compiled_step])
def test_without_it_a_wrapper_that_can_do_without_does(make_step):
    optimizer, variable = stepwrap.SkipNonFinite(keras.optimizers.SGD(0.5)), keras.Variable(0.0)
    optimizer.build([variable])
    compiled(lambda: optimizer.scale_loss(ops.sum(ops.ones(3))))
    assert make_step(optimizer, variable) == pytest.approx(-0.5)


@traced
@pytest.mark.parametrize("scaler", [None, stepwrap.LossScaleOptimizer], ids=["bare", "in a branch"])
def test_one_that_was_given_in_the_same_graph_is_used(scaler):
    optimizer, variable = l4()
    if scaler is not None:  # which does the step in a conditional
        optimizer = scaler(optimizer, initial_scale=1.0)
        optimizer.build([variable])

    def give_loss():
        optimizer.scale_loss(ops.sum(ops.ones(2)))

    assert compiled_step(optimizer, variable, give_loss) == pytest.approx(-1.0)


@pytest.mark.skipif(BACKEND != "jax", reason="JAX' transformation")
def test_one_that_was_given_under_a_transformation_of_the_whole_step_is_used():
    import jax

    optimizer, variable = l4()

    def update(state, weights, scale):
        def loss(weights):
            return optimizer.scale_loss(2.0 * scale + weights[0])

        gradients = jax.grad(loss)(weights)
        return optimizer.stateless_apply(state, gradients, weights)[0][0]

    state = [one.value for one in optimizer.variables]
    for vmap in (jax.vmap(update, (None, None, 0)), jax.jit(jax.vmap(update, (None, None, 0)))):
        scales = np.array([1.0, 2.0], "float32")
        steps = vmap(state, [variable.value], scales)
        np.testing.assert_allclose(steps, [-1.0, -2.0], rtol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX' conditionals trace when eager, too")
def test_a_graph_does_not_keep_one_that_was_given_eagerly():
    optimizer, variable = l4()
    optimizer.scale_loss(ops.sum(ops.ones(2)))
    with pytest.raises(ValueError, match=NEEDS_IT):
        compiled_step(optimizer, variable)
