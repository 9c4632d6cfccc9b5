"""RAdam against the paper's formulas in float64, and against PyTorch's."""

import decimal
import json
import math

import keras
import numpy as np
import pytest
from keras import ops

import cases
import references
import stepwrap
from cases import BACKEND
from stepwrap.optimizers import RAdam

RATE = 2.0**-9  # exact in float32, in which Keras keeps learning rates
SHAPES = [(4, 3), (3,), ()]
HYPER_PARAMETERS = [
    {},
    {"beta_2": 0.99},
    {"beta_1": 0.0, "beta_2": 0.9},
    {"beta_1": 0.5, "beta_2": 0.7},  # rectified from step 28 on
    {"beta_2": 0.6},  # never rectified
    {"beta_2": 0.0},
    {"epsilon": 0.01},
]


def gradients_at(step):
    random = np.random.default_rng(step)
    return [(random.normal(size=shape) + 0.3).astype("float32") for shape in SHAPES]


def steps_of(optimizer, count, dtype="float32"):
    """Every step by itself: the weights are put back to zero before each."""
    variables = [keras.Variable(np.zeros(shape), dtype=dtype) for shape in SHAPES]
    for step in range(count):
        for variable in variables:
            variable.assign(np.zeros(variable.shape))
        tensors = [ops.convert_to_tensor(g, dtype=dtype) for g in gradients_at(step)]
        optimizer.apply(tensors, variables)
        yield cases.values(variables)


def reference_steps(count, **hyper_parameters):
    of_shapes = [references.optimizers.Rectified(**hyper_parameters) for _ in SHAPES]
    for step in range(count):
        pairs = zip(of_shapes, gradients_at(step), strict=True)
        yield [RATE * reference.step(gradient) for reference, gradient in pairs]


def assert_close(actual, expected, tolerance=1e-6):
    """Relative to the largest element of all."""
    differences = [
        one.astype("float64") - other for one, other in zip(actual, expected, strict=True)
    ]
    largest = max(np.max(np.abs(value)) for value in expected)
    assert max(np.max(np.abs(difference)) for difference in differences) <= tolerance * largest


hyper_parameters = pytest.mark.parametrize(
    "hyper_parameters",
    cases.whole_on(
        "torch", {str(each): each for each in HYPER_PARAMETERS}, ["{}", "{'beta_2': 0.6}"]
    ),
)


@hyper_parameters
def test_every_step_is_that_of_the_formula(hyper_parameters):
    actual = steps_of(RAdam(RATE, **hyper_parameters), 120)
    for one, other in zip(actual, reference_steps(120, **hyper_parameters), strict=True):
        assert_close(one, other)


@pytest.mark.skipif(BACKEND == "jax", reason="Keras keeps 64-bit numbers from JAX")
@hyper_parameters
def test_every_step_in_float64(hyper_parameters):
    actual = steps_of(RAdam(RATE, **hyper_parameters), 40, "float64")
    for one, other in zip(actual, reference_steps(40, **hyper_parameters), strict=True):
        assert_close(one, other, 1e-11)  # what the reference loses where ρ_t is a difference


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits(dtype):
    epsilon = {"float16": 2.0**-10, "bfloat16": 2.0**-7}[dtype]
    actual = steps_of(RAdam(RATE), 8, dtype)
    for one, other in zip(actual, reference_steps(8), strict=True):
        assert_close(one, other, 8 * epsilon)  # a rounding of the state in each step


def test_the_fifth_step_is_not_yet_rectified_as_in_the_authors_code():
    actual, published = list(steps_of(RAdam(RATE), 40)), list(reference_steps(40, bound=4))
    unlike = [
        step + 1
        for step, (one, other) in enumerate(zip(actual, published, strict=True))
        if not np.allclose(one[0], other[0], rtol=1e-3, atol=0)
    ]
    assert unlike == [5]
    momentum = sum(0.1 * 0.9 ** (4 - step) * gradients_at(step)[0] for step in range(5))
    np.testing.assert_allclose(actual[4][0], -RATE * momentum / (1 - 0.9**5), rtol=1e-5)


