"""L4Wrapper: the rule on every optimizer, when it makes no step, and what it says of itself."""

import inspect
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import cases
import references
import stepwrap
from cases import BACKEND, BASE_OPTIMIZERS

BASES = {name: make for name, make in BASE_OPTIMIZERS.items() if name != "Adam-clipnorm-ema"}


@keras.saving.register_keras_serializable(package="tests")
class Uphill(keras.optimizers.Optimizer):
    """Steps the wrong way, and counts its steps."""

    def __init__(self, learning_rate=1.0, **kwargs):
        super().__init__(learning_rate, **kwargs)

    def build(self, variables):
        super().build(variables)
        self.count = self.add_variable((), initializer="zeros", name="count")

    def update_step(self, gradient, variable, learning_rate):
        self.assign_add(self.count, ops.ones(()))
        self.assign_add(variable, gradient)


def train(optimizer, losses, variables=None, gradients=None):
    """A step for each loss; eager."""
    variables = cases.variables() if variables is None else variables
    for seed, loss in enumerate(losses):
        step = cases.gradients(variables, seed) if gradients is None else gradients
        cases.apply(optimizer, step, variables, loss=loss)
    return variables


# The rule.


@pytest.mark.parametrize("name", BASES)
def test_the_rule_on_every_optimizer(name, float64):
    """A shadow optimizer on equal weights gives the direction, NumPy the learning rate."""
    optimizer, shadow = stepwrap.L4Wrapper(BASES[name]()), BASES[name]()
    for base in (optimizer.inner_optimizer, shadow):
        base.weight_decay = base.adam_weight_decay = None  # no part of the direction
    variables, shadow_variables = cases.variables("float64"), cases.variables("float64")
    reference = references.step_sizes.L4()
    for seed, loss in enumerate([2.0, 1.5, 1.7, 0.9, 1.2]):
        gradients = cases.gradients(variables, seed)
        loss = ops.convert_to_tensor(loss, dtype="float64")
        before = cases.values(variables)
        for variable, value in zip(shadow_variables, before, strict=True):
            variable.assign(value)
        try:
            cases.apply(shadow, gradients, shadow_variables, loss=loss)
        except Exception as error:
            pytest.skip(f"bare {shadow.name} fails on float64: {type(error).__name__}")
        inner_rate = cases.number(getattr(shadow, "learning_rate", 1.0))
        directions = [
            (old - new) / inner_rate
            for old, new in zip(before, cases.values(shadow_variables), strict=True)
        ]
        rate = reference.learning_rate(cases.number(loss), cases.values(gradients), directions)
        cases.apply(optimizer, gradients, variables, loss=loss)
        assert cases.number(optimizer.effective_learning_rate) == pytest.approx(rate, rel=1e-9)
        assert cases.number(optimizer.min_loss) == pytest.approx(reference.min_loss, rel=1e-12)
        for value, old, direction in zip(cases.values(variables), before, directions, strict=True):
            np.testing.assert_allclose(value, old - rate * direction, rtol=1e-9, atol=1e-12)
    if name != "Ftrl":  # whose steps do not lead downhill
        assert rate > 0


