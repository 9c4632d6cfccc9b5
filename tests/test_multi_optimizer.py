"""Keras' MultiOptimizer with wrappers around it, inside it, and both."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND, WRAPPERS
from stepwrap.core import stack
from stepwrap.wrappers.step_sizes.l4 import L4

pytestmark = pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)

EAGER = dict(jit_compile=False, run_eagerly=True)
REMEDY = r"Inside a MultiOptimizer.*put `stepwrap\.OptimizerWrapper` around that"


def multi(kernels, biases):
    parts = keras.optimizers.OptimizerMap(kernels)
    parts[".*bias"] = biases
    return keras.optimizers.MultiOptimizer(parts)


def needs_the_loss(optimizer):
    return any(isinstance(member, L4) for member in stack.walk(optimizer))


def biases():
    """A stack that has something of everything."""
    return stepwrap.SkipNonFinite(
        stepwrap.L4Wrapper(cases.HalvedStep(stepwrap.NormalizedOptimizer("adam")))
    )


all_wrappers = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)


# Different stacks for different layers.


@pytest.mark.parametrize("wrap", cases.values_long(WRAPPERS, cases.EVERYDAY, "torch"))
def test_each_part_does_what_its_stack_does_alone(wrap):
    together, variables = cases.variables(), cases.variables()
    places = {"kernels": [0, 2], "biases": [1]}
    optimizer = stepwrap.OptimizerWrapper(multi(wrap(keras.optimizers.Adam()), biases()))
    alone = {"kernels": wrap(keras.optimizers.Adam()), "biases": biases()}
    for seed in range(4):
        gradients = cases.gradients(variables, seed)
        cases.apply(optimizer, gradients, together, loss=1.0 / (seed + 1))
        for part, own in places.items():
            own_gradients = [gradients[place] for place in own]
            own_variables = [variables[place] for place in own]
            cases.apply(alone[part], own_gradients, own_variables, loss=1.0 / (seed + 1))
    cases.assert_equal(cases.values(together), cases.values(variables))
    for part, stack_alone in zip(optimizer.optimizers, reversed(alone.values()), strict=True):
        cases.assert_equal(cases.values(part.variables), cases.values(stack_alone.variables))


def _treats_each_variable_by_itself(wrap):
    wrapped = wrap(keras.optimizers.SGD())
    shares_random_numbers = hasattr(wrapped, "seed")
    shares_norm = getattr(wrapped, "scope", None) == "global"
    return not (needs_the_loss(wrapped) or shares_random_numbers or shares_norm)


BY_VARIABLE = {n: wrap for n, wrap in WRAPPERS.items() if _treats_each_variable_by_itself(wrap)}


@pytest.mark.parametrize("wrap", BY_VARIABLE.values(), ids=BY_VARIABLE)
def test_a_wrapper_around_it_is_one_around_each_part_if_variables_do_not_share(wrap):
    around = wrap(multi(keras.optimizers.Adam(), keras.optimizers.SGD(0.1)))
    within = multi(wrap(keras.optimizers.Adam()), wrap(keras.optimizers.SGD(0.1)))
    variables, others = cases.variables(), cases.variables()
    for seed in range(4):
        gradients = cases.gradients(variables, seed)
        cases.apply(around, gradients, variables)
        cases.apply(within, gradients, others)
    cases.assert_equal(cases.values(variables), cases.values(others))


def test_an_l4_around_it_has_one_step_size_for_all_parts():
    """Around two parts of the same optimizer it is what it is around that optimizer."""
    variables, others = cases.variables(), cases.variables()
    parts = stepwrap.L4Wrapper(multi(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1)))
    single = stepwrap.L4Wrapper(keras.optimizers.SGD(0.1))
    for seed in range(4):
        gradients = cases.gradients(variables, seed)
        cases.apply(parts, gradients, variables)
        cases.apply(single, gradients, others)
    for one, other in zip(cases.values(variables), cases.values(others), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    # Without a rate of its own, MultiOptimizer's step counts as that at rate 1.
    rates = [cases.number(optimizer.effective_learning_rate) for optimizer in (parts, single)]
    assert rates[0] == pytest.approx(10 * rates[1], rel=1e-5)


def test_accumulation_around_it_counts_batches_for_all_parts_and_inside_for_one():
    around = stepwrap.GradientAccumulation(multi(sgd(), sgd()))
    assert moves(around) == {"kernel": [0, 1, 1, 2], "bias": [0, 1, 1, 2], "scale": [0, 1, 1, 2]}
    inside = multi(stepwrap.GradientAccumulation(sgd()), sgd())
    assert moves(inside) == {"kernel": [0, 1, 1, 2], "bias": [1, 2, 3, 4], "scale": [0, 1, 1, 2]}


def test_a_gradient_that_is_not_finite_skips_all_parts_or_its_own():
    around = stepwrap.SkipNonFinite(multi(sgd(), sgd()))
    assert moves(around, nan_at=2) == {name: [1, 1, 2, 3] for name in ("kernel", "bias", "scale")}
    assert cases.number(around.skipped_steps) == 1
    inside = multi(stepwrap.SkipNonFinite(sgd()), stepwrap.SkipNonFinite(sgd()))
    assert moves(inside, nan_at=2) == {
        "kernel": [1, 2, 3, 4],
        "bias": [1, 1, 2, 3],
        "scale": [1, 2, 3, 4],
    }
    assert [cases.number(part.skipped_steps) for part in inside.optimizers] == [1, 0]


def sgd():
    return keras.optimizers.SGD(1.0)


def moves(optimizer, nan_at=None):
    """How far each variable has moved after each of four batches, whose gradients are all 1.

    Args:
        nan_at: The batch, from 1, in which the bias has a NaN.
    """
    variables = cases.variables()
    before = cases.values(variables)
    distances = {variable.name: [] for variable in variables}
    for batch in range(1, 5):
        gradients = [ops.ones(variable.shape) for variable in variables]
        if batch == nan_at:
            gradients[1] = ops.full(variables[1].shape, np.nan)
        cases.apply(optimizer, gradients, variables)
        for variable, start, now in zip(variables, before, cases.values(variables), strict=True):
            distances[variable.name].append(round(float(np.mean(start - now)), 3))
    return distances


def test_what_must_stand_outermost_is_refused_in_a_part_once_it_is_known():
    def choose(variable):
        return stepwrap.GradientAccumulation("sgd")

    optimizer = stepwrap.NormalizedOptimizer(keras.optimizers.MultiOptimizer(choose))
    with pytest.raises(ValueError, match="GradientAccumulation must stand outermost"):
        optimizer.build(cases.variables())


# The loss.


def test_without_the_loss_the_error_names_the_remedy():
    """Keras' MultiOptimizer does not hand it to its parts."""
    network = cases.model(multi(stepwrap.L4Wrapper("adam"), keras.optimizers.SGD(0.1)))
    before = cases.values(network.weights)
    with pytest.raises(ValueError, match=REMEDY):
        cases.fit(network)
    if BACKEND == "tensorflow":  # torch has run the other part; JAX keeps no weights after an error
        cases.assert_equal(cases.values(network.weights), before)


