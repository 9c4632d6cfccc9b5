"""SkipNonFinite: batches that are not finite might as well not exist."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND, WRAPPERS
from stepwrap import SkipNonFinite
from stepwrap.callbacks import StepMonitor

BAD = [np.nan, np.inf, -np.inf]


def stepper(optimizer, variables, gradients_of, give_loss=True):
    """A compiled step on gradients_of(weights, batch), which gives gradients and a loss."""
    optimizer.build(variables)

    def gradients_and_loss(weights, batch):
        gradients, loss = gradients_of(weights, batch)
        return gradients, {"loss": loss} if give_loss else {}

    if BACKEND != "jax":

        def step(batch):
            gradients, given = gradients_and_loss(variables, batch)
            optimizer.apply(gradients, variables, **given)

        return cases.compiled(step)

    import jax

    @jax.jit
    def update(weights, state, batch):
        gradients, given = gradients_and_loss(weights, batch)
        return optimizer.stateless_apply(state, gradients, weights, **given)

    def jax_step(batch):
        values = ([v.value for v in group] for group in (variables, optimizer.variables))
        weights, state = update(*values, batch)
        for variable, value in zip(
            [*variables, *optimizer.variables], [*weights, *state], strict=True
        ):
            variable.assign(value)

    return jax_step


def quadratic(weights, targets):
    """The gradients and the value of half the squared distance to the targets."""
    gradients = [weight - target for weight, target in zip(weights, targets, strict=True)]
    return gradients, sum(ops.sum(gradient**2) for gradient in gradients) / 2


@pytest.mark.parametrize("name", cases.stateful(stepwrap.wrappers.names()))
@pytest.mark.long
def test_bad_batches_among_two_thousand_leave_no_trace(name):
    """Bit for bit: as in the run without them, weights and all inner state, iterations included."""
    random, length = np.random.default_rng(11), 2000
    shapes = [variable.shape for variable in cases.variables()]
    batches = [random.normal(1, 0.1, (length, *shape)).astype("float32") for shape in shapes]
    bad = random.choice(length, length // 10, replace=False)
    for batch in bad:
        place = random.integers(len(shapes))
        element = tuple(random.integers(size) for size in shapes[place])
        batches[place][(batch, *element)] = random.choice(BAD)

    def train(numbers):
        variables = cases.variables()
        optimizer = SkipNonFinite(WRAPPERS[name](keras.optimizers.Adam(0.01)))
        step = stepper(optimizer, variables, quadratic)
        for number in numbers:
            step([ops.convert_to_tensor(values[number]) for values in batches])
        state = cases.values([*variables, *optimizer.inner_optimizer.variables])
        return state, cases.number(optimizer.skipped_steps)

    (through, skipped), (without, none) = (
        train(numbers) for numbers in (range(length), np.delete(np.arange(length), bad))
    )
    assert (skipped, none) == (length // 10, 0)
    cases.assert_equal(through, without)
    assert all(np.all(np.isfinite(value)) for value in through)


@pytest.mark.parametrize(
    "name",
    cases.others_long([*stepwrap.wrappers.names(), "user", "stack_of_steps"], cases.EVERYDAY),
)
def test_as_the_inner_optimizer_alone_without_the_bad_batches(name):
    """Bit for bit, in an eager `fit`."""
    x, y = cases.data(20)
    x[4, 2], x[11, 0], y[12] = np.nan, np.inf, -np.inf  # in the batches 2, 5 and 6
    bad = np.isin(np.arange(20) // 2, (2, 5, 6))
    wrapped, alone = (WRAPPERS[name](keras.optimizers.Adam()) for _ in range(2))
    through, without = (
        cases.model(optimizer, jit_compile=False, run_eagerly=True)
        for optimizer in (SkipNonFinite(wrapped), alone)
    )
    through.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    without.fit(x[~bad], y[~bad], batch_size=2, shuffle=False, verbose=0)
    assert cases.number(through.optimizer.skipped_steps) == 3
    actual = cases.values([*through.weights, *wrapped.variables])
    cases.assert_equal(actual, cases.state(without))


def applied(gradients_of, loss=1.0, dtype="float32"):
    """A compiled step: the optimizer, weights and inner state before, and after."""
    variables = cases.variables(dtype)
    optimizer = SkipNonFinite(keras.optimizers.SGD(0.1, momentum=0.9))
    optimizer.build(variables)
    watched = [*variables, *optimizer.inner_optimizer.variables]
    before = cases.values(watched)
    gradients = [ops.cast(gradient, dtype) for gradient in gradients_of(variables)]
    given = None if loss is None else ops.convert_to_tensor(loss, "float32")
    stepper(optimizer, variables, lambda weights, batch: (batch, given), loss is not None)(
        gradients
    )
    return optimizer, before, cases.values(watched)


def constant(value):
    return lambda variables: [ops.full(v.shape, value, dtype="float32") for v in variables]


def one_bad_element(value):
    def gradients_of(variables):
        gradients = [np.ones(v.shape, "float32") for v in variables]
        gradients[0][2, 1] = value
        return gradients

    return gradients_of


@pytest.mark.parametrize(
    "bad",
    cases.whole_on(
        "torch",
        {
            f"{value}-{dtype}": (value, dtype)
            for value in BAD
            for dtype in ("float32", "float16", "bfloat16")
        },
        elsewhere=["nan-float32", "inf-bfloat16"],
    ),
)
def test_one_bad_element_is_enough(bad):
    value, dtype = bad
    optimizer, before, after = applied(one_bad_element(value), dtype=dtype)
    assert cases.number(optimizer.skipped_steps) == 1
    cases.assert_equal(after, before)


@pytest.mark.parametrize("value, dtype", [(1e30, "float32"), (6e4, "float16"), (3e38, "bfloat16")])
def test_huge_gradients_are_no_reason(value, dtype):
    """Though their squares overflow."""
    optimizer, before, after = applied(constant(value), dtype=dtype)
    assert cases.number(optimizer.skipped_steps) == 0
    assert cases.number(optimizer.iterations) == 1
    assert all(np.all(one != two) for one, two in zip(before[:3], after[:3], strict=True))


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_bad_loss_alone_is_a_reason(loss):
    optimizer, before, after = applied(constant(1.0), loss=loss)
    assert cases.number(optimizer.skipped_steps) == 1
    cases.assert_equal(after, before)


def test_a_loss_is_not_needed():
    optimizer, _, _ = applied(constant(1.0), loss=None)
    assert cases.number(optimizer.skipped_steps) == 0
    optimizer, _, _ = applied(constant(np.nan), loss=None)
    assert cases.number(optimizer.skipped_steps) == 1


def test_in_a_graph_a_wrapper_inside_may_hand_some_gradients_on_as_they_are():
    """They come from outside of the conditional, the others from inside."""
    variables, others = cases.variables(), cases.variables()
    inside = stepwrap.GradientCentralization  # which leaves biases as they are
    step = stepper(SkipNonFinite(inside("sgd")), variables, quadratic)
    optimizer = inside("sgd")
    targets = cases.gradients(others)
    step(targets)
    weights = [ops.convert_to_tensor(value) for value in cases.values(others)]
    optimizer.apply(quadratic(weights, targets)[0], others)
    for one, other in zip(cases.values(variables), cases.values(others), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_variables_without_a_gradient():
    variables = cases.variables()
    optimizer = SkipNonFinite("sgd")
    optimizer.build(variables)
    before = cases.values(variables)
    bad, good = constant(np.nan)(variables)[0], constant(1.0)(variables)[0]
    optimizer.apply([None, None, bad[0, 0]], variables)
    cases.assert_equal(cases.values(variables), before)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([good, None, None], variables)
    after = cases.values(variables)
    assert np.all(after[0] != before[0])
    cases.assert_equal(after[1:], before[1:])


@pytest.mark.parametrize("loss", [None, 1.0], ids=["no loss", "loss"])
def test_no_gradient_at_all_is_an_error_as_in_keras(loss):
    variables = cases.variables()
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        SkipNonFinite("sgd").apply([None, None, None], variables, loss=loss)


TOO_MANY = (
    r"SkipNonFinite left the weights as they are for \d+ steps in a row "
    r"\(max_consecutive_skips=3\). .* \d times the loss or a gradient was not finite. Look for"
)


def test_too_many_in_a_row_are_an_error_at_once_when_eager():
    variables = cases.variables()
    optimizer = SkipNonFinite("sgd", max_consecutive_skips=3)
    good, bad = constant(1.0)(variables), constant(np.nan)(variables)
    for gradients in (bad, bad, good, bad, bad):
        optimizer.apply(gradients, variables)
    with pytest.raises(RuntimeError, match=TOO_MANY):
        optimizer.apply(bad, variables)
    optimizer.apply(good, variables)  # and training may go on
    assert cases.number(optimizer.iterations) == 2
    assert cases.number(optimizer.skipped_steps) == 5


class Batches(keras.callbacks.Callback):
    """Counts the batches that came to their end."""

    count = 0

    def on_train_batch_end(self, batch, logs=None):
        self.count += 1


@pytest.mark.parametrize(
    "monitored", cases.whole_on("torch", {"alone": False, "StepMonitor": True}, ["alone"])
)
def test_too_many_in_a_row_in_fit(monitored):
    """At once when eager or with a StepMonitor, else after the last batch."""
    x, y = cases.data(20)
    y[6:] = np.nan
    optimizer = SkipNonFinite(stepwrap.NormalizedOptimizer("adam"), max_consecutive_skips=3)
    network, batches = cases.model(optimizer), Batches()
    callbacks = [batches, StepMonitor()] if monitored else [batches]
    with pytest.raises(RuntimeError, match=TOO_MANY):
        network.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=callbacks)
    at_once = 5 if BACKEND == "torch" else 6  # there an eager step has no end
    assert batches.count == (at_once if monitored or BACKEND == "torch" else 10)
    assert all(np.all(np.isfinite(value)) for value in cases.values(network.weights))


def test_the_monitor_logs_the_count():
    x, y = cases.data(20)
    y[[2, 9]] = np.nan
    network = cases.model(SkipNonFinite("adam"))
    history = network.fit(
        x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[StepMonitor()]
    ).history
    assert history["skipped_steps"] == [2]


@pytest.mark.parametrize("wrap", [stepwrap.L4Wrapper, cases.HalvedStep], ids=["l4", "user_steps"])
def test_it_stands_outside_of_wrappers_that_take_steps(wrap):
    name = wrap.__name__
    for inner in (SkipNonFinite("adam"), stepwrap.NormalizedOptimizer(SkipNonFinite("adam"))):
        with pytest.raises(ValueError, match=rf"Write `SkipNonFinite\({name}\(...\), ...\)`"):
            wrap(inner)
    SkipNonFinite(wrap("adam"))


@pytest.mark.parametrize("value, error", [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
def test_a_bound_that_is_no_whole_number(value, error):
    with pytest.raises(error, match="`max_consecutive_skips` must be a whole number above 0"):
        SkipNonFinite("adam", max_consecutive_skips=value)
