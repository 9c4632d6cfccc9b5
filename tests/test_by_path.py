"""Steps scaled by path: LearningRateMultipliers, Freeze and WarmUp."""

import functools
import itertools

import keras
import numpy as np
import pytest
from keras import ops
from keras.optimizers import schedules

import cases
import stepwrap
from cases import BACKEND
from stepwrap import Freeze, LearningRateMultipliers, WarmUp
from stepwrap.core import stack

DECAY = 0.125  # far more than anybody would use, to be seen
AdamW = functools.partial(keras.optimizers.AdamW, 2.0**-5, weight_decay=DECAY)
MODES = cases.values_long({"eager": False, "compiled": True}, ["eager", "compiled"])


def trained(optimizer, steps=4, compiled=False, constraint=None):
    """The weights before training and after each step."""
    variables = cases.variables(constraint=constraint)
    optimizer.build(variables)
    seen = [cases.values(variables)]
    step = _compiled_step(optimizer, variables) if compiled else optimizer.apply
    for number in range(steps):
        step(cases.gradients(variables, seed=number), variables)
        seen.append(cases.values(variables))
    return seen


def _compiled_step(optimizer, variables):
    if BACKEND == "torch":
        pytest.skip("torch compiles nothing by default")
    if BACKEND == "tensorflow":
        apply = cases.compiled(lambda gradients: optimizer.apply(gradients, variables))
        return lambda gradients, variables: apply(gradients)
    update = cases.compiled(optimizer.stateless_apply)

    def step(gradients, variables):
        state = optimizer.variables
        new = update([one.value for one in state], gradients, [one.value for one in variables])
        for variable, value in zip([*variables, *state], [*new[0], *new[1]], strict=True):
            variable.assign(value)

    return step


def assert_close(actual, expected, tolerance=1e-6):
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def moved(before, after):
    """For each variable whether a bit of it has changed."""
    return [one.tobytes() != other.tobytes() for one, other in zip(before, after, strict=True)]


# Multipliers.


def test_the_first_pattern_that_matches_wins():
    multipliers = {"^ker": 0.5, "kernel|bias": 0.25}
    optimizer = LearningRateMultipliers(keras.optimizers.SGD(0.5), multipliers, default=2)
    before, after = trained(optimizer, steps=1)
    gradients = cases.values(cases.gradients(cases.variables(), seed=0))
    expected = [
        weight - 0.5 * m * gradient
        for weight, m, gradient in zip(before, [0.5, 0.25, 2], gradients, strict=True)
    ]
    assert_close(after, expected)


@pytest.mark.parametrize("compiled", MODES)
def test_a_multiplier_of_0_leaves_the_variable_bit_for_bit(compiled):
    """Without decay or constraint; one of 1 leaves the step."""
    wrapped = LearningRateMultipliers(AdamW(), {"kernel": 0, "bias": 1.0})
    seen = trained(wrapped, constraint=Halves(), compiled=compiled)
    cases.assert_equal([seen[-1][0]], [seen[0][0]])
    if not compiled:
        bare = trained(stepwrap.StepClipping(AdamW(), max_norm=1e9), constraint=Halves())
        cases.assert_equal(seen[-1][1:], bare[-1][1:])


class Halves(keras.constraints.Constraint):
    """What moves every weight."""

    def __call__(self, w):
        return w / 2


@pytest.mark.parametrize("compiled", MODES)
def test_a_schedule_is_of_the_steps_that_were_made(compiled):
    """At 0 it leaves the variable bit for bit, too; the decay is scaled with the step."""
    schedule = schedules.PiecewiseConstantDecay([0, 2], [0.5, 0.0, 0.25])
    optimizer = LearningRateMultipliers(AdamW(), {"kernel": schedule})
    seen = trained(optimizer, constraint=Halves(), compiled=compiled)
    [kernels] = zip(*(one[:1] for one in seen), strict=True)
    assert [one.tobytes() != other.tobytes() for one, other in itertools.pairwise(kernels)] == [
        True,
        False,
        False,
        True,
    ]
    constant = LearningRateMultipliers(AdamW(), {"kernel": 0.5})
    assert_close(seen[1], trained(constant, 1, constraint=Halves())[1])