def test_without_the_loss_in_a_loop_of_ones_own_it_is_the_same_error():
    optimizer = multi(keras.optimizers.SGD(0.1), stepwrap.L4Wrapper("adam"))
    variables = cases.variables()
    optimizer.build(variables)
    before = cases.values([*variables, *optimizer.variables])
    with pytest.raises(ValueError, match=REMEDY):
        optimizer.apply(cases.gradients(variables), variables)
    cases.assert_equal(cases.values([*variables, *optimizer.variables]), before)


SCALE = 1024.0


def by_map(wrap):
    return multi(wrap(keras.optimizers.Adam()), wrap(keras.optimizers.SGD(0.1)))


def by_function(wrap):
    """As `by_map`; its parts are not known before it is built."""
    kernels, biases = wrap(keras.optimizers.Adam()), wrap(keras.optimizers.SGD(0.1))
    return keras.optimizers.MultiOptimizer(
        lambda variable: biases if "bias" in variable.path else kernels
    )


AROUND = {
    "wrapper": stepwrap.OptimizerWrapper,
    "loss scaler": lambda inner: stepwrap.LossScaleOptimizer(inner, SCALE),
    "both": lambda inner: stepwrap.LossScaleOptimizer(stepwrap.OptimizerWrapper(inner), SCALE),
}


HANDED_ON = [
    *((by_map, name) for name in AROUND),
    *((by_function, name) for name in ("wrapper", "both")),
]