def exact_step(t, beta_2):
    """The step t after t − 1 gradients of 0 and one of 1, with 60 digits, and beta_1 of 0."""
    with decimal.localcontext(prec=60):
        beta_2, epsilon = decimal.Decimal(beta_2), decimal.Decimal("1e-7")
        final = 2 / (1 - beta_2) - 1
        correction = 1 - beta_2**t
        length = final - 2 * t * beta_2**t / correction
        if length <= 5:
            return -1.0
        rectified = (
            ((length - 4) * (length - 2) * final) / ((final - 4) * (final - 2) * length)
        ).sqrt()
        return -float(rectified * correction.sqrt() / ((1 - beta_2).sqrt() + epsilon))


@pytest.mark.parametrize("beta_2", [0.67, 0.75, 0.9, 0.99, 0.999, 0.999999, 1 - 2**-30])
def test_nothing_is_lost_to_rounding_up_to_millions_of_steps(beta_2):
    variable = keras.Variable(0.0)
    optimizer = RAdam(1.0, beta_1=0.0, beta_2=beta_2)
    optimizer.build([variable])
    for t in [1, 2, 4, 5, 6, 7, 10, 30, 100, 1000, 2000, 2001, 10_000, 10**6, 5 * 10**6]:
        for state in (variable, *optimizer.variables[2:]):
            state.assign(0.0)
        optimizer.iterations.assign(t - 1)
        optimizer.apply([ops.convert_to_tensor(1.0)], [variable])
        assert cases.number(variable) == pytest.approx(exact_step(t, beta_2), rel=1e-6), t


@pytest.mark.parametrize("beta_2", [0.0, 0.5, 2 / 3])
def test_a_short_average_leaves_momentum_with_bias_correction(beta_2):
    assert_same_steps(RAdam(RATE, beta_2=beta_2), RAdam(RATE, beta_2=0.999999), 5)


def test_a_zero_gradient_makes_no_step():
    variable = keras.Variable([1.0, 2.0])
    optimizer = RAdam(0.1)
    for _ in range(8):
        optimizer.apply([ops.zeros((2,))], [variable])
    np.testing.assert_array_equal(ops.convert_to_numpy(variable), [1.0, 2.0])


def torch_weights(count, start, learning_rate, beta_1, beta_2, epsilon, weight_decay):
    """Before and after each step of PyTorch's RAdam in float64."""
    torch = pytest.importorskip("torch")
    weights = [torch.tensor(value, dtype=torch.float64, device="cpu") for value in start]
    optimizer = torch.optim.RAdam(
        weights,
        learning_rate,
        (beta_1, beta_2),
        epsilon,
        weight_decay,
        decoupled_weight_decay=True,
        foreach=False,
    )
    for step in range(count):
        before = [weight.numpy().copy() for weight in weights]
        for weight, gradient in zip(weights, gradients_at(step), strict=True):
            weight.grad = torch.tensor(gradient, dtype=torch.float64, device="cpu")
        optimizer.step()
        yield before, [weight.numpy().copy() for weight in weights]


@cases.of_a_peer_on("torch")
@pytest.mark.parametrize(
    "hyper_parameters",
    [
        (RATE, 0.9, 0.999, 1e-7, 0.0),
        (RATE, 0.9, 0.999, 1e-7, 0.1),
        (2.0**-6, 0.95, 0.99, 1e-8, 0.5),
        (2.0**-4, 0.0, 0.9, 1e-3, 0.01),
        (RATE, 0.9, 0.6, 1e-7, 0.1),
    ],
    ids=str,
)
def test_every_step_is_that_of_pytorch(hyper_parameters):
    random = np.random.default_rng(1)
    start = [random.normal(size=shape).astype("float32") / 100 for shape in SHAPES]
    variables = [keras.Variable(value) for value in start]
    optimizer = RAdam(*hyper_parameters)
    for step, (before, after) in enumerate(torch_weights(100, start, *hyper_parameters)):
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        optimizer.apply([ops.convert_to_tensor(g) for g in gradients_at(step)], variables)
        assert_close(cases.values(variables), after)