def test_a_gradient_that_is_not_finite_does_not_reach_what_stays():
    variables = cases.variables()
    schedule = schedules.PiecewiseConstantDecay([5], [0.0, 1.0])
    wrappers = [LearningRateMultipliers("sgd", {"": 0.0}), Freeze("sgd", {"": 3})]
    for optimizer in [*wrappers, LearningRateMultipliers("sgd", {"": schedule})]:
        before = cases.values(variables)
        optimizer.apply([one * np.nan for one in cases.gradients(variables)], variables)
        cases.assert_equal(cases.values(variables), before)


def test_multipliers_around_multipliers_multiply():
    """The decay's, too."""
    twice = LearningRateMultipliers(LearningRateMultipliers(AdamW(), {"kernel": 0.5}), {"": 0.25})
    once = LearningRateMultipliers(AdamW(), {"kernel": 0.125}, default=0.25)
    assert_close(trained(twice)[-1], trained(once)[-1])


def test_an_optimizer_that_is_used_without_the_wrapper_decays_as_ever():
    """What multiplies its decay does so in the wrapper's step alone."""
    inner = keras.optimizers.SGD(0.5, weight_decay=DECAY)
    variables = cases.variables()
    LearningRateMultipliers(inner, {"": 0.0}).apply(cases.gradients(variables), variables)
    inner.apply(cases.gradients(variables), variables)
    _, after = trained(keras.optimizers.SGD(0.5, weight_decay=DECAY), steps=1)
    cases.assert_equal(cases.values(variables), after)


@pytest.mark.skipif(not hasattr(keras.optimizers, "MultiOptimizer"), reason="not in this Keras")
def test_around_a_multi_optimizer():
    """Each part decays at its own rate, times the multiplier."""

    def parts():
        others = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.5, weight_decay=DECAY))
        others["bias"] = keras.optimizers.SGD(0.25, weight_decay=2 * DECAY)
        return keras.optimizers.MultiOptimizer(others)

    optimizer = LearningRateMultipliers(parts(), {"": 0.5})
    before, after = trained(optimizer, steps=1)
    gradients = cases.values(cases.gradients(cases.variables(), seed=0))
    rates, decays = np.array([0.5, 0.25, 0.5]) / 2, np.array([1, 2, 1]) * DECAY
    expected = [
        w - rate * decay * w - rate * g
        for w, g, rate, decay in zip(before, gradients, rates, decays, strict=True)
    ]
    assert_close(after, expected)


@pytest.mark.skipif(not hasattr(keras.optimizers, "Muon"), reason="not in this Keras")
def test_both_decays_of_muon():
    def muon(**rates):
        return keras.optimizers.Muon(0.5, **rates)

    none = dict(weight_decay=0.0, adam_weight_decay=0.0)
    both = dict(weight_decay=DECAY, adam_weight_decay=DECAY / 2)
    make = functools.partial(LearningRateMultipliers, multipliers={"": 0.5})
    weights, with_decay = trained(make(muon(**both)), steps=1)
    _, without = trained(make(muon(**none)), steps=1)
    decayed = [one - other for one, other in zip(with_decay, without, strict=True)]
    parts = [DECAY, DECAY / 2, DECAY / 2]  # Adam's for variables of less than two axes
    assert_close(decayed, [-0.25 * part * w for part, w in zip(parts, weights, strict=True)])


def test_weight_decay_may_be_set_and_left_out_as_ever():
    """`exclude_from_weight_decay` is the inner optimizer's; its rate may be set at any time."""
    inner = keras.optimizers.SGD(0.5)
    optimizer = LearningRateMultipliers(inner, {"": 0.5})
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.weight_decay = DECAY
    before, after = trained(optimizer, steps=1)
    gradients = cases.values(cases.gradients(cases.variables(), seed=0))
    decays = [DECAY, 0, DECAY]
    assert_close(
        after,
        [
            w - 0.25 * decay * w - 0.25 * g
            for w, g, decay in zip(before, gradients, decays, strict=True)
        ],
    )


def test_a_schedule_is_saved():
    """In the config; a text has numbers only."""
    schedule = schedules.CosineDecay(1.0, 100)
    optimizer = LearningRateMultipliers("adam", {"kernel": schedule, "bias": 0.5}, default=schedule)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert copy.get_config() == optimizer.get_config()
    assert list(copy.multipliers) == ["kernel", "bias"]
    assert isinstance(copy.multipliers["kernel"], schedules.CosineDecay)
    assert trained(copy, 2)[-1][0].tobytes() == trained(optimizer, 2)[-1][0].tobytes()
    assert stepwrap.describe(optimizer) is None