@pytest.mark.parametrize(
    "make",
    cases.whole_on(
        "torch",
        {
            "SGD": keras.optimizers.SGD,
            "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
            "Adam": keras.optimizers.Adam,
        },
        elsewhere=["Adam"],
    ),
)
def test_the_inner_learning_rate_cancels_out(make):
    networks = [cases.model(stepwrap.L4Wrapper(make(rate))) for rate in (1e-4, 1.0)]
    histories = [cases.fit(network, epochs=3)["loss"] for network in networks]
    np.testing.assert_allclose(*histories, rtol=1e-5)
    for one, other in zip(*(cases.values(network.weights) for network in networks), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_an_inner_learning_rate_of_zero_makes_no_step():
    variables = cases.variables()
    before = cases.values(variables)
    train(stepwrap.L4Wrapper(keras.optimizers.SGD(0.0)), [1.0, 0.5], variables)
    cases.assert_equal(cases.values(variables), before)


@pytest.mark.parametrize("compiled", [False, True])
def test_steps_are_exact(compiled):
    """Weights of order 1, gradients of order 1e-9: η·v before it is added to the weights."""
    variable = keras.Variable(np.ones((50, 40), "float32"))
    gradient = (1e-9 * np.random.default_rng(0).normal(size=(50, 40))).astype("float32")
    written = []
    optimizer = stepwrap.L4Wrapper(keras.optimizers.SGD(0.01))
    optimizer.write_steps = lambda variables, steps: written.extend(steps)
    optimizer.build([variable])

    def step(gradient, loss):
        written.clear()
        if BACKEND == "jax":
            state = [each.value for each in optimizer.variables]
            optimizer.stateless_apply(state, [gradient], [variable.value], loss=loss)
        else:
            optimizer.apply([gradient], [variable], loss=loss)
        return ops.convert_to_tensor(written[0])

    run = cases.compiled(step) if compiled else step
    result = run(ops.convert_to_tensor(gradient), ops.convert_to_tensor(3.0))
    wide = gradient.astype("float64")
    expected = -0.15 * (3 - 0.9 * 0.75 * 3) / (np.sum(wide**2) + 1e-12) * wide
    np.testing.assert_allclose(ops.convert_to_numpy(result), expected, rtol=1e-5)


def test_weight_decay_is_no_part_of_the_step():
    decayed, plain = (
        stepwrap.L4Wrapper(keras.optimizers.AdamW(0.1, weight_decay=decay)) for decay in (0.5, 0.0)
    )
    weights = cases.values(train(decayed, [1.0]))
    plain_weights = cases.values(train(plain, [1.0]))
    for one, other, start in zip(
        weights, plain_weights, cases.values(cases.variables()), strict=True
    ):
        np.testing.assert_allclose(one, other - 0.1 * 0.5 * start, rtol=1e-5, atol=1e-7)


def test_max_learning_rate():
    variables = cases.variables()
    gradients = cases.gradients(variables)
    before = cases.values(variables)
    optimizer = stepwrap.L4Wrapper(keras.optimizers.SGD(0.1), max_learning_rate=1e-3)
    train(optimizer, [5.0], variables, gradients)
    assert cases.number(optimizer.effective_learning_rate) == pytest.approx(1e-3)
    for value, old, gradient in zip(
        cases.values(variables), before, cases.values(gradients), strict=True
    ):
        np.testing.assert_allclose(value, old - 1e-3 * gradient, rtol=1e-6)


def test_loss_floor_is_subtracted_first():
    optimizer, shifted = (
        stepwrap.L4Wrapper("adam"),
        stepwrap.L4Wrapper("adam", loss_floor=-8.0),
    )
    losses = [2.0, 1.0, 1.5, 0.5]
    weights = cases.values(train(optimizer, losses))
    shifted_weights = cases.values(train(shifted, [loss - 8 for loss in losses]))
    for one, other in zip(weights, shifted_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_training_a_loss_that_is_negative():
    """With a floor it goes down; see also martius-lab/l4-optimizer issue 6."""

    def loss(y, prediction):
        return ops.mean(ops.square(y - prediction)) - 3.0

    network = cases.model()
    network.compile(stepwrap.L4Adam(loss_floor=-3.0), loss=loss)
    losses = cases.fit(network, epochs=20)["loss"]
    assert losses[-1] < losses[0] < -1 and losses[-1] < -2.9


# No step.


def state_but_tallies(optimizer):
    """The inner state, min_loss and averages: without telemetry and counts of skipped steps."""
    tallies = ("effective_learning_rate", "skips", "skips_in_a_row")
    return cases.values(v for v in optimizer.variables if v.name not in tallies)


def in_both_modes(optimizer, variables):
    """A step as it is, and compiled where the backend compiles."""
    yield lambda gradients, loss: cases.apply(optimizer, gradients, variables, loss)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        yield tf.function(
            lambda gradients, loss: optimizer.apply(gradients, variables, loss=loss),
            jit_compile=True,
        )
    if BACKEND == "jax":
        import jax

        update = jax.jit(
            lambda state, gradients, weights, loss: optimizer.stateless_apply(
                state, gradients, weights, loss=loss
            )
        )

        def step(gradients, loss):
            weights, state = update(
                [v.value for v in optimizer.variables],
                gradients,
                [v.value for v in variables],
                loss,
            )
            for variable, value in zip(
                [*variables, *optimizer.variables], [*weights, *state], strict=True
            ):
                variable.assign(value)

        yield step


def assert_no_step(optimizer, gradients, loss, *, state_unchanged):
    """Also that training goes on as if nothing had been, at the next good batch."""
    variables = cases.variables()
    train(optimizer, [2.0, 1.5], variables)
    for count, step in enumerate(in_both_modes(optimizer, variables), start=1):
        weights, state = cases.values(variables), state_but_tallies(optimizer)
        step(gradients, ops.convert_to_tensor(loss, dtype="float32"))
        cases.assert_equal(cases.values(variables), weights)
        if state_unchanged:
            cases.assert_equal(state_but_tallies(optimizer), state)
        assert all(np.all(np.isfinite(value)) for value in state_but_tallies(optimizer))
        assert cases.number(optimizer.skipped_steps) == count
        assert cases.number(optimizer.effective_learning_rate) == 0
    cases.apply(optimizer, cases.gradients(variables, 5), variables, loss=1.4)
    assert cases.number(optimizer.effective_learning_rate) > 0
    return variables


INNER = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "adamw": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1),
    "lamb": lambda: keras.optimizers.Lamb(0.1),
    "stack": lambda: cases.AveragedGradient(cases.HalvedStep("adam")),
}