@pytest.mark.parametrize(
    ("parts", "around"), HANDED_ON, ids=lambda value: getattr(value, "__name__", value)
)
def test_the_remedy_hands_the_loss_to_every_part(parts, around):
    made = []

    def l4(inner):
        made.append(stepwrap.L4Wrapper(inner, init_factor=0.5, minloss_forget_time=2.0))
        return made[-1]

    network = cases.model(AROUND[around](parts(l4)), **EAGER)
    loss = float(network.train_on_batch(*cases.data()))
    assert [cases.number(part.min_loss) for part in made] == [pytest.approx(0.75 * loss)] * 2


@pytest.mark.skipif(BACKEND != "tensorflow", reason="elsewhere Keras builds it before the loss")
def test_a_loss_scaler_around_parts_that_are_not_known_yet_is_an_error_with_the_remedy():
    network = cases.model(stepwrap.LossScaleOptimizer(by_function(stepwrap.L4Wrapper)), **EAGER)
    with pytest.raises(ValueError, match=REMEDY):
        cases.fit(network)


@pytest.mark.parametrize("around", cases.values_long(AROUND, everyday=["both"]))
def test_with_the_remedy_l4_in_every_part_learns(around):
    network = cases.model(around(by_map(lambda inner: stepwrap.L4Wrapper(inner, fraction=0.05))))
    losses = cases.fit(network, epochs=4)["loss"]
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))


# Its loss scale, which it gives to all its parts and takes back from their gradients.


def scaled(part):
    return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(part), 5.0)


def scaled_by_function(part):
    return keras.optimizers.MultiOptimizer(lambda variable: part, 5.0)


def wrapped():
    return stepwrap.OptimizerWrapper(sgd())


SCALES_INSIDE = {
    "around bare parts": lambda: stepwrap.OptimizerWrapper(scaled(sgd())),
    "around wrapped parts": lambda: stepwrap.OptimizerWrapper(scaled(wrapped())),
    "deeper": lambda: stepwrap.NormalizedOptimizer(
        stepwrap.OptimizerWrapper(scaled(stepwrap.OptimizerWrapper(wrapped())))
    ),
    "unknown parts": lambda: stepwrap.OptimizerWrapper(scaled_by_function(wrapped())),
    "in a part": lambda: stepwrap.OptimizerWrapper(
        multi(stepwrap.OptimizerWrapper(scaled(wrapped())), sgd())
    ),
    "in Keras' loss scaler": lambda: keras.optimizers.LossScaleOptimizer(
        stepwrap.OptimizerWrapper(scaled(wrapped()))
    ),
    "in a loss scaler": lambda: stepwrap.LossScaleOptimizer(
        stepwrap.OptimizerWrapper(scaled(wrapped()))
    ),
}


@pytest.mark.parametrize("make", SCALES_INSIDE.values(), ids=SCALES_INSIDE)
def test_a_loss_scale_inside_of_a_wrapper_is_refused(make):
    remedy = r"`loss_scale_factor=5\.0` on MultiOptimizer.*LossScaleOptimizer` around Opt"
    with pytest.raises(ValueError, match=remedy):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: scaled(wrapped()),
        lambda: scaled(stepwrap.OptimizerWrapper(wrapped())),
        lambda: scaled(stepwrap.OptimizerWrapper(multi(wrapped(), sgd()))),
        lambda: keras.optimizers.LossScaleOptimizer(scaled(wrapped()), 4.0),
        lambda: stepwrap.LossScaleOptimizer(scaled(stepwrap.OptimizerWrapper(wrapped())), 4.0),
    ],
)
def test_a_loss_scale_outside_of_all_wrappers_cancels(make):
    optimizer, variable = make(), keras.Variable(0.0)
    optimizer.build([variable])
    gradient = optimizer.scale_loss(ops.convert_to_tensor(1.0))
    if BACKEND == "jax":  # where Keras' loss scaler works in no other way
        state = [one.value for one in optimizer.variables]
        [value], _ = optimizer.stateless_apply(state, [gradient], [variable.value])
        variable.assign(value)
    else:
        optimizer.apply([gradient], [variable])
    assert cases.number(variable) == -1.0


