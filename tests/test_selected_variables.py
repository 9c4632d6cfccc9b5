"""`only` and `exclude`, which every wrapper takes: on which variables it acts."""

import functools
import re
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND
from stepwrap import checks
from stepwrap.core.batch import Batch
from stepwrap.toolkit.exclusions import Exclusions

STEPS = 3


def decides_whether(name):
    """Return whether a wrapper decides whether there is a step at all."""
    return stepwrap.wrappers.get(name).overrides("apply_inner")


EVERY = stepwrap.wrappers.names()
SELECTING = {
    **{name: cases.WRAPPERS[name] for name in EVERY if not decides_whether(name)},
    "user": cases.AveragedGradient,
    "user_steps": cases.HalvedStep,
}
REFUSING = {
    **{name: cases.WRAPPERS[name] for name in EVERY if decides_whether(name)},
    "loss_scale_optimizer": stepwrap.LossScaleOptimizer,
    "l4adam": lambda _, **arguments: stepwrap.L4Adam(**arguments),
    "l4mom": lambda _, **arguments: stepwrap.L4Mom(**arguments),
}
each_selecting = pytest.mark.parametrize("name", SELECTING)
with_multi_optimizer = pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has none"
)
each_refusing = pytest.mark.parametrize("name", REFUSING)


def trained(optimizer, variables, gradients_of=cases.gradients):
    """The variables and the wrapper's own state after some steps, and at the end of training."""
    for seed in range(STEPS):
        cases.apply(optimizer, gradients_of(variables, seed), variables, loss=1.0 + seed)
    before = cases.values(variables)
    optimizer.finalize_variable_values(variables)
    own = getattr(optimizer, "own_variables", [])
    return before, cases.values(variables), cases.values(own)


def those(variables, are_wanted):
    return [one for one in variables if are_wanted(one)]


def gradients_of_all(variables, seed):
    """The gradient that each variable would have among all."""
    every = cases.variables_of_all_ranks()
    of_name = {
        one.name: gradient
        for one, gradient in zip(every, cases.gradients(every, seed), strict=True)
    }
    return [of_name[variable.name] for variable in variables]


SELECTIONS = {
    "exclude": ({"exclude": ["dense", "scale"]}, lambda one: "conv" in one.name),
    "only": ({"only": "conv"}, lambda one: "conv" in one.name),
    "both": (
        {"only": ["dense", "conv1d"], "exclude": "bias"},
        lambda one: one.name[-6:] == "kernel" and one.name != "conv_kernel",
    ),
    "vectors": ({"exclude": stepwrap.VECTORS}, lambda one: len(one.shape) > 1),
    "only vectors": ({"only": [stepwrap.VECTORS]}, lambda one: len(one.shape) < 2),
    "none": ({"exclude": "."}, lambda one: False),
}


@pytest.mark.parametrize(
    ("name", "selection"),
    [
        *((name, "exclude") for name in SELECTING),
        *(pytest.param(name, "only vectors", marks=pytest.mark.long) for name in SELECTING),
    ],
)
def test_it_acts_on_the_selected_variables_as_if_there_were_no_others(name, selection):
    """And on the others, the optimizer inside acts as if there were no wrapper."""
    arguments, is_selected = SELECTIONS[selection]
    variables = cases.variables_of_all_ranks()
    # `TrustRatio` leaves out vectors by itself.
    optimizer = SELECTING[name](keras.optimizers.Adam(0.1), **{"exclude": [], **arguments})
    before, after, state = trained(optimizer, variables, gradients_of_all)

    assert any(map(is_selected, variables)) and not all(map(is_selected, variables))
    alone = those(cases.variables_of_all_ranks(), is_selected)
    on_alone = SELECTING[name](keras.optimizers.Adam(0.1), exclude=[])
    of_alone = trained(on_alone, alone, gradients_of_all)
    bare = cases.variables_of_all_ranks()
    of_bare = trained(keras.optimizers.Adam(0.1), bare, gradients_of_all)[0]
    for values, values_alone in ((before, of_alone[0]), (after, of_alone[1])):
        pairs = list(zip(variables, values, of_bare, strict=True))
        cases.assert_equal([one for v, one, _ in pairs if is_selected(v)], values_alone)
        left_out = [(one, other) for v, one, other in pairs if not is_selected(v)]
        cases.assert_equal(*map(list, zip(*left_out, strict=True)))
    cases.assert_equal(state, of_alone[2])


