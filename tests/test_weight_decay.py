"""Weight decay beside the step: what its formulas do at the edges, and where it is refused."""

import functools
import itertools
import math

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from references import weights as formulas

RATE = 2.0**-5  # exact in float32, in which Keras keeps learning rates
ADAM = functools.partial(keras.optimizers.Adam, RATE, epsilon=1e-12)
SGD = functools.partial(keras.optimizers.SGD, RATE, momentum=0.5)
ALL = {
    "decoupled": functools.partial(stepwrap.DecoupledWeightDecay, rate=0.5),
    "cautious": functools.partial(stepwrap.CautiousWeightDecay, rate=0.5),
    "corrected": functools.partial(
        stepwrap.CorrectedWeightDecay, rate=0.5, peak_learning_rate=2 * RATE
    ),
    "initial": functools.partial(stepwrap.DecayToInitialWeights, rate=0.5),
}
every_decay = pytest.mark.parametrize("wrap", ALL.values(), ids=ALL)
without_some = pytest.mark.filterwarnings("ignore:Gradients do not exist")
has_multi_optimizer = pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Up and down again, through 0."""

    RATES = (RATE, 4 * RATE, 2 * RATE, 0.0, RATE / 2)

    def __call__(self, step):
        return ops.take(ops.convert_to_tensor(self.RATES, "float32"), step)

    def get_config(self):
        return {}


def trained(optimizer, variables, steps=5, gradients=cases.gradients):
    """The weights before the first step, and after each."""
    weights = [cases.values(variables)]
    for step in range(steps):
        optimizer.apply(gradients(variables, 10 + step), variables)
        weights.append(cases.values(variables))
    return weights


def no_gradients(variables, seed):
    return [ops.zeros(variable.shape) for variable in variables]


def assert_close(actual, expected, tolerance=1e-6):
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(
            one, other, atol=tolerance * max(1, np.max(np.abs(other))), rtol=0
        )


# The formulas.


@pytest.mark.parametrize("base", ["Adam", "SGD", "RMSprop", "Adafactor"])
def test_decoupled_decay_is_that_of_keras(base):
    """With a schedule, and with variables that are left out."""
    make = functools.partial(getattr(keras.optimizers, base), Schedule())
    of_keras = make(weight_decay=0.5)
    of_keras.exclude_from_weight_decay(var_names=["bias"])
    ours = stepwrap.DecoupledWeightDecay(make(), 0.5, exclude="bias")
    for one, other in zip(
        trained(ours, cases.variables()), trained(of_keras, cases.variables()), strict=True
    ):
        assert_close(one, other)


@cases.of_a_peer_on("torch")
def test_around_adam_it_is_pytorch_s_adamw():
    torch = pytest.importorskip("torch")
    variables = cases.variables()
    parameters = [torch.tensor(value, requires_grad=True) for value in cases.values(variables)]
    adamw = torch.optim.AdamW(parameters, RATE, eps=1e-12, weight_decay=0.5)
    ours = stepwrap.DecoupledWeightDecay(ADAM(), 0.5)
    for step, after in enumerate(trained(ours, variables)[1:]):
        for parameter, gradient in zip(
            parameters, cases.gradients(variables, 10 + step), strict=True
        ):
            parameter.grad = torch.tensor(ops.convert_to_numpy(gradient))
        adamw.step()
        assert_close(after, [parameter.detach().numpy() for parameter in parameters], 2e-6)


def reference_of(name, learning_rate):
    return {
        "decoupled": lambda: formulas.DecoupledWeightDecay(0.5, learning_rate),
        "cautious": lambda: formulas.CautiousWeightDecay(0.5, learning_rate),
        "corrected": lambda: formulas.CorrectedWeightDecay(0.5, 2 * RATE, learning_rate),
        "initial": lambda: formulas.DecayToInitialWeights(0.5, learning_rate),
    }[name]()


class Scheduled:
    """Plain SGD at the rates of the schedule, but for that of 0, by which nothing is divided."""

    def step(self, gradients):
        return [-self.rate * gradient for gradient in gradients]


@pytest.mark.parametrize("name", ALL)
def test_the_decay_follows_the_schedule(name):
    variables = cases.variables_of_all_ranks()
    weights = trained(ALL[name](keras.optimizers.SGD(Schedule())), variables)
    inner, initial = Scheduled(), [one.astype("float64") for one in weights[0]]
    for step, (before, after) in enumerate(itertools.pairwise(weights)):
        inner.rate = Schedule.RATES[step]
        if inner.rate == 0:
            cases.assert_equal(after, before)
            continue
        reference = reference_of(name, inner.rate)
        reference.start(inner, initial)
        gradients = cases.values(cases.gradients(variables, 10 + step))
        wide = [[one.astype("float64") for one in arrays] for arrays in (before, gradients)]
        assert_close(after, reference.step(*wide, loss=1.0, seen=None))


def test_cautious_decay_spares_what_the_step_enlarges_and_nothing_else():
    """However small the two are, of which the product would be zero, and where one is zero."""
    weights = [1.0, 1.0, -1.0, -1.0, 1.0, 0.0, 1e-30, 1e-30, -1e-30]
    gradients = [1.0, -1.0, 1.0, -1.0, 0.0, 1.0, -1e-30, 1e-30, 1e-30]
    spared = [False, True, True, False, False, False, True, False, True]
    variable = keras.Variable(np.array(weights), dtype="float32", name="many")
    optimizer = stepwrap.CautiousWeightDecay(keras.optimizers.SGD(RATE), 16.0)
    optimizer.apply([ops.convert_to_tensor(gradients, "float32")], [variable])
    kept = np.where(spared, 1.0, 1.0 - RATE * 16)
    expected = np.array(weights) * kept - RATE * np.array(gradients)
    [actual] = cases.values([variable])
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=0)


def test_a_decay_far_below_the_precision_of_one_is_not_rounded_away():
    """1 − 2.49 · 2⁻²⁴ is 1 − 2 · 2⁻²⁴ in float32."""
    part = 2.49 * 2.0**-24
    variable = keras.Variable(np.linspace(1, 2, 2**16), dtype="float32", name="many")
    optimizer = stepwrap.DecoupledWeightDecay(keras.optimizers.SGD(RATE), part / RATE)
    [[before], [after]] = trained(optimizer, [variable], 1, no_gradients)
    shrunk = np.mean((before.astype("float64") - after) / before)
    assert shrunk == pytest.approx(part, rel=0.1)


@pytest.mark.skipif(cases.BACKEND != "torch", reason="only there memory has an order")
@every_decay
def test_weights_in_another_order_of_memory(wrap):
    values = np.arange(24.0, dtype="float32").reshape(2, 3, 4) - 12
    weights = []
    for order in (None, (2, 1, 0)):
        variable = keras.Variable(values, name="kernel")
        if order:
            variable.value.data = variable.value.data.permute(order).contiguous().permute(order)
            assert not variable.value.is_contiguous()
        weights.append(trained(wrap(SGD()), [variable], 3)[-1])
    cases.assert_equal(*weights)


# Towards the initial weights.


@without_some
def test_the_initial_weights_are_those_of_the_first_step():
    """Not those of `build`, nor those that a variable has when it first gets a gradient."""
    variables = cases.variables()
    optimizer = stepwrap.DecayToInitialWeights(keras.optimizers.SGD(RATE), 16.0)
    optimizer.build(variables)
    for variable in variables:
        variable.assign(ops.ones(variable.shape))
    optimizer.apply([ops.ones((4, 3)), None, ops.zeros(())], variables)
    start = cases.values([ops.ones(variable.shape) for variable in variables])
    assert_close(cases.values(variables), [start[0] - RATE, *start[1:]], 0)
    for variable in variables:
        variable.assign(3 * ops.ones(variable.shape))
    optimizer.apply(no_gradients(variables, 0), variables)
    assert_close(cases.values(variables), [2 * one for one in start], 0)  # half of the way


def test_weights_that_were_not_finite_do_not_come_back():
    variable = keras.Variable([1.0, np.nan, np.inf], dtype="float32", name="three")
    optimizer = stepwrap.DecayToInitialWeights(keras.optimizers.SGD(RATE), 16.0)
    optimizer.apply([ops.zeros(3)], [variable])
    variable.assign([2.0, 2.0, 2.0])
    optimizer.apply([ops.zeros(3)], [variable])
    assert_close(cases.values([variable]), [[1.5, 1.0, 1.0]], 0)


def test_the_initial_weights_are_saved(tmp_path):
    network = cases.model(stepwrap.DecayToInitialWeights(SGD(), 0.5, exclude="out"))
    cases.fit(network)
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for each in (network, loaded):
        cases.fit(each)
    cases.assert_equal(cases.state(loaded), cases.state(network))
    shapes = [tuple(one.shape) for one in loaded.optimizer.own_variables]
    assert shapes == [(4, 5), (5,), ()]


# State, selection, and variables that take no part.


@every_decay
def test_nothing_of_the_model_becomes_state(wrap):
    variables = cases.variables()
    optimizer = wrap(SGD())
    trained(optimizer, variables, 1)
    own = {id(variable) for variable in optimizer.own_variables}
    assert not own & {id(variable) for variable in variables}
    if not isinstance(optimizer, stepwrap.DecayToInitialWeights):
        assert not own


@every_decay
def test_what_is_left_out_gets_the_step_alone_and_still_does_when_loaded(wrap, tmp_path):
    """Which Keras' own `exclude_from_weight_decay` does not outlive."""
    network, bare = (cases.model(optimizer) for optimizer in (wrap(SGD(), exclude="out"), SGD()))
    network.optimizer.build(network.trainable_variables)
    network.save(tmp_path / "model.keras")
    network = keras.models.load_model(tmp_path / "model.keras")
    weights = network.trainable_variables
    for _ in range(2):
        gradients = cases.gradients(weights)
        for each in (network, bare):
            each.optimizer.apply(gradients, each.trainable_variables)
    after, without = cases.values(weights), cases.values(bare.trainable_variables)
    cases.assert_equal(after[2:], without[2:])
    assert np.any(after[0] != without[0])


