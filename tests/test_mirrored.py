"""Training under `tf.distribute.MirroredStrategy` on two replicas, as on one device."""

import keras
import numpy as np
import pytest

import cases
import distributed_cases
import mirrored
import stepwrap
from cases import BACKEND
from distributed_cases import BATCH_SIZE, CASES

pytestmark = pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")


LONG_EAGERLY = pytest.param(True, marks=pytest.mark.long)


def deep_stack():
    """Every kind of wrapper at once."""
    return stepwrap.GradientAccumulation(
        stepwrap.SkipNonFinite(
            stepwrap.ClippedOptimizer(
                stepwrap.L4Wrapper(
                    stepwrap.NormalizedOptimizer(keras.optimizers.Adam()), max_learning_rate=0.01
                )
            )
        ),
        steps=2,
    )


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_trains_as_on_one_device(differences, case):
    one = distributed_cases.flat(mirrored.trained(CASES[case], replicas=1))
    modes = ("graph", "eager") if case.endswith(("momentum", "clipnorm")) else ("graph",)
    for mode in modes:
        two = mirrored.trained(CASES[case], replicas=2, run_eagerly=mode == "eager")
        distributed_cases.assert_trained_alike(
            distributed_cases.flat(two),
            one,
            lambda difference, mode=mode: differences(
                f"MirroredStrategy, {mode}", case, difference
            ),
        )


@pytest.mark.long
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_deep_stack_trains_as_on_one_device(run_eagerly):
    one, two = (mirrored.trained(deep_stack, n, run_eagerly=run_eagerly) for n in (1, 2))
    distributed_cases.assert_trained_alike(
        distributed_cases.flat(two), distributed_cases.flat(one), lambda difference: None
    )
    for name, ours, expected in zip(
        [variable.path for variable in two.optimizer.variables],
        cases.values(two.optimizer.variables),
        cases.values(one.optimizer.variables),
        strict=True,
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6, err_msg=name)


def stack_on_some():
    """Wrappers that act on different variables, and write to those of others past each other."""
    momentum = stepwrap.StepMomentum(keras.optimizers.Adam(clipnorm=1.0), exclude="out/bias")
    l4 = stepwrap.L4Wrapper(momentum, max_learning_rate=0.01, only="kernel")
    return stepwrap.MovingAverage(l4, exclude="hidden")


@pytest.mark.long
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_stack_on_some_variables_trains_as_on_one_device(run_eagerly):
    one, two = (mirrored.trained(stack_on_some, n, run_eagerly=run_eagerly) for n in (1, 2))
    distributed_cases.assert_trained_alike(
        distributed_cases.flat(two), distributed_cases.flat(one), lambda difference: None
    )


@pytest.mark.long
@pytest.mark.parametrize("make", [deep_stack, stack_on_some])
def test_a_strategy_of_one_device_changes_nothing(make):
    import tensorflow as tf

    def uncompiled():  # as under a strategy
        return stepwrap.OptimizerWrapper(make(), jit_compile=False)

    plain = mirrored.trained(uncompiled, replicas=1, steps=4)
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        network = cases.model(uncompiled(), jit_compile=False)
    x, y = (array[: 4 * BATCH_SIZE] for array in distributed_cases.data())
    network.fit(x, y, batch_size=BATCH_SIZE, shuffle=False, verbose=0)
    cases.assert_equal(cases.state(network), cases.state(plain))


@pytest.mark.long
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_gradients_are_reduced_once(monkeypatch, run_eagerly):
    """As often as a bare optimizer does it, and everything in the one call."""
    import tensorflow as tf

    reduced = []
    original = tf.distribute.ReplicaContext.all_reduce

    def all_reduce(self, reduce_op, value, options=None):
        reduced.append(len(tf.nest.flatten(value)))
        return original(self, reduce_op, value, options)

    monkeypatch.setattr(tf.distribute.ReplicaContext, "all_reduce", all_reduce)
    calls = {}
    for name, make in {"bare": keras.optimizers.Adam, "wrapped": deep_stack}.items():
        mirrored.trained(make, replicas=2, steps=2, run_eagerly=run_eagerly)
        calls[name] = reduced.copy()
        reduced.clear()
    assert calls["bare"] and set(calls["bare"]) == {4}  # kernels and biases
    assert calls["wrapped"] == [5] * len(calls["bare"])  # the loss, too