@pytest.mark.parametrize("inner", cases.others_long(INNER, ("stack",)))
@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_a_loss_that_is_not_finite(inner, bad):
    gradients = cases.gradients(cases.variables(), 3)
    assert_no_step(stepwrap.L4Wrapper(INNER[inner]()), gradients, loss=bad, state_unchanged=True)


@pytest.mark.parametrize("inner", cases.others_long(INNER, ("stack",)))
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite(inner, bad):
    gradients = cases.values(cases.gradients(cases.variables(), 3))
    gradients[0][1, 2] = bad
    gradients = [ops.convert_to_tensor(gradient) for gradient in gradients]
    assert_no_step(stepwrap.L4Wrapper(INNER[inner]()), gradients, loss=1.0, state_unchanged=True)


@pytest.mark.parametrize("inner", ["momentum", "adamw"])
def test_a_product_that_is_not_finite(inner):
    """Every gradient is finite; gradient times step is not, and Adam's square is not."""
    gradients = [1e30 * gradient for gradient in cases.gradients(cases.variables(), 3)]
    optimizer = stepwrap.L4Wrapper(INNER[inner]())
    if inner == "adamw":
        gradients = [1e9 * gradient for gradient in gradients]
    assert_no_step(optimizer, gradients, loss=1.0, state_unchanged=True)


@pytest.mark.parametrize("optimizer_class", [stepwrap.L4Adam, stepwrap.L4Mom])
@pytest.mark.parametrize("bad", ["loss", "gradient"])
def test_l4adam_and_l4mom_are_not_poisoned(optimizer_class, bad):
    gradients = cases.values(cases.gradients(cases.variables(), 3))
    gradients[1][0] = np.nan if bad == "gradient" else 1.0
    loss = np.nan if bad == "loss" else 1.0
    gradients = [ops.convert_to_tensor(gradient) for gradient in gradients]
    assert_no_step(optimizer_class(), gradients, loss, state_unchanged=True)


def test_a_first_step_that_is_not_finite_leaves_no_trace():
    late, early = stepwrap.L4Wrapper("adam"), stepwrap.L4Wrapper("adam")
    variables, others = cases.variables(), cases.variables()
    gradients = cases.gradients(variables)
    train(late, [np.nan], variables, gradients)
    train(late, [1.0], variables, gradients)
    train(early, [1.0], others, gradients)
    cases.assert_equal(cases.values(variables), cases.values(others))
    cases.assert_equal(state_but_tallies(late), state_but_tallies(early))


def test_an_inner_step_that_leads_uphill():
    """No step rather than a huge one; the inner optimizer's state goes on."""
    optimizer = stepwrap.L4Wrapper(Uphill())
    variables = cases.variables()
    before = cases.values(variables)
    train(optimizer, [1.0, 1.0], variables)
    cases.assert_equal(cases.values(variables), before)
    assert cases.number(optimizer.inner_optimizer.count) == 2 * len(variables)
    assert cases.number(optimizer.skipped_steps) == 2


@pytest.mark.parametrize("weight_decay", [None, 0.5])
def test_no_step_is_no_weight_decay_either(weight_decay):
    optimizer = stepwrap.L4Wrapper(Uphill(weight_decay=weight_decay))
    variables = cases.variables()
    for step in in_both_modes(optimizer, variables):
        before = cases.values(variables)
        step(cases.gradients(variables), ops.convert_to_tensor(1.0))
        cases.assert_equal(cases.values(variables), before)


