"""Lookahead against its formula, and what it leaves alone."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND, BASE_OPTIMIZERS
from stepwrap.wrappers import Lookahead

EAGER = dict(jit_compile=False, run_eagerly=True)

has_multi_optimizer = pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)

# The formulas, in NumPy. All numbers are sums of few powers of 2, which float32 holds, for
# Keras' optimizers take theirs through it.


class Momentum:
    make = staticmethod(lambda: keras.optimizers.SGD(0.125, momentum=0.75))
    first_state = (0.0,)

    @staticmethod
    def step(w, state, g, t):
        velocity = 0.75 * state[0] - 0.125 * g
        return w + velocity, [velocity]


class Adam:
    make = staticmethod(
        lambda: keras.optimizers.Adam(0.125, beta_1=0.75, beta_2=0.875, epsilon=2**-10)
    )
    first_state = (0.0, 0.0)

    @staticmethod
    def step(w, state, g, t):
        m = 0.75 * state[0] + 0.25 * g
        v = 0.875 * state[1] + 0.125 * g**2
        rate = 0.125 * np.sqrt(1 - 0.875**t) / (1 - 0.75**t)
        return w - rate * m / (np.sqrt(v) + 2**-10), [m, v]


class Adagrad:
    make = staticmethod(
        lambda: keras.optimizers.Adagrad(0.5, initial_accumulator_value=0.25, epsilon=2**-10)
    )
    first_state = (0.25,)

    @staticmethod
    def step(w, state, g, t):
        total = state[0] + g**2
        return w - 0.5 * g / np.sqrt(total + 2**-10), [total]


def lookahead(inner, w, targets, period, size, slow_state):
    """Weights and slow weights after a step towards each target."""
    first = [np.full_like(w, value) for value in inner.first_state]
    state, slow, slow_inner_state = first, w, first
    for t, target in enumerate(targets, start=1):
        w, state = inner.step(w, state, w - target, t)
        if t % period == 0:
            slow = slow + size * (w - slow)
            w = slow
            if slow_state == "reset":
                state = first
            if slow_state == "pullback":
                slow_inner_state = [
                    old + size * (new - old)
                    for old, new in zip(slow_inner_state, state, strict=True)
                ]
                state = slow_inner_state
    return w, slow


def targets(variables, steps):
    random = np.random.default_rng(17)
    return [[random.normal(size=v.shape).astype(v.dtype) for v in variables] for _ in range(steps)]


def step_towards(optimizer, variables, target):
    gradients = [v - goal for v, goal in zip(variables, target, strict=True)]
    cases.apply(optimizer, gradients, variables)


@pytest.mark.parametrize("slow_state", ["keep", "reset", "pullback"])
@pytest.mark.parametrize("inner", [Momentum, Adam, Adagrad])
def test_fifty_steps_are_those_of_the_formula(inner, slow_state, float64):
    variables = cases.variables("float64")[:2]
    start, goals = cases.values(variables), targets(variables, 50)
    optimizer = Lookahead(inner.make(), 4, 0.8, slow_state)
    for goal in goals:
        step_towards(optimizer, variables, goal)
    slow = optimizer.averages_of(variables)
    for place, w in enumerate(start):
        own_goals = [goal[place] for goal in goals]
        expected = lookahead(inner, w, own_goals, 4, 0.8, slow_state)
        actual = cases.values([variables[place], slow[place]])
        np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-13)


def test_weights_are_the_slow_weights_after_a_synchronisation_and_only_then():
    variables = cases.variables()
    optimizer = Lookahead("adam", sync_period=3)
    optimizer.build(variables)
    slow = optimizer.averages_of(variables)
    cases.assert_equal(cases.values(slow), cases.values(variables))
    for t in range(1, 7):
        before = cases.values(slow)
        cases.apply(optimizer, cases.gradients(variables, t), variables)
        if t % 3 == 0:
            cases.assert_equal(cases.values(slow), cases.values(variables))
        else:
            cases.assert_equal(cases.values(slow), before)
            assert all(np.all(a != b) for a, b in zip(before, cases.values(variables), strict=True))


def test_a_slow_step_of_size_1_changes_nothing():
    variables, others = cases.variables(), cases.variables()
    optimizer, bare = Lookahead("adam", 2, 1), keras.optimizers.Adam()
    for seed in range(5):
        cases.apply(optimizer, cases.gradients(variables, seed), variables)
        cases.apply(bare, cases.gradients(others, seed), others)
    cases.assert_equal(cases.values(variables), cases.values(others))


@pytest.mark.skipif(BACKEND == "torch", reason="torch compiles nothing by default")
@pytest.mark.parametrize("has_input", [pytest.param(True, marks=pytest.mark.long), False])
def test_compiled_it_is_as_eager(has_input):
    """Without an Input there are no weights yet when TensorFlow builds the optimizer."""

    def trained(**mode):
        cases.seed(3)
        layers = [keras.layers.Dense(5, "tanh"), keras.layers.Dense(1)]
        network = keras.Sequential([keras.Input((4,)), *layers] if has_input else layers)
        network.compile(Lookahead("adam", 2, slow_state="pullback"), loss="mse", **mode)
        cases.fit(network, epochs=2)
        return cases.state(network)

    for one, other in zip(trained(jit_compile=True), trained(**EAGER), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def test_resumes_bit_exact_in_the_middle_of_a_period(tmp_path):
    def network():
        return cases.model(Lookahead("adam", 2, slow_state="pullback"), **EAGER)

    uninterrupted, interrupted = network(), network()
    cases.fit(uninterrupted, epochs=2)
    cases.fit(interrupted)  # three steps
    interrupted.save(tmp_path / "model.keras")
    resumed = keras.models.load_model(tmp_path / "model.keras")
    resumed.run_eagerly = True
    cases.fit(resumed)
    cases.assert_equal(cases.state(resumed), cases.state(uninterrupted))


@pytest.mark.skipif(BACKEND == "jax", reason="there Keras' optimizers train all or none")
def test_a_layer_frozen_later_keeps_its_weights():
    network = cases.model(Lookahead("adam", 2), **EAGER)
    cases.fit(network)  # three steps: the weights are not the slow ones
    hidden = network.get_layer("hidden")
    hidden.trainable = False
    network.compile(network.optimizer, "mse", **EAGER)
    frozen, free = cases.values(hidden.weights), cases.values(network.get_layer("out").weights)
    cases.fit(network)
    cases.assert_equal(cases.values(hidden.weights), frozen)
    changed = cases.values(network.get_layer("out").weights)
    assert all(np.any(new != old) for new, old in zip(changed, free, strict=True))


def test_a_weight_that_is_not_finite_becomes_its_slow_weight():
    variables = cases.variables()
    start = cases.values(variables)
    optimizer = Lookahead(keras.optimizers.SGD(0.5), 1)
    gradients = [np.ones(v.shape, "float32") for v in variables]
    gradients[0][1, 2] = np.nan
    gradients[1][0] = np.inf
    optimizer.apply([ops.convert_to_tensor(gradient) for gradient in gradients], variables)
    expected = [value - np.float32(0.25) for value in start]
    expected[0][1, 2], expected[1][0] = start[0][1, 2], start[1][0]
    for group in (variables, optimizer.averages_of(variables)):
        for actual, value in zip(cases.values(group), expected, strict=True):
            np.testing.assert_allclose(actual, value, rtol=1e-6)


# What of the state counts.


def after_a_synchronisation(inner, slow_state):
    """The optimizer, built, and its inner variables when built and after a synchronisation."""
    variables = cases.variables()
    optimizer = Lookahead(inner, 3, slow_state=slow_state)
    optimizer.build(variables)
    before = cases.values(optimizer.inner_optimizer.variables)
    for seed in range(3):
        cases.apply(optimizer, cases.gradients(variables, seed), variables)
    return optimizer, before, cases.values(optimizer.inner_optimizer.variables)


def changed(before, after):
    return [np.any(old != new) for old, new in zip(before, after, strict=True)]


def test_reset_starts_the_state_anew_but_no_counter_and_no_learning_rate():
    """A scalar's state, which could as well be a learning rate, stays too."""
    _, before, after = after_a_synchronisation("adam", "reset")
    shapes = [value.shape for value in before[2:]]
    assert changed(before, after)[:2] == [True, False]  # iterations, the learning rate
    assert changed(before[2:], after[2:]) == [shape == () for shape in shapes]