@pytest.mark.parametrize(
    ("attribute", "remedy"),
    [
        ("loss_scale_factor", "LossScaleOptimizer` around OptimizerWrapper"),
        ("gradient_accumulation_steps", r"GradientAccumulation\(Optimizer.*, steps=5\)"),
    ],
)
@pytest.mark.parametrize("around", [lambda inner: inner, scaled], ids=["leaf", "part"])
def test_a_loss_scale_that_is_set_inside_later_is_refused_at_the_next_step(
    around, attribute, remedy
):
    leaf = sgd()
    multi_optimizer = around(leaf)
    multi_optimizer.loss_scale_factor = None
    optimizer, variable = stepwrap.OptimizerWrapper(multi_optimizer), keras.Variable(0.0)
    optimizer.build([variable])
    setattr(leaf, attribute, 5)
    with pytest.raises(ValueError, match=remedy):
        optimizer.apply([ops.ones(())], [variable])
    assert cases.number(variable) == 0.0
    setattr(leaf, attribute, None)
    optimizer.apply([ops.ones(())], [variable])
    assert cases.number(variable) == -1.0


# Configs, files, callbacks.


def everywhere(wrap):
    """The wrapper around it, and another stack in each part."""
    return wrap(multi(cases.AveragedGradient("adam"), stepwrap.ClippedOptimizer(stepwrap.L4Mom())))


@all_wrappers
def test_config_round_trip(wrap):
    for optimizer in (everywhere(wrap), by_map(wrap)):
        twin = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
        assert keras.optimizers.serialize(twin) == keras.optimizers.serialize(optimizer)
        assert [type(m) for m in stack.walk(twin)] == [type(m) for m in stack.walk(optimizer)]


# Every wrapper around a MultiOptimizer of bare parts: see test_catalogue.
@pytest.mark.parametrize(
    "name",
    cases.others_long(["gradient_accumulation", "l4", "skip_non_finite", "stack"], ["l4", "stack"]),
)
def test_resumes_bit_exact_with_wrappers_everywhere(name, tmp_path):
    assert_resumes(lambda: everywhere(WRAPPERS[name]), tmp_path / "model.keras")


def test_resumes_bit_exact_with_nothing_around_it(tmp_path):
    assert_resumes(lambda: by_map(stepwrap.GradientAccumulation), tmp_path / "model.keras")


def with_an_idle_part():
    parts = keras.optimizers.OptimizerMap(stepwrap.L4Wrapper("adam"))
    parts["nothing"] = stepwrap.L4Wrapper("sgd")
    return stepwrap.OptimizerWrapper(keras.optimizers.MultiOptimizer(parts))


def test_resumes_bit_exact_with_a_part_without_variables(tmp_path):
    assert_resumes(with_an_idle_part, tmp_path / "model.keras")


def assert_resumes(make_optimizer, path):
    uninterrupted = cases.model(make_optimizer(), **EAGER)
    cases.fit(uninterrupted)
    uninterrupted.save(path)
    loaded = keras.models.load_model(path)
    loaded.run_eagerly = True  # not part of the file
    cases.assert_equal(cases.state(loaded), cases.state(uninterrupted))
    for network in (uninterrupted, loaded):
        cases.fit(network)
    cases.assert_equal(cases.state(loaded), cases.state(uninterrupted))


def test_a_step_monitor_leaves_out_a_part_without_variables():
    network = cases.model(with_an_idle_part(), **EAGER)
    history = cases.fit(network, callbacks=[stepwrap.callbacks.StepMonitor()])
    assert history["effective_learning_rate"][0] > 0


@pytest.mark.parametrize(
    "make_callback",
    [
        lambda: keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
        lambda: keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9),
    ],
    ids=["LearningRateScheduler", "ReduceLROnPlateau"],
)
def test_learning_rate_callbacks_do_what_they_do_bare(make_callback):
    def parts(wrap):
        return multi(wrap(keras.optimizers.Adam(0.5)), wrap(keras.optimizers.SGD(0.25)))

    def rates(optimizer):
        network = cases.model(optimizer, **EAGER)
        cases.fit(network, epochs=2, callbacks=[make_callback()])
        return [cases.number(part.learning_rate) for part in network.optimizer.optimizers]

    bare = rates(parts(lambda inner: inner))
    assert bare != [0.25, 0.5]
    wrap = WRAPPERS["normalized"]
    for optimizer in (parts(wrap), wrap(parts(lambda inner: inner)), wrap(parts(wrap))):
        assert rates(optimizer) == bare