def test_a_loss_below_the_floor_makes_no_step_and_is_told_once(recwarn):
    optimizer = stepwrap.L4Wrapper("adam", loss_floor=1.0)
    variables = cases.variables()
    before = cases.values(variables)
    with pytest.warns(UserWarning, match="below loss_floor=1. Give `loss_floor`"):
        train(optimizer, [0.5], variables)
    recwarn.clear()
    train(optimizer, [0.5, 0.9], variables)
    assert not [warning for warning in recwarn if "loss_floor" in str(warning.message)]
    cases.assert_equal(cases.values(variables), before)
    assert cases.number(optimizer.min_loss) == 0  # none seen that counts
    train(optimizer, [3.0], variables)
    assert cases.number(optimizer.min_loss) == pytest.approx(0.75 * 2 * 1.001)
    assert cases.number(optimizer.effective_learning_rate) > 0


def test_a_compiled_loss_below_the_floor_is_told_when_fit_ends():
    network = cases.model(stepwrap.L4Wrapper("adam", loss_floor=1e6))
    before = cases.values(network.weights)
    with pytest.warns(UserWarning, match="below loss_floor=1e\\+06"):
        cases.fit(network)
    cases.assert_equal(cases.values(network.weights), before)


def test_a_loss_without_a_gap_makes_no_step():
    """With minloss_factor 1 a new lowest loss leaves nothing to gain."""
    optimizer = stepwrap.L4Wrapper("adam", minloss_factor=1.0, init_factor=1.0)
    variables = cases.variables()
    before = cases.values(variables)
    train(optimizer, [1.0], variables)
    cases.assert_equal(cases.values(variables), before)
    assert cases.number(optimizer.skipped_steps) == 1


def test_a_loss_of_zero_is_the_end_and_no_skipped_step():
    optimizer = stepwrap.L4Wrapper("adam", max_consecutive_skips=2)
    variables = train(optimizer, [1.0])
    before = cases.values(variables)
    train(optimizer, [0.0] * 5, variables)
    cases.assert_equal(cases.values(variables), before)
    assert cases.number(optimizer.skipped_steps) == 0


def test_an_inner_optimizer_that_fails_leaves_no_trace():
    def wrong(gradient):
        return ops.sum(gradient)

    optimizer = stepwrap.L4Wrapper(stepwrap.NormalizedOptimizer("adam", wrong))
    variables = cases.variables()
    optimizer.build(variables)
    before = cases.values([*variables, *optimizer.variables])
    with pytest.raises(ValueError, match="must return a tensor of the gradient's shape"):
        train(optimizer, [1.0], variables)
    cases.assert_equal(cases.values([*variables, *optimizer.variables]), before)


def test_gradients_of_zero_are_no_fault():
    optimizer = stepwrap.L4Wrapper("sgd", gradient_time_scale=1, max_consecutive_skips=3)
    variables = cases.variables()
    train(optimizer, [1.0], variables)
    before = cases.values(variables)
    zeros = [ops.zeros_like(gradient) for gradient in cases.gradients(variables)]
    train(optimizer, [1.0] * 5, variables, zeros)
    cases.assert_equal(cases.values(variables), before)
    assert cases.number(optimizer.effective_learning_rate) == 0
    assert cases.number(optimizer.skipped_steps) == 0
    train(optimizer, [1.0], variables)
    assert cases.number(optimizer.effective_learning_rate) > 0


# Training that stands still.


def test_standing_still_is_an_error_at_once_when_eager():
    optimizer = stepwrap.L4Wrapper(Uphill(), max_consecutive_skips=3)
    variables = cases.variables()
    gradients = cases.gradients(variables)
    train(optimizer, [1.0, 1.0], variables, gradients)
    with pytest.raises(RuntimeError) as error:
        train(optimizer, [1.0], variables, gradients)
    assert "3 steps in a row (max_consecutive_skips=3)" in str(error.value)
    assert "3 times the inner optimizer's step did not lead downhill" in str(error.value)
    train(optimizer, [1.0, 1.0], variables, gradients)  # and may go on, to the next error
    with pytest.raises(RuntimeError, match="3 steps in a row"):
        train(optimizer, [1.0], variables, gradients)