@pytest.mark.parametrize(
    "text",
    [
        "adam | learning_rate_multipliers(multipliers={'^a/': 0.5, 'b\\\\.c': 0.0}, default=0.1)",
        "adam | freeze(until={'^a/': 100, 'b': None}, slots='hold')",
        "adam | warm_up(steps=100, start=0.5)",
    ],
)
def test_texts(text):
    assert stepwrap.describe(stepwrap.parse(text)) == text


def test_the_order_of_the_patterns_is_saved(tmp_path):
    """For the first that matches wins."""
    multipliers = {"out/kernel": 0.5, "kernel": 0.25, "bias": 0.75}
    network = cases.model(LearningRateMultipliers("adam", multipliers))
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").optimizer
    assert list(loaded.multipliers.items()) == list(multipliers.items())


def test_vectors_may_stand_among_the_patterns():
    """For variables of less than two axes."""
    [before, after] = trained(Freeze("sgd", {stepwrap.VECTORS: None}), steps=1)
    assert moved(before, after) == [True, False, False]


def test_what_is_excluded_has_the_step_of_the_optimizer_inside():
    """Decay and all, bit for bit; the rest is scaled."""
    optimizer = LearningRateMultipliers(AdamW(), {"": 0.0}, exclude="bias")
    bare = AdamW()
    seen = [trained(one, steps=2)[-1] for one in (optimizer, bare)]
    cases.assert_equal(seen[0][1:2], seen[1][1:2])
    assert moved(cases.values(cases.variables()), seen[0]) == [False, True, False]


def test_a_pattern_that_matches_nothing_is_named():
    optimizer = LearningRateMultipliers("sgd", {"kernels": 0.5, "": 1.0})
    with pytest.warns(UserWarning, match="`multipliers`: the pattern 'kernels'.*'kernel'"):
        optimizer.build(cases.variables())


def test_a_pattern_that_matches_nothing_is_nothing_without_variables(recwarn):
    Freeze("sgd", {"kernels": None}).build([])
    assert not recwarn.list


# Freezing.


@pytest.mark.parametrize("slots", ["see", "hold"])
@pytest.mark.parametrize("compiled", MODES)
def test_frozen_variables_are_not_touched_until_their_step(compiled, slots):
    """By steps, decay and constraints; the others train as without."""
    optimizer = Freeze(AdamW(), {"kernel": 2, "bias": None}, slots=slots)
    seen = trained(optimizer, constraint=Halves(), compiled=compiled)
    changed = [moved(one, other) for one, other in itertools.pairwise(seen)]
    assert [list(of_variable) for of_variable in zip(*changed, strict=True)] == [
        [False, False, True, True],
        [False] * 4,
        [True] * 4,
    ]
    if not compiled:
        others = trained(stepwrap.StepClipping(AdamW(), max_norm=1e9), constraint=Halves())
        cases.assert_equal([one[2] for one in seen], [one[2] for one in others])


def test_what_thaws_goes_on_as_if_its_slots_had_been_there_all_the_time():
    """From the frozen weights, the step is that of an optimizer that saw every gradient."""
    seen = trained(Freeze("adam", {"": 3}), steps=5)
    bare = trained(stepwrap.OptimizerWrapper("adam"), steps=5)
    for number in (3, 4):
        steps = [
            [new - old for old, new in zip(one[number], one[number + 1], strict=True)]
            for one in (seen, bare)
        ]
        assert_close(*steps, tolerance=1e-6)


@pytest.mark.parametrize(("frozen", "length"), [(30, 0.57), (300, 1.61), (1000, 2.515)])
def test_the_first_step_of_adam_after_so_many_frozen_ones(frozen, length):
    """With slots that were held, the bias correction, which counts all steps, makes it wrong."""
    lengths = {}
    for slots in ("see", "hold"):
        inner = keras.optimizers.Adam(0.01)
        optimizer = Freeze(inner, {"": frozen}, slots=slots)
        weight = keras.Variable([1.0], name="weight")
        optimizer.build([weight])
        for _ in range(2 if frozen > 30 else frozen):
            optimizer.apply([ops.ones(1)], [weight])
        assert cases.number(weight[0]) == 1.0
        if frozen > 30:
            _pretend_gradients_of_one(inner, frozen, seen=slots == "see")
        optimizer.apply([ops.ones(1)], [weight])
        lengths[slots] = (1.0 - cases.number(weight[0])) / 0.01
    assert lengths["see"] == pytest.approx(1.0, abs=1e-3)
    assert lengths["hold"] == pytest.approx(length, abs=5e-3)


