"""GradientAccumulation: k batches of b samples do what one of k·b does, and only that."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND, WRAPPERS
from stepwrap import GradientAccumulation

EAGER = dict(jit_compile=False, run_eagerly=True)
MODES = {"eager": EAGER}
if BACKEND == "tensorflow":  # with XLA: see test_catalogue
    MODES["graph"] = dict(jit_compile=False)
if BACKEND == "jax":
    MODES["compiled"] = dict(jit_compile=True)

INSIDE = {
    name: functools.partial(WRAPPERS[name], "adam")
    for name in (*stepwrap.wrappers.names(), "user", "stack_of_steps")
}
# Those that clip, decay or average would differ most if they did so at every batch.
BASES = {
    "SGD": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "Adam": lambda: keras.optimizers.Adam(0.01),
    "Adam-clipnorm": lambda: keras.optimizers.Adam(0.01, clipnorm=0.01),
    "AdamW": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "Adam-ema": lambda: keras.optimizers.Adam(
        0.01, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2
    ),
    **INSIDE,
}
LARGE = 8  # of 24 samples: three steps


def train(network, batch_size, epochs=1, samples=24):
    x, y = cases.data(samples)
    network.fit(x, y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0)
    return network


EVERYDAY = {*BASES} - {*INSIDE} | {*cases.KINDS, "stack_of_steps"}


@functools.cache
def in_large_batches(base):
    """Weights and optimizer state, without accumulation."""
    network = train(cases.model(BASES[base](), **EAGER), LARGE)
    return cases.state(network)


@pytest.mark.parametrize(
    "base, mode",
    [
        pytest.param(
            base,
            MODES[mode],
            id=f"{base}-{mode}",
            marks=[] if base in (EVERYDAY if mode == "eager" else ["AdamW"]) else pytest.mark.long,
        )
        for base in BASES
        for mode in MODES
        # All wrappers inside: eagerly on PyTorch, compiled on JAX.
        if (BACKEND, mode) in (("torch", "eager"), ("jax", "compiled")) or base in EVERYDAY
    ],
)
def test_four_small_batches_do_what_a_large_one_does(base, mode):
    """Within 1e-6: weights, and iterations, averages and everything else the optimizer keeps."""
    accumulation = GradientAccumulation(BASES[base](), steps=4)
    network = train(cases.model(accumulation, **mode), LARGE // 4)
    actual = cases.values([*network.weights, *accumulation.inner_optimizer.variables])
    for one, other in zip(actual, in_large_batches(base), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("base", cases.others_long(BASES, EVERYDAY, "torch"))
def test_one_batch_to_a_step_is_no_accumulation(base):
    accumulation = GradientAccumulation(BASES[base](), steps=1)
    network = train(cases.model(accumulation, **EAGER), LARGE)
    actual = cases.values([*network.weights, *accumulation.inner_optimizer.variables])
    for one, other in zip(actual, in_large_batches(base), strict=True):
        np.testing.assert_array_equal(one, other)


def test_iterations_and_schedules_count_steps():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=1, decay_rate=0.5)
    network = cases.model(GradientAccumulation(keras.optimizers.SGD(schedule), steps=4), **EAGER)
    train(network, 2)
    assert cases.number(network.optimizer.iterations) == 3
    assert cases.number(network.optimizer.learning_rate) == pytest.approx(0.1 * 0.5**3)


def test_weights_and_inner_state_stay_between_steps():
    variables = cases.variables()
    optimizer = GradientAccumulation(keras.optimizers.AdamW(weight_decay=0.1), steps=3)
    optimizer.build(variables)
    watched = [*variables, *optimizer.inner_optimizer.variables]
    for batch in range(6):
        before = cases.values(watched)
        cases.apply(optimizer, cases.gradients(variables, batch), variables)
        if batch in (2, 5):
            after = cases.values(variables)
            assert all(np.all(a != b) for a, b in zip(after, before[: len(after)], strict=True))
        else:
            cases.assert_equal(cases.values(watched), before)


def three_to_a_step():
    return cases.model(GradientAccumulation(stepwrap.L4Wrapper("adam"), steps=3), **EAGER)


def train_on_four(network, epochs=1):
    """Four batches an epoch, of which one is left over."""
    return train(network, 2, epochs, samples=8)


def test_batches_left_over_count_towards_the_next_epoch():
    epochs, whole = three_to_a_step(), three_to_a_step()
    train_on_four(epochs)
    assert cases.number(epochs.optimizer.iterations) == 1
    train_on_four(epochs, epochs=2)
    assert cases.number(epochs.optimizer.iterations) == 4
    x, y = (np.tile(values, (3, 1)) for values in cases.data(8))
    whole.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    cases.assert_equal(cases.state(epochs), cases.state(whole))


@pytest.mark.parametrize("file", ["model.keras", "model.weights.h5"])
def test_resumes_bit_exact_in_the_middle_of_a_step(file, tmp_path):
    network = train_on_four(three_to_a_step())
    if file == "model.keras":
        network.save(tmp_path / file)
        resumed = keras.models.load_model(tmp_path / file)
        resumed.run_eagerly = True  # not part of the file
    else:
        network.save_weights(tmp_path / file)
        resumed = three_to_a_step()
        resumed.optimizer.build(resumed.trainable_variables)
        resumed.load_weights(tmp_path / file)
    cases.assert_equal(cases.state(resumed), cases.state(network))
    for one in (network, resumed):
        train_on_four(one)
    cases.assert_equal(cases.state(resumed), cases.state(network))


class Receiver(stepwrap.OptimizerWrapper):
    """Keeps what it was given at the last step."""

    def transform_gradients(self, gradients, variables):
        self.given = gradients if self.loss is None else [*gradients, self.loss]
        return gradients


@pytest.mark.parametrize("as_tensor", [True, False], ids=["tensor", "number"])
def test_sums_keep_the_precision_of_float64(as_tensor, float64):
    variables = cases.variables("float64")
    receiver = Receiver("sgd")
    optimizer = GradientAccumulation(receiver, steps=2)
    for value in (0.9, 1e-12):
        gradients = [ops.full(v.shape, value, dtype="float64") for v in variables]
        loss = ops.convert_to_tensor(value, "float64") if as_tensor else value
        optimizer.apply(gradients, variables, loss=loss)
    assert len(receiver.given) == 4
    for mean in cases.values(receiver.given):
        assert mean.dtype == "float64"
        np.testing.assert_array_equal(mean, (0.9 + 1e-12) / 2)


def test_variables_without_a_gradient_are_left_alone():
    variables = cases.variables()
    optimizer = GradientAccumulation(keras.optimizers.Adam(), steps=2)
    optimizer.build(variables)
    before = cases.values(variables)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        for seed in range(2):
            gradients = cases.gradients(variables, seed)
            optimizer.apply([gradients[0], None, None], variables)
    after = cases.values(variables)
    assert np.all(after[0] != before[0])
    cases.assert_equal(after[1:], before[1:])


def test_a_gradient_of_some_batches_only_counts_once():
    """As zero in the batches without it, and not again in the next step."""
    variables = cases.variables()
    receiver = Receiver("sgd")
    optimizer = GradientAccumulation(receiver, steps=2)
    one, two, three = (cases.gradients(variables, seed) for seed in range(3))
    for with_gradient, without in ((one, two), (three, two)):
        batches = [with_gradient, [*without[:2], None]]
        for gradients in batches if with_gradient is one else reversed(batches):
            optimizer.apply(gradients, variables)
        received, given = cases.values([receiver.given[2], with_gradient[2]])
        np.testing.assert_allclose(received, given / 2, rtol=1e-6)


# Batches that differ in which variables have gradients.


def in_graphs(optimizer, variables):
    """(gradients) → one batch, by a program for each choice of variables with a gradient."""
    if BACKEND == "torch":
        pytest.skip("PyTorch makes no graphs by default")
    optimizer.build(variables)
    programs = {}

    def apply(gradients):
        missing = tuple(gradient is None for gradient in gradients)
        if missing not in programs:
            programs[missing] = (_tf_program if BACKEND == "tensorflow" else _jax_program)(
                optimizer, variables, missing
            )
        programs[missing]([gradient for gradient in gradients if gradient is not None])

    return apply


def eagerly(optimizer, variables):
    """(gradients) → one batch."""
    return lambda gradients: optimizer.apply(gradients, variables, loss=1.0)


def _with_missing(given, missing):
    given = iter(given)
    return [None if one else next(given) for one in missing]


def _tf_program(optimizer, variables, missing):
    import tensorflow as tf

    return tf.function(
        lambda given: optimizer.apply(_with_missing(given, missing), variables, loss=1.0)
    )


def _jax_program(optimizer, variables, missing):
    import jax

    @jax.jit
    def program(weights, state, given):
        return optimizer.stateless_apply(state, _with_missing(given, missing), weights, loss=1.0)

    def apply(given):
        both = variables, optimizer.variables
        values = [[variable.value for variable in some] for some in both]
        for some, new in zip(both, program(*values, given), strict=True):
            for variable, value in zip(some, new, strict=True):
                variable.assign(value)

    return apply


def shared_and_heads():
    """One variable that always has a gradient, and three that take turns; all are constrained."""
    variables = [*cases.variables(), *cases.variables()[:1]]
    for number, variable in enumerate(variables):
        variable.assign(variable - 0.1 * number)
        variable.constraint = keras.constraints.NonNeg()
    return variables


# Of the variables that have no gradient in the last of three batches, all had one, some, or none.
TURNS = (1, 2, 3, 1, 3, 3, 3, 3, 3, 2, 1, 3, 3, 2, 1)
ALTERNATING = {
    "SGD": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "AdamW-ema": lambda: keras.optimizers.AdamW(
        0.01, weight_decay=0.5, use_ema=True, ema_momentum=0.5, global_clipnorm=0.1
    ),
    "a stack": lambda: stepwrap.MovingAverage(
        stepwrap.StepMomentum(
            stepwrap.GradientEMAFilter(keras.optimizers.AdamW(0.01, weight_decay=0.5))
        ),
        average_decay=0.5,
    ),
    "a stack on some": lambda: stepwrap.MovingAverage(
        stepwrap.StepMomentum(
            stepwrap.GradientEMAFilter(
                keras.optimizers.AdamW(0.01, weight_decay=0.5), exclude="scale"
            ),
            exclude="bias",
        ),
        average_decay=0.5,
        exclude="kernel",
    ),
}


@pytest.mark.parametrize("base", cases.others_long(ALTERNATING, ["AdamW-ema"]))
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_graphs_know_which_variables_had_a_gradient_in_another_batch(base):
    """As eagerly: with one it counts as zero elsewhere, without any the variable is left out."""
    results = []
    for make in (in_graphs, eagerly):
        variables = shared_and_heads()
        optimizer = GradientAccumulation(ALTERNATING[base](), steps=3)
        optimizer.build(variables)
        apply = make(optimizer, variables)
        for seed, turn in enumerate(TURNS):
            gradients = cases.gradients(variables, seed)
            apply([g if place in (0, turn) else None for place, g in enumerate(gradients)])
        results.append(cases.values([*variables, *optimizer.variables]))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


class TwoHeads(keras.Model):
    """Does the tasks that it is given inputs for."""

    def __init__(self):
        super().__init__()
        self.t1, self.t2 = keras.layers.Dense(1), keras.layers.Dense(1)

    def call(self, inputs):
        return {task: getattr(self, task)(x) for task, x in inputs.items()}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return sum(
            ops.mean(ops.square(ops.subtract(y_pred[task], target))) for task, target in y.items()
        )


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_two_heads_that_take_turns_in_fit():
    """Keras makes a graph for each task by itself."""
    x, y = cases.data(8)
    changes = []
    for mode in MODES.values():
        cases.seed(3)
        network = TwoHeads()
        network({"t1": x, "t2": x})
        network.compile(GradientAccumulation(keras.optimizers.SGD(0.1), steps=2), **mode)
        before = cases.values(network.weights)
        for task in ("t1", "t2") * 3:
            network.train_on_batch({task: x}, {task: y})
        after = cases.values(network.weights)
        changes.append([one - other for one, other in zip(after, before, strict=True)])
    assert all(np.any(change != 0) for change in changes[0])
    for others in changes:
        for one, other in zip(changes[0], others, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("count", [2, 0], ids=["one of two", "none"])
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_a_last_batch_with_fewer_gradients(count):
    """Also for an optimizer, such as a part of a MultiOptimizer, that then has none at all."""
    variables = cases.variables()[:2]
    inner_optimizer = keras.optimizers.SGD(1.0)
    if hasattr(keras.optimizers, "MultiOptimizer"):
        parts = keras.optimizers.OptimizerMap(inner_optimizer)
        parts["bias"] = keras.optimizers.SGD(1.0)
        inner_optimizer = keras.optimizers.MultiOptimizer(parts)
    optimizer = GradientAccumulation(inner_optimizer, steps=2)
    apply = in_graphs(optimizer, variables)
    first, second = cases.gradients(variables, 1), cases.gradients(variables, 2)
    before = cases.values(variables)
    apply([first[0], first[1] if count == 0 else None])
    apply([None, second[1] if count else None])
    expected = [first[0], second[1] if count else first[1]]
    for one, other, gradient in zip(
        cases.values(variables), before, cases.values(expected), strict=True
    ):
        np.testing.assert_allclose(one, other - gradient / 2, rtol=1e-6, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_values_in_place_of_gradients_in_some_batches():
    """As float8 scales: the largest of those that there were, or what the variable is."""
    variables = cases.variables()[:2]
    variables[1].overwrite_with_gradient = True
    optimizer = GradientAccumulation(keras.optimizers.SGD(0.1), steps=2)
    apply = in_graphs(optimizer, variables)
    [gradient, value] = (ops.ones(variable.shape) for variable in variables)
    before = cases.values(variables)[1]
    for given, expected in (([None, None], before), ([2 * value, None], 2), ([None, 3 * value], 3)):
        for one in given:
            apply([gradient, one])
        np.testing.assert_array_equal(cases.values(variables)[1], expected)


def test_gradients_in_every_batch_need_one_conditional(monkeypatch):
    conditionals = []

    class Counted(GradientAccumulation):
        def run_if(self, *arguments, **named_arguments):
            conditionals.append(arguments)
            return super().run_if(*arguments, **named_arguments)

    variables = cases.variables()
    in_graphs(Counted("sgd"), variables)(cases.gradients(variables))
    assert len(conditionals) == 1


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_gradients_of_a_file_from_before_it_was_kept_who_had_one():
    """In the middle of a step, they count."""
    variables = cases.variables()
    optimizer, resumed = (GradientAccumulation(keras.optimizers.SGD(1.0)) for _ in range(2))
    given = cases.gradients(variables)
    optimizer.apply(given, variables)
    store = {}
    optimizer.save_own_variables(store)
    del store[max(store, key=int)]
    resumed.build(variables)
    resumed.load_own_variables(store)
    before = cases.values(variables)
    resumed.apply([given[0], None, None], variables)
    for one, other, gradient, share in zip(
        cases.values(variables), before, cases.values(given), (1, 0.5, 0.5), strict=True
    ):
        np.testing.assert_allclose(one, other - share * gradient, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "make, remedy",
    [
        (
            lambda: stepwrap.NormalizedOptimizer(GradientAccumulation("adam")),
            r"GradientAccumulation must stand outermost: inside NormalizedOptimizer .* "
            r"Write `GradientAccumulation\(NormalizedOptimizer\(...\), ...\)`",
        ),
        (
            lambda: stepwrap.ClippedOptimizer(
                stepwrap.OptimizerWrapper(GradientAccumulation("adam"))
            ),
            r"Write `GradientAccumulation\(ClippedOptimizer\(...\), ...\)`",
        ),
        (
            lambda: stepwrap.L4Wrapper(GradientAccumulation("adam")),
            r"Write `GradientAccumulation\(L4Wrapper\(...\), ...\)`",
        ),
        (
            lambda: stepwrap.OptimizerWrapper(keras.optimizers.Adam(gradient_accumulation_steps=4)),
            r"`gradient_accumulation_steps=4` on Adam .* "
            r"`stepwrap.GradientAccumulation\(OptimizerWrapper\(...\), steps=4\)`",
        ),
        (lambda: GradientAccumulation("adam", steps=0), "`steps` must be .* Received: steps=0"),
        (lambda: GradientAccumulation("adam", steps=-1), "`steps` must be .* Received: steps=-1"),
    ],
    ids=["normalized", "deep", "l4", "inner setting", "zero", "negative"],
)
def test_misuse_is_an_error_with_the_remedy(make, remedy):
    with pytest.raises(ValueError, match=remedy):
        make()


@pytest.mark.parametrize("steps", [2.5, "4", True, None])
def test_steps_that_are_no_whole_number(steps):
    with pytest.raises(TypeError, match="`steps` must be a whole number above 0"):
        GradientAccumulation("adam", steps=steps)


def test_only_wrappers_that_change_nothing_may_stand_around_it():
    for around in (stepwrap.SkipNonFinite, stepwrap.OptimizerWrapper, GradientAccumulation):
        around(GradientAccumulation("adam"))