def test_standing_still_is_an_error_by_default_after_a_hundred_steps():
    optimizer = stepwrap.L4Wrapper(Uphill())
    variables = cases.variables()
    gradients = cases.gradients(variables)
    train(optimizer, [1.0] * 99, variables, gradients)
    with pytest.raises(RuntimeError, match="max_consecutive_skips=100"):
        train(optimizer, [1.0], variables, gradients)


def test_good_steps_in_between_start_the_count_anew():
    optimizer = stepwrap.L4Wrapper("adam", max_consecutive_skips=3)
    train(optimizer, [1.0, np.nan, np.nan, 1.0, np.nan, np.nan, 1.0])
    assert cases.number(optimizer.skipped_steps) == 4


def test_standing_still_is_an_error_when_a_compiled_fit_ends():
    """Also if it went on later; a graph cannot raise."""
    x, y = cases.data()
    y[:16] = np.nan  # the first two of three batches
    network = cases.model(
        stepwrap.L4Wrapper("adam", max_consecutive_skips=2), jit_compile=BACKEND != "torch"
    )
    with pytest.raises(RuntimeError, match="2 times the loss, the gradient"):
        network.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    assert all(np.all(np.isfinite(value)) for value in cases.values(network.weights))


def test_a_monitor_raises_the_error_at_once():
    x, y = cases.data()
    y[:16] = np.nan
    batches = []
    count = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda b, logs: batches.append(b))
    network = cases.model(
        stepwrap.NormalizedOptimizer(stepwrap.L4Wrapper("adam", max_consecutive_skips=2))
    )
    with pytest.raises(RuntimeError, match="2 steps in a row"):
        network.fit(
            x,
            y,
            batch_size=8,
            shuffle=False,
            verbose=0,
            callbacks=[count, stepwrap.callbacks.StepMonitor()],
        )
    assert batches == [0, 1]


# What can be read.


def test_what_can_be_read_before_and_after():
    optimizer = stepwrap.L4Wrapper("sgd")
    names = ("effective_learning_rate", "min_loss", "skipped_steps")
    assert [cases.number(getattr(optimizer, name)) for name in names] == [0, 0, 0]
    variables = train(optimizer, [2.0])
    rate, min_loss, skipped = (getattr(optimizer, name) for name in names)
    assert cases.number(rate) > 0
    assert float(min_loss) == pytest.approx(0.75 * 2 * 1.001)
    assert int(skipped) == 0
    before = float(min_loss)
    train(optimizer, [0.1], variables)
    assert float(min_loss) == before  # a reading is a number, not a view


# Loops of a user's own.