@pytest.mark.long
@pytest.mark.parametrize("way", ["apply", "scale_loss"])
def test_a_training_loop_of_the_users_own(way):
    """Gradients and loss of a replica are its share of a sum, as TensorFlow's guide has it."""
    import tensorflow as tf

    x, y = distributed_cases.data()
    with mirrored.scope(2):
        network = cases.model(stepwrap.L4Wrapper(keras.optimizers.Adam()))

    def step(x, y):
        optimizer, variables = network.optimizer, network.trainable_variables
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(network(x, training=True) - y)) / BATCH_SIZE
            if way == "scale_loss":
                loss = optimizer.scale_loss(loss)
        gradients = tape.gradient(loss, variables)
        optimizer.apply(gradients, variables, loss=loss if way == "apply" else None)

    with mirrored.scope(2):
        network.optimizer.build(network.trainable_variables)
    run = tf.function(lambda batch: mirrored.strategy().run(step, args=batch))
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH_SIZE)
    for batch in mirrored.strategy().experimental_distribute_dataset(batches):
        run(batch)
    expected = mirrored.trained(lambda: stepwrap.L4Wrapper(keras.optimizers.Adam()), replicas=1)
    distributed_cases.assert_trained_alike(
        distributed_cases.flat(network), distributed_cases.flat(expected), lambda difference: None
    )


@pytest.mark.long
def test_resumes_bit_exact_and_on_one_device(tmp_path):
    make = deep_stack
    uninterrupted = mirrored.trained(make, replicas=2, steps=10)
    network = mirrored.trained(make, replicas=2, steps=5)  # in the middle of an accumulation
    network.save(tmp_path / "model.keras")
    x, y = (array[5 * BATCH_SIZE : 10 * BATCH_SIZE] for array in distributed_cases.data())
    for replicas in (1, 2):
        with mirrored.scope(replicas):
            loaded = keras.models.load_model(tmp_path / "model.keras")
        cases.assert_equal(cases.state(loaded), cases.state(network))
        loaded.fit(x, y, batch_size=BATCH_SIZE, shuffle=False, verbose=0)
        if replicas == 2:
            cases.assert_equal(cases.state(loaded), cases.state(uninterrupted))
        else:
            for ours, expected in zip(
                cases.values(loaded.weights), cases.values(uninterrupted.weights), strict=True
            ):
                np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.long
def test_a_monitor_reads_the_same_as_on_one_device():
    histories = []
    for replicas in (1, 2):
        with mirrored.scope(replicas):
            network = cases.model(deep_stack(), jit_compile=False)
        histories.append(cases.fit(network, 2, callbacks=[stepwrap.callbacks.StepMonitor()]))
    assert "effective_learning_rate" in histories[0]
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-5, err_msg=name)


# Steps that are not finite.

SCALED = {
    "Keras' loss scaler": lambda: stepwrap.NormalizedOptimizer("adam"),
    "stepwrap's loss scaler": lambda: stepwrap.LossScaleOptimizer(
        stepwrap.NormalizedOptimizer("adam")
    ),
    "stepwrap's loss scaler, with the loss": lambda: stepwrap.LossScaleOptimizer(
        stepwrap.L4Wrapper("adam")
    ),
}