@pytest.mark.parametrize("selection", SELECTIONS)
def test_which_variables_the_patterns_select(selection):
    arguments, is_selected = SELECTIONS[selection]
    variables = cases.variables_of_all_ranks()
    optimizer = cases.AveragedGradient("sgd", **arguments)
    optimizer.build(variables)
    expected = [one.name for one in those(variables, is_selected)]
    assert [one.name for one in optimizer.selected(variables)] == expected
    assert list(optimizer.averages) == [one.path for one in those(variables, is_selected)]
    assert len(optimizer.own_variables) == len(expected)
    assert optimizer.inner_optimizer.built
    cases.apply(optimizer, cases.gradients(variables), variables)


def test_what_is_not_used_costs_nothing():
    variables = cases.variables()
    batch = Batch.of(cases.gradients(variables), variables, None)
    for arguments in ({}, {"exclude": []}, {"only": "."}):
        optimizer = cases.HalvedStep("sgd", **arguments)
        optimizer.build(variables)
        assert optimizer.selected_in(batch) is batch
        assert optimizer.selected(variables) is variables


# Stacks.

BASES = {
    "Adam": lambda: keras.optimizers.Adam(0.1),
    "AdamW": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1),
    "SGD-nesterov": cases.BASE_OPTIMIZERS["SGD-nesterov"],
    "Adafactor": lambda: keras.optimizers.Adafactor(0.1),
    "Ftrl": lambda: keras.optimizers.Ftrl(0.1),
    "user": cases.BASE_OPTIMIZERS["user"],
}


@pytest.mark.parametrize("name", cases.others_long(BASES, everyday=("Adam", "user")))
def test_each_wrapper_of_a_stack_has_its_own_selection(name):
    """Every variable ends where a stack of the wrappers that it is selected by would bring it."""
    wraps = {
        "kernel": stepwrap.TrustRatio,
        "scale": cases.AveragedGradient,
        "bias": functools.partial(stepwrap.StepMomentum, nesterov=True),
        "nothing": lambda inner, **arguments: cases.HalvedStep(inner, **arguments),
    }

    def stack(wraps, **arguments):
        optimizer = BASES[name]()
        for left_out, wrap in wraps.items():
            optimizer = wrap(
                optimizer, **{one: value(left_out) for one, value in arguments.items()}
            )
        return optimizer

    def after(optimizer):
        variables = cases.variables(constraint=keras.constraints.MaxNorm(1.5, axis=None))
        return dict(zip(("kernel", "bias", "scale"), trained(optimizer, variables)[0], strict=True))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that "nothing" is nowhere
        actual = after(stack(wraps, exclude=lambda left_out: left_out))
    for variable, value in actual.items():
        others = {left_out: wrap for left_out, wrap in wraps.items() if left_out != variable}
        cases.assert_equal([value], [after(stack(others, exclude=lambda _: []))[variable]])