def _pretend_gradients_of_one(adam, steps, seen):
    """Gives an Adam the state after so many gradients of one, which are seen or not."""
    adam.iterations.assign(steps)
    if seen:
        moments = [1 - adam.beta_1**steps, 1 - adam.beta_2**steps]
        for slot, moment in zip(adam.variables[2:], moments, strict=True):
            slot.assign([moment])


def test_held_slots_are_those_of_wrappers_inside_too():
    optimizer = Freeze(stepwrap.StepMomentum(keras.optimizers.Adam()), {"kernel": None}, "hold")
    variables = cases.variables()
    optimizer.build(variables)
    optimizer.apply(cases.gradients(variables), variables)
    slots = [
        variable
        for variable in optimizer.variables
        if tuple(variable.shape) == tuple(variables[0].shape)
    ]
    assert len(slots) == 3
    assert not any(np.any(value) for value in cases.values(slots))


def test_averages_outside_stay_at_the_frozen_weights():
    optimizer = stepwrap.MovingAverage(
        stepwrap.Lookahead(Freeze(AdamW(), {"kernel": None}), sync_period=2), average_decay=0.5
    )
    variables = cases.variables()
    optimizer.build(variables)
    before = cases.values(variables)
    for seed in range(3):
        optimizer.apply(cases.gradients(variables, seed), variables)
    [average] = optimizer.averages_of(variables[:1])
    cases.assert_equal(cases.values([variables[0], average]), [before[0], before[0]])


@pytest.mark.skipif(BACKEND == "torch", reason="torch compiles nothing by default")
def test_nothing_is_compiled_anew_when_a_variable_thaws(monkeypatch):
    network = cases.model(Freeze("adam", {"hidden/": 4}), jit_compile=True)
    calls = []
    apply = network.optimizer.apply
    network.optimizer.apply = lambda *given, **named: calls.append(1) or apply(*given, **named)
    before = cases.values(network.get_layer("hidden").weights)
    cases.fit(network)  # 3 steps
    traced = len(calls)
    assert moved(before, cases.values(network.get_layer("hidden").weights)) == [False, False]
    cases.fit(network)
    assert moved(before, cases.values(network.get_layer("hidden").weights)) == [True, True]
    assert len(calls) == traced > 0


def test_freezing_counts_real_steps():
    """Those that a wrapper around it makes, not batches."""
    optimizer = stepwrap.GradientAccumulation(Freeze(AdamW(), {"kernel": 1}), steps=2)
    variables = cases.variables()
    optimizer.build(variables)
    before, changed = cases.values(variables), []
    for seed in range(4):
        optimizer.apply(cases.gradients(variables, seed), variables)
        changed.append(moved(before, cases.values(variables))[0])
    assert changed == [False, False, False, True]


# Warm-up.


def test_warm_up_is_a_learning_rate_that_rises():
    """Around a schedule, with decay, as if another schedule had both."""

    @keras.saving.register_keras_serializable("tests")
    class Both(schedules.LearningRateSchedule):
        def __call__(self, step):
            step = ops.cast(step, "float32")
            return decaying(step) * ops.minimum(1.0, 0.2 + 0.8 * step / 3)

        def get_config(self):
            return {}

    decaying = schedules.ExponentialDecay(0.1, 2, 0.5)
    make = functools.partial(keras.optimizers.AdamW, weight_decay=DECAY)
    seen = trained(WarmUp(make(decaying), steps=3, start=0.2), steps=5)
    assert_close(seen[-1], trained(make(Both()), steps=5)[-1])


def test_a_warm_up_from_0_begins_without_a_step():
    seen = trained(WarmUp(AdamW(), steps=2), steps=3)
    assert [any(moved(one, other)) for one, other in itertools.pairwise(seen)] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("compiled", MODES)