@pytest.mark.parametrize("run_eagerly", [False, LONG_EAGERLY])
@pytest.mark.parametrize("overflowing_replica", [pytest.param(0, marks=pytest.mark.long), 1])
@pytest.mark.parametrize("scaler", cases.others_long(SCALED, [*SCALED][2:]))
def test_an_overflow_on_one_replica_is_skipped_on_all(scaler, overflowing_replica, run_eagerly):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = mirrored.trained(SCALED[scaler], replicas=2, steps=2, run_eagerly=run_eagerly)
    finally:
        keras.config.set_dtype_policy("float32")
    before = dict(zip(_paths(network), cases.state(network), strict=True))
    x, y = (array[:BATCH_SIZE].copy() for array in distributed_cases.data())
    y[overflowing_replica * BATCH_SIZE // 2] = 3e4  # times the loss scale, too large for float16
    network.fit(x, y, batch_size=BATCH_SIZE, shuffle=False, verbose=0)
    after = dict(zip(_paths(network), cases.state(network), strict=True))
    changed = {path for path in before if before[path].tobytes() != after[path].tobytes()}
    changed = {path.rpartition("/")[2] for path in changed}
    if scaler == "Keras' loss scaler" and overflowing_replica == 1:
        assert changed == {"step_counter"}  # it has not seen it
    else:
        assert changed == {"step_counter", "dynamic_scale"}


def _paths(network):
    return [variable.path for variable in [*network.weights, *network.optimizer.variables]]


def test_a_nan_on_one_replica_is_skipped_on_all():
    make = lambda: stepwrap.SkipNonFinite(keras.optimizers.Adam())  # noqa: E731
    network = mirrored.trained(make, replicas=2, steps=2)
    before = cases.values([*network.weights, *network.optimizer.inner_optimizer.variables])
    x, y = (array[:BATCH_SIZE].copy() for array in distributed_cases.data())
    y[-1] = np.nan  # the second replica's
    network.fit(x, y, batch_size=BATCH_SIZE, shuffle=False, verbose=0)
    after = cases.values([*network.weights, *network.optimizer.inner_optimizer.variables])
    cases.assert_equal(after, before)
    assert cases.number(network.optimizer.skipped_steps) == 1


# What cannot be done is said before a weight changes.


def test_an_optimizer_made_outside_the_scope_is_refused():
    inner_optimizer = keras.optimizers.Adam()
    for optimizer in (
        stepwrap.NormalizedOptimizer("adam"),
        lambda: stepwrap.NormalizedOptimizer(inner_optimizer),
    ):
        with mirrored.scope(2):
            network = cases.model(
                optimizer() if callable(optimizer) else optimizer, jit_compile=False
            )
        before = cases.values(network.weights)
        with pytest.raises(ValueError, match=r"under MirroredStrategy, .* no strategy\. Make the"):
            cases.fit(network)
        cases.assert_equal(cases.values(network.weights), before)


def test_a_model_made_outside_the_scope_is_refused():
    network = cases.model()
    before = cases.values(network.weights)
    with mirrored.scope(2):
        network.compile(stepwrap.NormalizedOptimizer("adam"), loss="mse", jit_compile=False)
    with pytest.raises(ValueError, match=r"made under no strategy, .* under MirroredStrategy\. "):
        cases.fit(network)
    cases.assert_equal(cases.values(network.weights), before)


def test_training_outside_of_the_strategy_is_refused():
    network = mirrored.trained(lambda: stepwrap.NormalizedOptimizer("adam"), replicas=2, steps=1)
    before = cases.values(network.weights)
    variables = network.trainable_variables
    gradients = cases.gradients(variables)
    with pytest.raises(ValueError, match=r"under no strategy\. .* `strategy.run`"):
        network.optimizer.apply(gradients, variables)
    with mirrored.scope(2), pytest.raises(ValueError, match=r"inside of `strategy.run`"):
        network.optimizer.apply(gradients, variables)
    cases.assert_equal(cases.values(network.weights), before)


def test_jit_compile_is_refused():
    with mirrored.scope(2):
        network = cases.model(stepwrap.NormalizedOptimizer("adam"), jit_compile=True)
    before = cases.values(network.weights)
    with pytest.raises(ValueError, match=r"jit_compile=True.*`jit_compile=False`"):
        cases.fit(network)
    cases.assert_equal(cases.values(network.weights), before)