@with_multi_optimizer
@pytest.mark.parametrize("wrap", [stepwrap.StepMomentum, stepwrap.NormalizedOptimizer])
def test_around_and_inside_of_a_multi_optimizer(wrap):
    def several(wrap_part):
        optimizers = keras.optimizers.OptimizerMap(wrap_part(keras.optimizers.SGD(0.1)))
        optimizers[".*kernel"] = wrap_part(keras.optimizers.Adam(0.1))
        return keras.optimizers.MultiOptimizer(optimizers)

    def nothing(optimizer):
        return optimizer

    selecting = functools.partial(wrap, exclude="scale")
    everything = functools.partial(wrap)
    bare = trained(stepwrap.OptimizerWrapper(several(nothing)), cases.variables())[0]
    full = trained(everything(several(nothing)), cases.variables())[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the part of the kernel has no "scale"
        inside = stepwrap.OptimizerWrapper(several(selecting))
        for optimizer in (selecting(several(nothing)), inside):
            actual = trained(optimizer, cases.variables())[0]
            cases.assert_equal(actual, [*full[:2], bare[2]])


def some_without_gradient(variables, seed):
    gradients = cases.gradients(variables, seed)
    return [None if place == seed else one for place, one in enumerate(gradients)]


@pytest.mark.parametrize("name", ["normalized", "step_momentum", "moving_average"])
def test_variables_without_a_gradient(name):
    """The excluded one at one step, the selected ones at the next."""
    make = functools.partial(SELECTING[name], keras.optimizers.SGD(0.1, momentum=0.9))
    actual = trained(make(exclude="kernel"), cases.variables(), some_without_gradient)
    others = those(cases.variables(), lambda one: one.name != "kernel")

    def without_first(variables, seed):
        return some_without_gradient(cases.variables(), seed)[1:]

    make = functools.partial(SELECTING[name], keras.optimizers.SGD(0.1, momentum=0.9))
    alone = trained(make(), others, without_first)
    sgd = keras.optimizers.SGD(0.1, momentum=0.9)
    bare = trained(sgd, cases.variables(), some_without_gradient)[0]
    for values, of_alone in zip(actual, alone, strict=True):
        cases.assert_equal(values[-len(of_alone) :], of_alone)
    cases.assert_equal(actual[1][:1], bare[:1])


def test_only_those_without_a_gradient_are_selected():
    variables, bare = cases.variables(), cases.variables()
    optimizer = stepwrap.MovingAverage(stepwrap.StepMomentum("sgd", only="bias"), only="bias")
    for each, made in ((variables, optimizer), (bare, keras.optimizers.SGD())):
        kernel, _, scale = cases.gradients(each)
        cases.apply(made, [kernel, None, scale], each)
    cases.assert_equal(cases.values(variables), cases.values(bare))


def test_frozen_variables():
    """Those of a step may be fewer than the optimizer was built with."""
    optimizer, variables = stepwrap.StepMomentum("sgd", exclude="bias"), cases.variables()
    bare, others = stepwrap.StepMomentum("sgd"), cases.variables()
    optimizer.build(variables)
    bare.build(others)
    for seed in range(STEPS):
        for each, made in ((variables, optimizer), (others, bare)):
            cases.apply(made, cases.gradients(each, seed)[:1], each[:1])
    cases.assert_equal(cases.values(variables), cases.values(others))


# In a model: compiled, saved, recorded.

STACK = (
    "adam(0.05) | normalized(only='kernel') | gradient_ema_filter(exclude='out') "
    "| step_momentum(exclude='*vectors') | l4(only=['hidden', 'kernel']) "
    "| lookahead(2, only='bias')"
)
FEW = "sgd(0.1) | l4(only='kernel') | lookahead(2, only='bias')"


def compiled():
    return {} if BACKEND == "torch" else {"jit_compile": BACKEND == "jax"}


@pytest.mark.long
@pytest.mark.skipif(BACKEND == "torch", reason="torch compiles nothing by default")
def test_compiled_as_eagerly():
    network = cases.model(stepwrap.parse(STACK), **compiled())
    eager = cases.model(stepwrap.parse(STACK), run_eagerly=True)
    for each in (network, eager):
        cases.fit(each)
    for one, other in zip(cases.state(network), cases.state(eager), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("text", [FEW, pytest.param(STACK, marks=pytest.mark.long)])
def test_a_stack_in_fit_is_resumed_bit_for_bit(text, tmp_path):
    network = cases.model(stepwrap.parse(text), **compiled())
    cases.fit(network)
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert stepwrap.describe(loaded.optimizer) == stepwrap.describe(network.optimizer)
    for each in (network, loaded):
        cases.fit(each)
    cases.assert_equal(cases.state(loaded), cases.state(network))


@pytest.mark.parametrize(
    "text", ["sgd(0.1) | step_momentum(exclude='bias')", "sgd | l4(only='out')"]
)
def test_a_record_is_of_the_whole_step_and_changes_nothing(text):
    recorded, plain = stepwrap.parse(text), stepwrap.parse(text)
    record, made = recorded.record_steps(), []
    for optimizer in (recorded, plain):
        variables = cases.model().trainable_variables
        before, gradients = cases.values(variables), cases.gradients(variables)
        cases.apply(optimizer, gradients, variables)
        made.append(cases.values(variables))
    cases.assert_equal(*made)

    def flat(arrays):
        return np.concatenate([array.ravel() for array in arrays]).astype("float64")

    steps, gradients = flat(made[0]) - flat(before), flat(cases.values(gradients))
    norms = np.linalg.norm(steps), np.linalg.norm(gradients)
    last = record.last()
    np.testing.assert_allclose(last["step_norm"], norms[0], rtol=1e-5)
    np.testing.assert_allclose(last["gradient_norm"], norms[1], rtol=1e-5)
    np.testing.assert_allclose(last["cosine"], -steps @ gradients / np.prod(norms), rtol=1e-5)


@pytest.mark.parametrize("name", ["lookahead", "moving_average", "stochastic_weight_average"])
def test_the_averages_of_what_is_left_out_are_the_weights(name):
    variables = cases.variables()
    optimizer = SELECTING[name](keras.optimizers.SGD(0.1), exclude="bias")
    for seed in range(STEPS):
        cases.apply(optimizer, cases.gradients(variables, seed), variables)
    kernel, bias, scale = optimizer.averages_of(variables)
    assert bias is variables[1] and kernel is not variables[0] and scale is not variables[2]
    weights, averages = optimizer.averaged(variables)
    assert weights == [variables[0], variables[2]] and averages == [kernel, scale]
    before = cases.values(variables)
    optimizer.put_averages(variables)
    cases.assert_equal(cases.values(variables[1:2]), before[1:2])
    optimizer.put_weights_back(variables)
    cases.assert_equal(cases.values(variables), before)


# What is kept, said and shown.


@each_selecting
def test_the_arguments_are_kept(name):
    cls = type(SELECTING[name]("sgd"))
    optimizer = SELECTING[name]("sgd", only="kernel", exclude=[stepwrap.VECTORS, "out"])
    config = keras.optimizers.serialize(optimizer)
    for one in (optimizer, keras.optimizers.deserialize(config)):
        assert type(one) is cls
        assert one.only == ["kernel"] and one.exclude == [stepwrap.VECTORS, "out"]
    if text := stepwrap.describe(optimizer):  # users' wrappers have no name in texts
        parsed = stepwrap.parse(text)
        assert parsed.only == optimizer.only and parsed.exclude == optimizer.exclude
        assert stepwrap.describe(parsed) == text
    plain = SELECTING[name]("sgd")
    assert plain.only is None and "only" not in plain.get_config()
    assert plain.get_config().get("exclude", []) == []


def test_they_may_stand_in_a_text():
    optimizer = stepwrap.parse("adam | normalized(exclude='bias') | l4(only=('a', 'b'))")
    assert optimizer.only == ["a", "b"] and optimizer.inner_optimizer.exclude == ["bias"]


@each_refusing
@pytest.mark.parametrize("argument", ["only", "exclude"])
def test_where_nothing_can_be_left_out_they_are_refused(name, argument):
    with pytest.raises(ValueError, match=rf"`{argument}` cannot be given to .*`.*{argument}='a'"):
        REFUSING[name](keras.optimizers.SGD(), **{argument: "a"})
    REFUSING[name](keras.optimizers.SGD())


def test_state_inside_that_belongs_to_no_variable():
    for state in ("reset", "pullback"):
        with pytest.raises(ValueError, match=f"`only` cannot be given .*slow_state='{state}'"):
            stepwrap.Lookahead("sgd", slow_state=state, only="a")
    optimizer = stepwrap.Lookahead("sgd", exclude="bias")
    optimizer.slow_state = "reset"
    with pytest.raises(ValueError, match=r"`exclude` cannot be given .*='reset'"):
        optimizer.build(cases.variables())


def test_they_cannot_be_set_once_there_is_state():
    optimizer = stepwrap.StepMomentum("sgd")
    optimizer.only = "kernel"
    optimizer.build(cases.variables())
    for argument in ("only", "exclude"):
        with pytest.raises(ValueError, match=f"`{argument}` cannot be set .* once it is built"):
            setattr(optimizer, argument, "a")
    assert optimizer.only == ["kernel"] and optimizer.exclude is None


@pytest.mark.parametrize("argument", ["only", "exclude"])
def test_patterns_that_are_none(argument):
    make = functools.partial(stepwrap.Cautious, "sgd")
    with pytest.raises(ValueError, match=rf"`{argument}` must be .* Received: '\(', which is none"):
        make(**{argument: ["bias", "("]})
    with pytest.raises(ValueError, match=r"Received: '\*vector', .* Did you mean '\*vectors'\?"):
        make(**{argument: "*vector"})
    for value in (1, [1], b"bias", {"bias"}, True):
        with pytest.raises(TypeError, match=f"`{argument}` must be .* Received: {argument}="):
            make(**{argument: value})


def test_only_must_have_a_pattern():
    with pytest.raises(ValueError, match=r"`only` must have a pattern .* Received: only=\[\]"):
        stepwrap.Cautious("sgd", only=())


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("hiden", "hidden/kernel"), ("out/bais", "out/bias"), ("out/kernel_", "out/kernel")],
)
def test_a_pattern_that_matches_no_path_is_named_with_the_nearest_one(pattern, path):
    optimizer = stepwrap.StepMomentum("sgd", exclude=[stepwrap.VECTORS, pattern], only=".")
    variables = cases.model().trainable_variables
    with pytest.warns(UserWarning, match=f"`exclude`: the pattern '{pattern}' .*{path}'") as seen:
        optimizer.build(variables)
    assert len(seen) == 1
    with warnings.catch_warnings(action="error"):
        stepwrap.StepMomentum("sgd", only="kernel|gamma").build(variables[:1])
        stepwrap.StepMomentum("sgd", exclude=stepwrap.VECTORS).build(variables[:1])
        stepwrap.StepMomentum("sgd", exclude=pattern).build([])