def test_an_inner_wrapper_keeps_its_state():
    optimizer, before, after = after_a_synchronisation(
        cases.AveragedGradient(keras.optimizers.SGD(momentum=0.5)), "reset"
    )
    own = len(optimizer.inner_optimizer.own_variables)
    assert all(changed(before[:own], after[:own]))
    momenta = after[own + 2 : own + 4]
    assert all(np.all(value == 0) for value in momenta)


@pytest.mark.parametrize("slow_state", ["reset", "pullback"])
def test_the_averages_of_use_ema_are_no_state_of_this_kind(slow_state):
    def averages(wrap):
        optimizer, variables = wrap(keras.optimizers.SGD(use_ema=True)), cases.variables()
        for seed in range(3):
            cases.apply(optimizer, cases.gradients(variables, seed), variables)
        optimizer.finalize_variable_values(variables)
        return cases.values(variables)

    wrapped = averages(lambda inner: Lookahead(inner, 3, slow_state=slow_state))
    cases.assert_equal(wrapped, averages(lambda inner: inner))


@has_multi_optimizer
def test_around_and_inside_a_multi_optimizer_it_is_the_same():
    """The state of each part goes back."""

    def trained(around, inside):
        parts = keras.optimizers.OptimizerMap(inside(keras.optimizers.SGD(0.1, momentum=0.9)))
        parts["bias"] = inside(keras.optimizers.Adam(0.1))
        optimizer = around(keras.optimizers.MultiOptimizer(parts))
        variables = cases.variables()
        for seed in range(4):
            cases.apply(optimizer, cases.gradients(variables, seed), variables)
        return cases.values(variables)

    def wrap(inner):
        return Lookahead(inner, 2, slow_state="pullback")

    def leave(inner):
        return inner

    cases.assert_equal(trained(wrap, leave), trained(leave, wrap))