def test_nothing_is_left_of_a_warm_up_once_it_is_over(compiled):
    """Not even in the last bit."""
    optimizers = [WarmUp(AdamW(), steps=1, start=0.5), stepwrap.StepClipping(AdamW(), max_norm=1e9)]
    steps = []
    for optimizer in optimizers:
        variables = cases.variables()
        optimizer.build(variables)
        optimizer.iterations.assign(1)
        step = _compiled_step(optimizer, variables) if compiled else optimizer.apply
        step(cases.gradients(variables), variables)
        steps.append(cases.values(variables))
    cases.assert_equal(*steps)


def test_the_learning_rate_that_callbacks_see_is_the_full_one():
    """Or a callback that halves it would halve what the warm-up made of it."""
    optimizer = WarmUp(keras.optimizers.SGD(0.5), steps=10)
    trained(optimizer, steps=2)
    assert cases.number(optimizer.learning_rate) == 0.5
    optimizer.learning_rate = 0.25
    assert cases.number(optimizer.inner_optimizer.learning_rate) == 0.25


# Bad input.


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: LearningRateMultipliers("sgd", [0.5]), TypeError, ["`multipliers`", "[0.5]"]),
        (lambda: LearningRateMultipliers("sgd", {3: 0.5}), TypeError, ["`multipliers`", "3"]),
        (lambda: LearningRateMultipliers("sgd", {"(": 0.5}), ValueError, ["`multipliers`", "'('"]),
        (lambda: LearningRateMultipliers("sgd", {"a": -1}), ValueError, ["multipliers['a']", "-1"]),
        (lambda: LearningRateMultipliers("sgd", {"a": np.inf}), ValueError, ["['a']", "inf"]),
        (lambda: LearningRateMultipliers("sgd", {"a": np.nan}), ValueError, ["['a']", "nan"]),
        (lambda: LearningRateMultipliers("sgd", {"a": "1"}), TypeError, ["['a']", "'1'"]),
        (lambda: LearningRateMultipliers("sgd", {"a": abs}), TypeError, ["['a']", "function"]),
        (lambda: LearningRateMultipliers("sgd", {}, default=-1), ValueError, ["`default`", "-1"]),
        (lambda: Freeze("sgd", "kernel"), TypeError, ["`until`", "'kernel'", "dictionary"]),
        (lambda: Freeze("sgd", {"a": 1.5}), TypeError, ["until['a']", "1.5", "whole number"]),
        (lambda: Freeze("sgd", {"a": True}), TypeError, ["until['a']", "True"]),
        (lambda: Freeze("sgd", {"a": -1}), ValueError, ["until['a']", "-1"]),
        (lambda: Freeze("sgd", {"[": 1}), ValueError, ["`until`", "'['"]),
        (lambda: Freeze("sgd", {}, slots="keep"), ValueError, ["`slots`", "'keep'", "'hold'"]),
        (lambda: WarmUp("sgd", 0), ValueError, ["`steps`", "0"]),
        (lambda: WarmUp("sgd", 2.5), TypeError, ["`steps`", "2.5"]),
        (lambda: WarmUp("sgd", 5, start=1.5), ValueError, ["`start`", "1.5"]),
    ],
)
def test_bad_arguments(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("name", ["Ftrl", "ScheduleFreeAdamW"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: LearningRateMultipliers(inner, {"a": 0.5}),
        lambda inner: Freeze(stepwrap.ClippedOptimizer(inner), {"a": 2}),
        lambda inner: WarmUp(inner, 5),
    ],
    ids=["multipliers", "freeze", "warm_up"],
)
def test_optimizers_that_compute_weights_are_refused(wrap, name):
    if not hasattr(keras.optimizers, name):
        pytest.skip(f"this Keras has no {name}")
    with pytest.raises(ValueError, match=rf"must not be {name}, which computes.*AdamW"):
        wrap(getattr(keras.optimizers, name)())


def test_no_scales_are_left_after_a_step_that_fails():
    """They are of one step, and may belong to a graph."""
    optimizer = LearningRateMultipliers("sgd", {"": 0.5})
    variables = cases.variables()
    optimizer.build(variables)
    with pytest.raises(ValueError, match="No gradients"):
        optimizer.apply([None] * 3, variables)
    assert all(
        one._scales.get() is None for one in stack.walk(optimizer) if hasattr(one, "_scales")
    )