def test_the_selector_is_no_regular_expression():
    with pytest.raises(re.error):
        re.compile(stepwrap.VECTORS)


def test_describe_with_a_model_shows_what_each_wrapper_acts_on(capsys):
    network = cases.model()
    optimizer = stepwrap.parse("adam | normalized | step_momentum(only='hidden') | trust_ratio")
    text = stepwrap.describe(optimizer)
    described = stepwrap.describe(optimizer, network)
    paths = [variable.path for variable in network.trainable_variables]
    hidden_kernel, hidden_bias, out_kernel, out_bias = (f"    {path}" for path in paths)
    assert described.splitlines() == [
        text,
        "TrustRatio acts on 2 of 4 variables:",
        *(hidden_kernel, out_kernel),
        "TrustRatio leaves out:",
        *(hidden_bias, out_bias),
        "StepMomentum acts on 2 of 4 variables:",
        *(hidden_kernel, hidden_bias),
        "StepMomentum leaves out:",
        *(out_kernel, out_bias),
    ]
    optimizer.build(network.trainable_variables)
    assert stepwrap.describe(optimizer, network, show=True) == described
    assert described.split("\n", 1)[1] in capsys.readouterr().out
    assert stepwrap.describe(optimizer) == text
    assert stepwrap.describe(cases.HalvedStep("sgd", exclude="."), network).splitlines() == [
        "HalvedStep(<SGD>)",
        "HalvedStep acts on 0 of 4 variables:",
        "HalvedStep leaves out:",
        *(hidden_kernel, hidden_bias, out_kernel, out_bias),
    ]