@pytest.mark.skipif(
    "ScheduleFreeAdamW" not in BASE_OPTIMIZERS, reason="this Keras has no ScheduleFreeAdamW"
)
def test_reset_refuses_an_optimizer_that_keeps_weights_in_its_state():
    base = keras.optimizers.ScheduleFreeAdamW
    with pytest.raises(ValueError, match=r"`slow_state='reset'` .* ScheduleFreeAdamW .*'pullback'"):
        Lookahead(stepwrap.NormalizedOptimizer(base()), slow_state="reset")
    chosen_later = keras.optimizers.MultiOptimizer(lambda variable: base())
    with pytest.raises(ValueError, match=r"`slow_state='reset'` .* ScheduleFreeAdamW"):
        Lookahead(chosen_later, slow_state="reset").build(cases.variables())
    after_a_synchronisation(base(), "pullback")


# The end of fit.


@pytest.mark.parametrize("end_on_slow_weights", [False, True])
def test_fit_ends_on_the_slow_weights_if_asked_to(end_on_slow_weights):
    network = cases.model(Lookahead("adam", 2, end_on_slow_weights=end_on_slow_weights))
    for _ in range(2):  # three steps, and three more
        cases.fit(network)
        if not end_on_slow_weights:
            break
    slow = cases.values(network.optimizer.averages_of(network.trainable_variables))
    same = [np.all(a == b) for a, b in zip(slow, cases.values(network.weights), strict=True)]
    assert all(same) if end_on_slow_weights else not any(same)


@pytest.mark.long
@pytest.mark.skipif(BACKEND != "tensorflow", reason="replicas are TensorFlow's")
def test_two_replicas_do_what_one_does():
    import mirrored

    networks = [
        mirrored.trained(lambda: Lookahead("adam", 2, slow_state="pullback"), replicas, steps=5)
        for replicas in (1, 2)
    ]
    for one, other in zip(*map(cases.state, networks), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "argument, value, error",
    [
        ("sync_period", 0, ValueError),
        ("sync_period", 2.0, TypeError),
        ("slow_step_size", 0, ValueError),
        ("slow_step_size", 1.5, ValueError),
        ("slow_step_size", "half", TypeError),
        ("slow_state", "pull", ValueError),
        ("slow_state", None, TypeError),
        ("end_on_slow_weights", 1, TypeError),
    ],
)
def test_bad_input_names_the_argument(argument, value, error):
    with pytest.raises(error, match=f"`{argument}` must be"):
        Lookahead("adam", **{argument: value})


@pytest.mark.parametrize("wrap", [stepwrap.L4Wrapper, cases.HalvedStep], ids=["l4", "user_steps"])
def test_it_stands_outside_of_wrappers_that_take_steps(wrap):
    with pytest.raises(ValueError, match=r"must stand outside. Write `Lookahead\("):
        wrap(Lookahead("adam"))
    Lookahead(wrap("adam"))