@without_some
@every_decay
def test_around_accumulation_s_missing_gradients(wrap):
    """A variable that has none in any batch of a step does not decay; its state stays right."""
    optimizer = stepwrap.GradientAccumulation(wrap(SGD()), steps=2)
    variables = cases.variables()
    plain, others = wrap(SGD()), cases.variables()
    for step in range(4):
        kernel, _, scale = cases.gradients(variables, step)
        bias = None if step < 2 else ops.ones(3)
        given = [kernel, bias, scale]
        for _ in range(2):
            optimizer.apply(given, variables)
        plain.apply(given, others)
    assert_close(cases.values(variables), cases.values(others))


@has_multi_optimizer
@every_decay
def test_the_parts_of_a_multi_optimizer_have_their_own_learning_rates(wrap):
    parts = keras.optimizers.OptimizerMap(keras.optimizers.SGD(RATE))
    parts["bias"] = keras.optimizers.SGD(RATE / 4)
    variables = cases.variables()
    [*_, together] = trained(wrap(keras.optimizers.MultiOptimizer(parts)), variables, 3)
    for rate, places in ((RATE, (0, 2)), (RATE / 4, (1,))):
        [*_, alone] = trained(wrap(keras.optimizers.SGD(rate)), cases.variables(), 3)
        assert_close([together[place] for place in places], [alone[place] for place in places])