@with_multi_optimizer
def test_describe_shows_a_part_with_its_own_variables_once_it_is_built():
    network = cases.model()
    optimizers = keras.optimizers.OptimizerMap(stepwrap.Cautious("sgd", only="hidden"))
    optimizers[".*bias"] = keras.optimizers.SGD()
    optimizer = keras.optimizers.MultiOptimizer(optimizers)
    optimizer.build(network.trainable_variables)
    described = stepwrap.describe(optimizer, network).splitlines()
    hidden, _, out, _ = (f"    {one.path}" for one in network.trainable_variables)
    assert described[1:] == [
        *("Cautious acts on 1 of 2 variables:", hidden),
        *("Cautious leaves out:", out),
    ]


def test_describe_refuses_what_is_no_model_with_variables():
    with pytest.raises(TypeError, match="`model` must be a Keras model"):
        stepwrap.describe(keras.optimizers.SGD(), "model")
    with pytest.raises(ValueError, match="`model` has no variables yet"):
        stepwrap.describe(keras.optimizers.SGD(), keras.Sequential([keras.layers.Dense(1)]))


def test_trust_ratio_leaves_out_vectors_unless_told_otherwise():
    variables = cases.variables_of_all_ranks()
    for arguments, count in (({}, 3), ({"exclude": None}, 3), ({"exclude": ()}, 5)):
        optimizer = stepwrap.TrustRatio("sgd", **arguments)
        optimizer.build(variables)
        assert len(optimizer.selected(variables)) == count
    assert stepwrap.TrustRatio("sgd", 1.0, 0.0, 0.0, "bias").exclude == ["bias"]
    assert stepwrap.CoupledWeightDecay("sgd", 0.1, "bias").exclude == ["bias"]
    assert stepwrap.AdaptiveGradientClipping("sgd", 0.1, 1e-3, "bias").exclude == ["bias"]


