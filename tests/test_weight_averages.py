"""MovingAverage and StochasticWeightAverage against TensorFlow Addons' formulas."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND
from references import weights as formulas
from stepwrap.wrappers import Lookahead, MovingAverage, StochasticWeightAverage

EAGER = dict(jit_compile=False, run_eagerly=True)

WRAPPERS = {
    "lookahead": lambda inner: Lookahead(inner, 1),
    "moving_average": lambda inner: MovingAverage(inner, 0.5),
    "stochastic_weight_average": lambda inner: StochasticWeightAverage(inner, 0, 2),
}
each = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
AVERAGES = {name: wrap for name, wrap in WRAPPERS.items() if name != "lookahead"}
each_average = pytest.mark.parametrize("wrap", AVERAGES.values(), ids=AVERAGES)


def averages_after_each(formula, first, trajectory):
    """The averages of one variable, by the formula, over the weights after each step."""
    formula.start(None, [first])
    for weight in trajectory:
        formula.enter([weight])
        yield formula.averages[0]


def fifty_steps(optimizer):
    """The first weights, then weights and averages after each step, for each variable."""
    variables = cases.variables("float64")
    optimizer.build(variables)
    first, weights, averages = cases.values(variables), [], []
    for seed in range(50):
        cases.apply(optimizer, cases.gradients(variables, seed), variables)
        weights.append(cases.values(variables))
        averages.append(cases.values(optimizer.averages_of(variables)))
    return zip(first, zip(*weights, strict=True), zip(*averages, strict=True), strict=True)


def assert_averages(optimizer, make_formula, *arguments):
    for first, weights, averages in fifty_steps(optimizer):
        expected = list(averages_after_each(make_formula(*arguments), first, weights))
        np.testing.assert_allclose(averages, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    "arguments",
    cases.whole_on(
        "torch",
        {
            f"{decay}-{start}-{dynamic}": (decay, start, dynamic)
            for decay in (0, 0.7, 0.99)
            for start in (0, 7)
            for dynamic in (False, True)
        },
        elsewhere=["0.99-0-False", "0.7-7-True"],
    ),
)
def test_fifty_moving_averages(arguments, float64):
    optimizer = MovingAverage(keras.optimizers.SGD(0.1), *arguments)
    assert_averages(optimizer, formulas.MovingAverage, *arguments)


@pytest.mark.parametrize(
    "arguments",
    cases.whole_on(
        "torch",
        {f"{start}-{period}": (start, period) for start in (0, 7) for period in (1, 10)},
        elsewhere=["7-10"],
    ),
)
def test_fifty_stochastic_weight_averages(arguments, float64):
    optimizer = StochasticWeightAverage(keras.optimizers.SGD(0.1), *arguments)
    assert_averages(optimizer, formulas.StochasticWeightAverage, *arguments)


def test_arguments_are_those_of_tensorflow_addons():
    moving, stochastic = MovingAverage("sgd").get_config(), StochasticWeightAverage("sgd")
    assert (moving["average_decay"], moving["start_step"], moving["dynamic_decay"]) == (
        0.99,
        0,
        False,
    )
    assert (stochastic.start_averaging, stochastic.average_period) == (0, 10)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MovingAverage("sgd", 0.9, start_step=100),
        lambda: StochasticWeightAverage("sgd", start_averaging=100),
    ],
    ids=AVERAGES,
)
def test_training_that_ends_before_the_average_starts_keeps_its_weights(make):
    variables, optimizer = cases.variables(), make()
    for seed in range(2):
        cases.apply(optimizer, cases.gradients(variables, seed), variables)
    trained = cases.values(variables)
    optimizer.finalize_variable_values(variables)
    cases.assert_equal(cases.values(variables), trained)


@each
def test_averages_start_at_the_weights(wrap):
    variables, optimizer = cases.variables(), wrap("sgd")
    optimizer.build(variables)
    cases.assert_equal(cases.values(optimizer.averages_of(variables)), cases.values(variables))


@each
@pytest.mark.parametrize(
    "scaler", [keras.optimizers.LossScaleOptimizer, stepwrap.LossScaleOptimizer]
)
def test_first_steps_that_a_loss_scaler_skips_leave_the_averages_at_the_first_weights(wrap, scaler):
    variables = cases.variables()
    start = cases.values(variables)
    optimizer = wrap("sgd")
    scaled = scaler(optimizer, initial_scale=1.0)
    scaled.build(variables)
    infinite = [ops.full(v.shape, np.inf, "float32") for v in variables]
    for _ in range(3):
        step(scaled, infinite, variables)
    own = optimizer._averages.of(variables)  # whatever `averages_of` says before a snapshot
    cases.assert_equal(cases.values([*variables, *own]), [*start, *start])
    step(scaled, cases.gradients(variables), variables)
    assert all(np.all(new != old) for new, old in zip(cases.values(own), start, strict=True))


def step(optimizer, gradients, variables):
    """A step of Keras' loss scaler, which on JAX has the stateless form alone."""
    if BACKEND != "jax":
        optimizer.apply(gradients, variables)
        return
    state = [variable.value for variable in optimizer.variables]
    weights = [variable.value for variable in variables]
    weights, state = optimizer.stateless_apply(state, gradients, weights)
    for variable, value in zip([*variables, *optimizer.variables], [*weights, *state], strict=True):
        variable.assign(value)