# In a stack.


@every_decay
def test_what_scales_the_step_leaves_the_decay_alone(wrap):
    around = stepwrap.StepClipping(wrap(keras.optimizers.SGD(RATE)), max_norm=1e-20)
    [before, after] = trained(around, cases.variables(), 1)
    steps = [-RATE * one for one in cases.values(cases.gradients(cases.variables(), 10))]
    expected = {
        "decoupled": [w - RATE * 0.5 * w for w in before],
        "cautious": [
            w - RATE * 0.5 * (-p * w >= 0) * w for w, p in zip(before, steps, strict=True)
        ],
        "corrected": [w - RATE / 2 * 0.5 * w for w in before],
        "initial": before,
    }
    assert_close(after, expected[next(name for name in ALL if ALL[name] is wrap)])


@every_decay
def test_what_scales_steps_as_a_learning_rate_scales_the_decay(wrap):
    sgd = keras.optimizers.SGD
    scaled = stepwrap.LearningRateMultipliers(wrap(sgd(RATE)), {"bias": 0.5, "scale": 0.0})
    [start, *_, after] = trained(scaled, cases.variables(), 3)
    for rate, place in ((RATE, 0), (RATE / 2, 1)):
        [*_, alone] = trained(wrap(sgd(rate)), cases.variables(), 3)
        assert_close(after[place], alone[place])
    cases.assert_equal(after[2:], start[2:])
    warming_up = stepwrap.WarmUp(wrap(sgd(2 * RATE)), steps=10**9, start=0.5)
    for one, other in zip(
        trained(warming_up, cases.variables(), 3),
        trained(wrap(sgd(RATE)), cases.variables(), 3),
        strict=True,
    ):
        assert_close(one, other)


@pytest.mark.parametrize("name", cases.others_long(list(ALL), ["decoupled", "cautious"]))
def test_what_is_frozen_does_not_decay(name):
    """Also where only a graph knows that it is."""
    network = cases.model(stepwrap.Freeze(ALL[name](SGD()), {"hidden": 4}))
    hidden = network.get_layer("hidden").weights
    before = cases.values(hidden)
    cases.fit(network)  # of three steps
    cases.assert_equal(cases.values(hidden), before)
    cases.fit(network)
    assert np.any(cases.values(hidden)[0] != before[0])