@pytest.mark.parametrize("give_loss", ["scale_loss", "apply"])
@pytest.mark.parametrize(
    "make",
    cases.whole_on(
        "torch",
        {
            "L4Wrapper": lambda: stepwrap.L4Wrapper("adam"),
            "L4Adam": stepwrap.L4Adam,
            "stack": lambda: stepwrap.ClippedOptimizer(
                stepwrap.L4Wrapper(stepwrap.L4Wrapper("sgd"))
            ),
        },
        elsewhere=["L4Adam"],
    ),
)
def test_a_training_loop_is_fit(give_loss, make):
    fitted, looped = cases.model(make()), cases.model(make())
    cases.fit(fitted)
    step = cases.training_loop(looped, keras.losses.MeanSquaredError(), give_loss)
    x, y = cases.data()
    for start in (0, 8, 16):
        step(
            ops.convert_to_tensor(x[start : start + 8]), ops.convert_to_tensor(y[start : start + 8])
        )
    for one, other in zip(cases.state(fitted), cases.state(looped), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_without_a_loss_the_error_shows_both_ways():
    variables = cases.variables()
    optimizer = stepwrap.NormalizedOptimizer(stepwrap.L4Wrapper("adam"))
    before = cases.values(variables)
    with pytest.raises(ValueError) as error:
        optimizer.apply(cases.gradients(variables), variables)
    assert "`loss = optimizer.scale_loss(loss)`" in str(error.value)
    assert "`optimizer.apply(gradients, variables, loss=loss)`" in str(error.value)
    cases.assert_equal(cases.values(variables), before)


def test_a_loss_serves_one_step():
    variables = cases.variables()
    optimizer = stepwrap.L4Wrapper("adam")
    optimizer.apply(cases.gradients(variables), variables, loss=ops.convert_to_tensor(1.0))
    with pytest.raises(ValueError, match="was given none"):
        optimizer.apply(cases.gradients(variables), variables)


@pytest.mark.skipif(BACKEND != "jax", reason="tracers are JAX's")
def test_no_tracer_outlives_its_transformation():
    import jax

    with jax.checking_leaks():
        network = cases.model(stepwrap.NormalizedOptimizer(stepwrap.L4Wrapper("adam")))
        cases.fit(network)


def test_a_plain_number_keeps_its_precision(float64):
    optimizer = stepwrap.L4Wrapper("sgd")
    variables = cases.variables("float64")
    optimizer.apply(cases.gradients(variables), variables, loss=0.1)
    assert cases.number(optimizer.min_loss) == pytest.approx(0.75 * 0.1 * 1.001, rel=1e-15)


@pytest.mark.parametrize(
    "make", [stepwrap.L4Adam, stepwrap.L4Mom, lambda fraction: stepwrap.L4Wrapper("adam", fraction)]
)
def test_a_fraction_that_looks_like_a_learning_rate_is_told(make):
    with pytest.warns(UserWarning, match=r"fraction=0\.001 on L4\w+ is no learning rate") as caught:
        make(1e-3)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(0.01)
        make(0.015)  # a published one


@pytest.mark.parametrize(
    "make",
    [
        lambda: stepwrap.L4Wrapper("adam", 1e-3),
        lambda: stepwrap.L4Adam(1e-3),
        lambda: stepwrap.L4Mom(fraction=1e-3, jit_compile=False),
        lambda: stepwrap.parse("adam | l4(1e-3)"),
        lambda: setattr(stepwrap.Cautious(stepwrap.L4Wrapper("adam")), "learning_rate", 0.1),
    ],
)
def test_warnings_point_to_the_line_of_the_user(make):
    with pytest.warns(UserWarning, match="learning rate") as caught:
        make()
    assert [(one.filename, one.lineno) for one in caught] == [
        (__file__, make.__code__.co_firstlineno)
    ]


@pytest.mark.parametrize("optimizer_class", [stepwrap.L4Adam, stepwrap.L4Mom])
def test_the_arguments_of_the_rule_are_those_of_l4wrapper(optimizer_class):
    """In their order, by position and by name, with its defaults."""
    of_wrapper = list(inspect.signature(stepwrap.L4Wrapper).parameters.values())[1:]
    parameters = inspect.signature(optimizer_class).parameters
    own = [name for name in parameters if name in ("square_time_scale", "adam_epsilon")]
    assert [one for name, one in parameters.items() if name not in own] == of_wrapper
    names = [one.name for one in of_wrapper]
    assert list(parameters) == [*names[:6], *own, *names[6:]]
    optimizer = optimizer_class(0.2, 0.8, 0.7, 500.0, 1e-9, 20.0, *(2.0 for _ in own), -1.0)
    given = {"fraction": 0.2, "gradient_time_scale": 20.0, "loss_floor": -1.0}
    given |= dict.fromkeys(own, 2.0)
    assert {name: getattr(optimizer, name) for name in given} == given
    message = rf"{optimizer_class.__name__}\.__init__\(\): too many positional arguments"
    with pytest.raises(TypeError, match=message):
        optimizer_class(*(1 for _ in parameters))


@pytest.mark.parametrize(
    "around",
    [
        lambda optimizer: optimizer,
        lambda optimizer: stepwrap.OptimizerWrapper(stepwrap.ClippedOptimizer(optimizer)),
        stepwrap.LossScaleOptimizer,
    ],
    ids=["alone", "two wrappers", "a loss scaler"],
)
def test_a_learning_rate_that_is_set_does_nothing_and_is_told_once(around):
    l4 = stepwrap.L4Wrapper("adam")
    optimizer = around(l4)
    with pytest.warns(UserWarning, match="Setting the learning rate of L4Wrapper") as caught:
        optimizer.learning_rate = 0.5
        optimizer.learning_rate = 0.25
    assert len(caught) == 1
    assert cases.number(l4.inner_optimizer.learning_rate) == 0.25


@pytest.mark.parametrize(
    "callback",
    [
        lambda: keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
        lambda: keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9),
    ],
    ids=["LearningRateScheduler", "ReduceLROnPlateau"],
)
def test_a_callback_of_the_learning_rate_is_told_once(callback):
    network = cases.model(stepwrap.L4Adam(), jit_compile=False, run_eagerly=True)
    with pytest.warns(UserWarning, match="Setting the learning rate of L4Adam") as caught:
        cases.fit(network, epochs=3, callbacks=[callback()])
    assert len([one for one in caught if "learning rate of" in str(one.message)]) == 1