@each_average
def test_a_weight_that_is_not_finite_leaves_its_average(wrap):
    variables, others = cases.variables(), cases.variables()
    optimizer, undisturbed = wrap(keras.optimizers.SGD(0.5)), wrap(keras.optimizers.SGD(0.5))
    for seed in range(2):
        gradients = cases.values(cases.gradients(variables, seed))
        undisturbed.apply([ops.convert_to_tensor(g) for g in gradients], others)
        if seed == 1:
            gradients[0][1, 2], gradients[1][0] = np.nan, np.inf
        optimizer.apply([ops.convert_to_tensor(g) for g in gradients], variables)
        if seed == 0:
            before = cases.values(optimizer.averages_of(variables))
    expected = cases.values(undisturbed.averages_of(others))
    expected[0][1, 2], expected[1][0] = before[0][1, 2], before[1][0]
    cases.assert_equal(cases.values(optimizer.averages_of(variables)), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_factors_near_one_are_not_lost_in_16_bits(dtype):
    """0.9999 is 1 there, and an average that decays by 1 stands still."""
    [kernel, *_] = cases.variables(dtype)
    optimizer = MovingAverage(keras.optimizers.SGD(64.0), 0.9999)
    optimizer.build([kernel])
    [before] = cases.values(optimizer.averages_of([kernel]))
    optimizer.apply([ops.full(kernel.shape, 512.0, dtype)], [kernel])
    [after] = cases.values(optimizer.averages_of([kernel]))
    assert np.all(after.astype("float32") < before.astype("float32"))


# Fit.


@each_average
def test_fit_ends_on_the_averages_and_the_next_goes_on_from_them(wrap):
    network = cases.model(wrap("adam"))
    weights = []
    for _ in range(2):
        cases.fit(network)
        averages = network.optimizer.averages_of(network.trainable_variables)
        weights.append(cases.values(network.weights))
        cases.assert_equal(weights[-1], cases.values(averages))
    assert all(np.any(one != two) for one, two in zip(*weights, strict=True))


@each_average
@pytest.mark.skipif(BACKEND == "torch", reason="torch compiles nothing by default")
def test_compiled_it_is_as_eager(wrap):
    """Without an Input there are no weights yet when TensorFlow builds the optimizer."""

    def trained(**mode):
        cases.seed(3)
        network = keras.Sequential([keras.layers.Dense(5, "tanh"), keras.layers.Dense(1)])
        network.compile(wrap("adam"), loss="mse", **mode)
        cases.fit(network)
        return cases.state(network)

    for one, other in zip(trained(jit_compile=True), trained(**EAGER), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@each_average
def test_resumes_bit_exact_in_the_middle_of_a_period(wrap, tmp_path):
    class WithoutTheEnd(keras.callbacks.Callback):
        """Interrupts `fit` before it assigns the averages."""

        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                self.model.save(tmp_path / "model.keras")

    x, y = cases.data()
    uninterrupted = cases.model(wrap("adam"), **EAGER)
    cases.fit(uninterrupted, callbacks=[WithoutTheEnd()])
    resumed = keras.models.load_model(tmp_path / "model.keras")
    resumed.run_eagerly = True
    resumed.fit(x[16:], y[16:], batch_size=8, shuffle=False, verbose=0)
    cases.assert_equal(cases.state(resumed), cases.state(uninterrupted))


@pytest.mark.skipif(BACKEND == "jax", reason="there Keras' optimizers train all or none")
@each_average
def test_a_layer_frozen_later_keeps_its_weights(wrap):
    network = cases.model(wrap("adam"), **EAGER)
    x, y = cases.data()
    network.train_on_batch(x, y)  # without the end of fit: these are no averages
    hidden = network.get_layer("hidden")
    hidden.trainable = False
    network.compile(network.optimizer, "mse", **EAGER)
    frozen = cases.values(hidden.weights)
    cases.fit(network)
    cases.assert_equal(cases.values(hidden.weights), frozen)


def test_the_outer_of_two_averages_has_the_last_word():
    variables = cases.variables()
    inner = Lookahead("sgd", 3, end_on_slow_weights=True)
    optimizer = MovingAverage(inner)
    for seed in range(2):
        cases.apply(optimizer, cases.gradients(variables, seed), variables)
    averages = cases.values(optimizer.averages_of(variables))
    optimizer.finalize_variable_values(variables)
    cases.assert_equal(cases.values(variables), averages)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="replicas are TensorFlow's")
@pytest.mark.parametrize("wrap", cases.values_long(AVERAGES, ["moving_average"]))
def test_two_replicas_do_what_one_does(wrap):
    import mirrored

    networks = [mirrored.trained(lambda: wrap("adam"), replicas, steps=3) for replicas in (1, 2)]
    for one, other in zip(*map(cases.state, networks), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "wrapper, argument, value, error",
    [
        (MovingAverage, "average_decay", 1, ValueError),
        (MovingAverage, "average_decay", -0.1, ValueError),
        (MovingAverage, "average_decay", "0.9", TypeError),
        (MovingAverage, "start_step", -1, ValueError),
        (MovingAverage, "start_step", 1.5, TypeError),
        (MovingAverage, "dynamic_decay", 1, TypeError),
        (StochasticWeightAverage, "start_averaging", -1, ValueError),
        (StochasticWeightAverage, "start_averaging", True, TypeError),
        (StochasticWeightAverage, "average_period", 0, ValueError),
        (StochasticWeightAverage, "average_period", None, TypeError),
    ],
)
def test_bad_input_names_the_argument(wrapper, argument, value, error):
    with pytest.raises(error, match=f"`{argument}` must be"):
        wrapper("adam", **{argument: value})