@every_decay
def test_where_l4_makes_no_step_there_is_no_decay(wrap):
    variables = cases.variables()
    optimizer = stepwrap.L4Wrapper(wrap(SGD()))
    trained_once = functools.partial(cases.apply, optimizer, variables=variables)
    trained_once(gradients=cases.gradients(variables), loss=1.0)
    before = cases.values(variables)
    trained_once(gradients=cases.gradients(variables), loss=math.nan)
    cases.assert_equal(cases.values(variables), before)
    trained_once(gradients=[one * math.nan for one in cases.gradients(variables)], loss=1.0)
    cases.assert_equal(cases.values(variables), before)
    trained_once(gradients=cases.gradients(variables, 1), loss=1.0)
    assert all(np.all(np.isfinite(one)) for one in cases.values(variables))


def test_decays_of_different_variables_may_be_nested():
    inner = stepwrap.DecoupledWeightDecay(SGD(), 0.5, only="kernel")
    both = stepwrap.DecayToInitialWeights(inner, 0.25, exclude="kernel")
    [*_, nested] = trained(both, cases.variables())
    [*_, one] = trained(stepwrap.DecoupledWeightDecay(SGD(), 0.5), cases.variables())
    [*_, other] = trained(stepwrap.DecayToInitialWeights(SGD(), 0.25), cases.variables())
    assert_close(nested, [one[0], *other[1:]])


# What is refused.


@every_decay
def test_a_decay_of_the_inner_optimizer_is_refused(wrap):
    name = wrap.func.__name__
    words = rf"`weight_decay=0\.1` on SGD .* beside {name}\. Leave it out"
    for make in (
        lambda: wrap(keras.optimizers.SGD(weight_decay=0.1)),
        lambda: wrap(stepwrap.ClippedOptimizer(keras.optimizers.SGD(weight_decay=0.1))),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    with pytest.raises(ValueError, match=r"`weight_decay=0\.5` on TrustRatio"):
        wrap(stepwrap.TrustRatio("sgd", weight_decay=0.5))
    with pytest.raises(ValueError, match=r"`weight_decay=0\.004` on AdamW .*`weight_decay=0\.0`"):
        wrap("adamw")
    wrap(keras.optimizers.AdamW(weight_decay=0.0))


@pytest.mark.skipif(not hasattr(keras.optimizers, "Muon"), reason="this Keras has no Muon")
def test_both_decays_of_muon_are_refused():
    for arguments in ({"weight_decay": 0.0}, {"adam_weight_decay": 0.0}):
        with pytest.raises(ValueError, match=r"weight_decay=0\.004` on Muon"):
            stepwrap.DecoupledWeightDecay(keras.optimizers.Muon(**arguments), 0.1)
    muon = keras.optimizers.Muon(weight_decay=0.0, adam_weight_decay=0.0)
    stepwrap.DecoupledWeightDecay(muon, 0.1)


@every_decay
def test_one_that_is_set_later_is_refused(wrap):
    inner = SGD()
    optimizer = stepwrap.OptimizerWrapper(wrap(inner))
    with pytest.raises(ValueError, match=r"`weight_decay=0\.1` on SGD"):
        optimizer.weight_decay = 0.1
    assert inner.weight_decay is None
    optimizer.weight_decay = 0.0
    inner.weight_decay = 0.1
    variables = cases.variables()
    with pytest.raises(ValueError, match=r"`weight_decay=0\.1` on SGD"):
        optimizer.apply(cases.gradients(variables), variables)
    cases.assert_equal(cases.values(variables), cases.values(cases.variables()))


@has_multi_optimizer
def test_one_of_a_part_of_a_multi_optimizer_is_refused():
    parts = keras.optimizers.OptimizerMap(keras.optimizers.SGD())
    parts["bias"] = keras.optimizers.SGD(weight_decay=0.1)
    with pytest.raises(ValueError, match=r"`weight_decay=0\.1` on SGD"):
        stepwrap.DecoupledWeightDecay(keras.optimizers.MultiOptimizer(parts), 0.1)


@every_decay
def test_a_variable_that_would_decay_twice_is_refused(wrap):
    optimizer = wrap(stepwrap.DecoupledWeightDecay("sgd", 0.1, exclude="kernel"))
    variables = cases.variables()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"'bias' would decay twice.* DecoupledWeightDecay in"):
            optimizer.build(variables)


@every_decay
def test_around_what_runs_on_some_steps_only_it_is_refused(wrap):
    with pytest.raises(ValueError, match=r"SkipNonFinite runs the optimizer inside on some steps"):
        wrap(stepwrap.SkipNonFinite("sgd"))
    with pytest.raises(ValueError, match=r"GradientAccumulation"):
        wrap(stepwrap.GradientAccumulation("sgd", steps=2))