def test_apply_gradients_takes_a_loss_too():
    one, other = stepwrap.L4Wrapper("adam"), stepwrap.L4Wrapper("adam")
    variables, others = cases.variables(), cases.variables()
    loss = ops.convert_to_tensor(1.0)
    one.apply(cases.gradients(variables), variables, loss=loss)
    other.apply_gradients(zip(cases.gradients(others), others, strict=True), loss=loss)
    cases.assert_equal(cases.values(variables), cases.values(others))


# Bad input.


@pytest.mark.parametrize(
    "argument, values",
    [
        ("fraction", [0, -0.1, 1.5, np.nan]),
        ("minloss_factor", [-0.1, 1.1, np.inf]),
        ("init_factor", [0, -1, 1.01]),
        ("minloss_forget_time", [0, 0.5, -3, np.inf]),
        ("gradient_time_scale", [0.9, -1]),
        ("epsilon", [-1e-12, np.nan]),
        ("loss_floor", [np.nan, -np.inf]),
        ("max_learning_rate", [0, -1.0, np.nan]),
        ("max_consecutive_skips", [0, -1]),
        ("square_time_scale", [0.5]),
        ("adam_epsilon", [-1e-4]),
    ],
)
def test_arguments_out_of_range(argument, values):
    for value in values:
        for optimizer_class, inner in (
            (stepwrap.L4Wrapper, ["adam"]),
            (stepwrap.L4Adam, []),
            (stepwrap.L4Mom, []),
        ):
            if argument in ("square_time_scale", "adam_epsilon") and inner != []:
                continue
            if argument in ("square_time_scale", "adam_epsilon") and (
                optimizer_class is stepwrap.L4Mom
            ):
                continue
            with pytest.raises(ValueError) as error:
                optimizer_class(*inner, **{argument: value})
            assert f"`{argument}` must be" in str(error.value)
            assert f"{argument}={value!r}" in str(error.value)


@pytest.mark.parametrize("argument", ["fraction", "max_learning_rate", "max_consecutive_skips"])
@pytest.mark.parametrize("value", ["0.1", True, [0.1]])
def test_arguments_of_the_wrong_type(argument, value):
    with pytest.raises(TypeError, match=f"`{argument}` must be"):
        stepwrap.L4Wrapper("adam", **{argument: value})


@pytest.mark.parametrize("give", ["scale_loss", "apply"])
def test_a_loss_that_is_no_scalar(give):
    variables = cases.variables()
    optimizer = stepwrap.L4Wrapper("adam")
    loss = ops.ones((8, 1))
    with pytest.raises(ValueError, match=r"must be a scalar.* shape \(8, 1\).*keras.ops.mean"):
        if give == "scale_loss":
            optimizer.scale_loss(loss)
        else:
            optimizer.apply(cases.gradients(variables), variables, loss=loss)


@pytest.mark.parametrize("around", [lambda inner: inner, stepwrap.NormalizedOptimizer])
def test_use_ema_inside_is_refused(around):
    inner = keras.optimizers.Adam(use_ema=True)
    with pytest.raises(ValueError, match=r"`use_ema=True` on Adam .*L4Wrapper.*Leave it out"):
        stepwrap.L4Wrapper(around(inner))


def test_use_ema_in_a_part_of_a_multi_optimizer_is_refused():
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    parts = keras.optimizers.OptimizerMap(keras.optimizers.Adam(use_ema=True))
    with pytest.raises(ValueError, match="`use_ema=True` on Adam"):
        stepwrap.L4Wrapper(keras.optimizers.MultiOptimizer(parts)).build(cases.variables())


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: keras.optimizers.Adam(loss_scale_factor=8.0), "`loss_scale_factor=8.0` on Adam"),
        (
            lambda: keras.optimizers.Adam(gradient_accumulation_steps=4),
            "`gradient_accumulation_steps=4` on Adam",
        ),
        (
            lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
            "must not be a LossScaleOptimizer",
        ),
    ],
)
def test_what_would_scale_or_split_the_gradients_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        stepwrap.L4Wrapper(make())