def assert_same_steps(optimizer, other, count=8):
    """Bit for bit."""
    pairs = zip(steps_of(optimizer, count), steps_of(other, count), strict=True)
    for one, another in pairs:
        cases.assert_equal(one, another)


class PowerOfTwo(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 2.0 ** -ops.cast(step, "float32")


def test_a_schedule_gives_the_learning_rate():
    scheduled = steps_of(RAdam(PowerOfTwo()), 8)
    for t, (one, other) in enumerate(zip(scheduled, steps_of(RAdam(1.0), 8), strict=True)):
        assert_close(one, [value * 2.0**-t for value in other])


def test_a_wrapper_takes_the_whole_step():
    halved = cases.HalvedStep(RAdam(2 * RATE))
    assert_same_steps(halved, RAdam(RATE))


@pytest.mark.parametrize(
    ("argument", "clip"),
    [
        ("clipnorm", lambda g, _: g * min(1, 0.5 / np.linalg.norm(g))),
        ("clipvalue", lambda g, _: np.clip(g, -0.5, 0.5)),
        ("global_clipnorm", lambda g, norm: g * min(1, 0.5 / norm)),
    ],
)
def test_gradients_are_clipped_as_by_any_keras_optimizer(argument, clip):
    of_shapes = [references.optimizers.Rectified() for _ in SHAPES]
    for step, actual in enumerate(steps_of(RAdam(RATE, **{argument: 0.5}), 8)):
        gradients = gradients_at(step)
        norm = np.sqrt(sum(np.sum(np.square(gradient)) for gradient in gradients))
        pairs = zip(of_shapes, gradients, strict=True)
        assert_close(actual, [RATE * one.step(clip(gradient, norm)) for one, gradient in pairs])


def test_gradient_accumulation_and_loss_scaling_are_those_of_keras():
    variables, others = cases.variables(), cases.variables()
    accumulating, plain = RAdam(gradient_accumulation_steps=2, loss_scale_factor=8.0), RAdam()
    for step in range(6):
        gradients = cases.gradients(variables, step)
        for _ in range(2):
            accumulating.apply([8 * gradient for gradient in gradients], variables)
        plain.apply(gradients, others)
    cases.assert_equal(cases.values(variables), cases.values(others))


def test_weights_are_averaged_as_by_any_keras_optimizer():
    [variable], average = cases.variables()[:1], None
    optimizer = RAdam(use_ema=True, ema_momentum=0.5)
    for step in range(4):
        optimizer.apply(cases.gradients([variable], step), [variable])
        [weights] = cases.values([variable])
        average = weights if average is None else (average + weights) / 2
    optimizer.finalize_variable_values([variable])
    np.testing.assert_allclose(ops.convert_to_numpy(variable), average, rtol=1e-6)


@pytest.mark.skipif(BACKEND == "torch", reason="torch compiles nothing by default")
def test_compiled_steps_are_the_eager_ones():
    variables, others = cases.variables(), cases.variables()
    optimizer, other = RAdam(0.01, weight_decay=0.1), RAdam(0.01, weight_decay=0.1)
    optimizer.build(variables)
    if BACKEND == "jax":
        step = cases.compiled(optimizer.stateless_apply)
    else:
        step = cases.compiled(lambda gradients: optimizer.apply(gradients, variables))
    for seed in range(8):
        gradients = cases.gradients(variables, seed)
        other.apply(gradients, others)
        if BACKEND == "jax":
            state = [variable.value for variable in optimizer.variables]
            weights, state = step(state, gradients, [variable.value for variable in variables])
            for variable, value in zip(
                [*variables, *optimizer.variables], [*weights, *state], strict=True
            ):
                variable.assign(value)
        else:
            step(gradients)
    assert_close(cases.values(variables), cases.values(others))


def test_resumes_bit_exact():
    variables, others = cases.variables(), cases.variables()
    optimizer, resumed = RAdam(0.01), RAdam(0.01)
    for seed in range(4):
        optimizer.apply(cases.gradients(variables, seed), variables)
    store = {}
    optimizer.save_own_variables(store)
    resumed.build(others)
    resumed.load_own_variables(store)
    for other, value in zip(others, cases.values(variables), strict=True):
        other.assign(value)
    for seed in range(4, 8):
        optimizer.apply(cases.gradients(variables, seed), variables)
        resumed.apply(cases.gradients(variables, seed), others)
    cases.assert_equal(
        cases.values([*variables, *optimizer.variables]),
        cases.values([*others, *resumed.variables]),
    )


def test_the_config_has_every_argument():
    arguments = {
        "beta_1": 0.8,
        "beta_2": 0.95,
        "epsilon": 1e-5,
        "weight_decay": 0.01,
        "global_clipnorm": 2.0,
        "use_ema": True,
        "ema_momentum": 0.9,
        "ema_overwrite_frequency": 7,
        "loss_scale_factor": 4.0,
        "gradient_accumulation_steps": 3,
        "name": "rectified",
    }
    optimizer = RAdam(RATE, **arguments)
    config = keras.optimizers.serialize(optimizer)
    assert config["registered_name"] == "stepwrap>RAdam"
    assert {**arguments, "learning_rate": RATE}.items() <= config["config"].items()
    copy = keras.optimizers.deserialize(json.loads(json.dumps(config)))
    assert type(copy) is RAdam and copy.get_config() == optimizer.get_config()


def test_the_name_is_that_of_the_algorithm():
    assert RAdam().name == "radam"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"learning_rate": -0.1}, ValueError, "`learning_rate`.*at least 0.*-0.1"),
        ({"learning_rate": "fast"}, TypeError, "`learning_rate`.*'fast' of type str"),
        ({"beta_1": 1.0}, ValueError, "`beta_1`.*at least 0 and below 1.*1.0"),
        ({"beta_2": 1}, ValueError, "`beta_2`.*at least 0 and below 1"),
        ({"beta_2": -0.1}, ValueError, "`beta_2`.*at least 0 and below 1.*-0.1"),
        ({"beta_2": None}, TypeError, "`beta_2`.*None of type NoneType"),
        ({"epsilon": -1e-7}, ValueError, "`epsilon`.*at least 0"),
        ({"epsilon": math.nan}, ValueError, "`epsilon`.*finite"),
        ({"weight_decay": -0.01}, ValueError, "`weight_decay`.*at least 0"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, ValueError, "Only one of `clipnorm`"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_at_once(arguments, error, words):
    with pytest.raises(error, match=words):
        RAdam(**arguments)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow has sparse gradients")
def test_sparse_gradients_are_summed_over_duplicates():
    import tensorflow as tf

    rows = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, -6.0]])
    sparse, dense = (keras.Variable(np.zeros((4, 2), "float32")) for _ in range(2))
    optimizers = [RAdam(RATE), RAdam(RATE)]
    for _ in range(7):
        slices = tf.IndexedSlices(rows, tf.constant([1, 3, 1]), (4, 2))
        optimizers[0].apply([slices], [sparse])
        optimizers[1].apply([tf.convert_to_tensor(slices)], [dense])
    cases.assert_equal(cases.values([sparse]), cases.values([dense]))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_two_replicas_step_as_one_device():
    import mirrored

    networks = [mirrored.trained(RAdam, replicas) for replicas in (1, 2)]
    one, two = (cases.values(network.weights) for network in networks)
    for alone, together in zip(one, two, strict=True):
        np.testing.assert_allclose(alone, together, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a format of TensorFlow")
def test_resumes_bit_exact_from_a_tensorflow_checkpoint(tmp_path):
    import tensorflow as tf

    [variable], [other] = cases.variables()[:1], cases.variables()[:1]
    optimizer, resumed = RAdam(0.01), RAdam(0.01)
    for seed in range(6):
        optimizer.apply(cases.gradients([variable], seed), [variable])
    path = tf.train.Checkpoint(optimizer=optimizer).save(str(tmp_path / "checkpoint"))
    resumed.build([other])
    tf.train.Checkpoint(optimizer=resumed).restore(path)
    cases.assert_equal(cases.values(resumed.variables), cases.values(optimizer.variables))


def test_the_optimizer_is_part_of_the_package():
    assert stepwrap.optimizers.RAdam is RAdam