@keras.saving.register_keras_serializable(package="tests")
class ListsThem(stepwrap.OptimizerWrapper):
    """One that lists an argument itself, with a default of its own."""

    def __init__(self, inner_optimizer, exclude="bias", name=None):
        super().__init__(inner_optimizer, name=name)
        self.exclude = exclude

    def transform_steps(self, steps, gradients, variables):
        return [ops.zeros_like(step) for step in steps]


class AsIn060(stepwrap.OptimizerWrapper):
    """One that leaves variables out itself, as those of 0.6.0 had to."""

    def __init__(self, inner_optimizer, exclude=(), name=None):
        super().__init__(inner_optimizer, name=name)
        self.exclude = checks.patterns("exclude", exclude)

    def build(self, variables):
        super().build(variables)
        self.excluded = Exclusions("exclude", self.exclude, variables)

    def transform_steps(self, steps, gradients, variables):
        return [
            step if variable in self.excluded else ops.zeros_like(step)
            for step, variable in zip(steps, variables, strict=True)
        ]


def test_a_wrapper_of_0_6_0_that_leaves_variables_out_itself():
    variables, before = cases.variables(), cases.values(cases.variables())
    with warnings.catch_warnings(action="error"):
        cases.apply(AsIn060("sgd", exclude="bias"), cases.gradients(variables), variables)
    after = cases.values(variables)
    assert [np.any(one != other) for one, other in zip(after, before, strict=True)] == [0, 1, 0]
    excluded = Exclusions("skip", ["bias"], variables)
    assert [variable in excluded for variable in variables] == [False, True, False]
    with pytest.warns(UserWarning, match="`skip`: the pattern 'bais' .* 'bias'"):
        Exclusions("skip", ["bais"], variables)


def test_a_wrapper_may_list_them_itself():
    variables, before = cases.variables(), cases.values(cases.variables())
    optimizer = ListsThem("sgd")
    cases.apply(optimizer, cases.gradients(variables), variables)
    changed = [
        np.any(one != other) for one, other in zip(cases.values(variables), before, strict=True)
    ]
    assert changed == [False, True, False]
    assert ListsThem("sgd", ["scale"]).get_config()["exclude"] == ["scale"]
