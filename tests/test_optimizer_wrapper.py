"""The contract: what a wrapper delegates, and that by itself it changes nothing."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND, BASE_OPTIMIZERS

has_multi_optimizer = pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)


@pytest.mark.parametrize(
    "base",
    cases.values_long(
        BASE_OPTIMIZERS, ["Adam", "SGD-momentum", "Adam-clipnorm-ema", "user"], "torch"
    ),
)
def test_by_itself_it_changes_nothing(base):
    eager = {} if base is keras.optimizers.Adam else dict(jit_compile=False, run_eagerly=True)
    wrapper = stepwrap.OptimizerWrapper(base(), jit_compile=False)  # XLA rounds in other places
    bare, wrapped = (cases.model(optimizer, **eager) for optimizer in (base(), wrapper))
    cases.fit(bare, epochs=2)
    cases.fit(wrapped, epochs=2)
    cases.assert_equal(cases.state(wrapped), cases.state(bare))


@pytest.mark.parametrize(
    "inner",
    [
        keras.optimizers.Adam(0.5),
        "adam",
        "Adam",
        {"class_name": "adam", "config": {"learning_rate": 0.5}},
        keras.optimizers.serialize(keras.optimizers.Adam(0.5)),
        keras.optimizers.serialize(stepwrap.NormalizedOptimizer(keras.optimizers.Adam(0.5))),
        "tests>SignDescent",
    ],
    ids=["instance", "name", "capitals", "config", "serialized", "wrapper", "registered"],
)
def test_the_inner_optimizer_may_be(inner):
    optimizer = stepwrap.OptimizerWrapper(inner)
    assert isinstance(optimizer.inner_optimizer, keras.optimizers.Optimizer)
    if isinstance(inner, keras.optimizers.Optimizer):
        assert optimizer.inner_optimizer is inner
    if not isinstance(inner, str):
        rate = float(ops.convert_to_numpy(optimizer.learning_rate))
        assert rate == pytest.approx(0.5)


def test_a_config_is_left_as_it_was():
    config = {"class_name": "Adam", "config": {"learning_rate": 0.5}}
    stepwrap.OptimizerWrapper(config)
    assert config == {"class_name": "Adam", "config": {"learning_rate": 0.5}}
    config = keras.optimizers.serialize(stepwrap.NormalizedOptimizer("adam"))["config"]
    before = repr(config)
    stepwrap.NormalizedOptimizer.from_config(config)
    assert repr(config) == before


def test_attributes_are_those_of_the_innermost_optimizer():
    inner = keras.optimizers.Adam(0.5)
    optimizer = stepwrap.ClippedOptimizer(stepwrap.NormalizedOptimizer(inner))
    assert optimizer.learning_rate is inner.learning_rate
    assert optimizer.iterations is inner.iterations
    assert optimizer.variables == inner.variables
    optimizer.learning_rate = 0.25
    assert float(ops.convert_to_numpy(inner.learning_rate)) == 0.25
    inner.learning_rate = 0.125
    assert float(ops.convert_to_numpy(optimizer.learning_rate)) == 0.125


def test_variables_are_its_own_and_then_the_inner_ones():
    inner = keras.optimizers.Adam()
    optimizer = cases.AveragedGradient(inner)
    variables = cases.variables()
    optimizer.build(variables)
    own = optimizer.variables[: len(variables)]
    assert [v.shape for v in own] == [v.shape for v in variables]
    assert optimizer.variables[len(variables) :] == inner.variables


def test_at_any_depth_the_innermost_is_asked_for_its_variables_once():
    asked = []

    class Asked(cases.SignDescent):
        @property
        def variables(self):
            asked.append(self)
            return super().variables

    optimizer = Asked()
    for _ in range(6):
        optimizer = stepwrap.Lookahead(optimizer)
    optimizer.build(cases.variables())
    for name in ("variables", "own_variables"):
        asked.clear()
        assert getattr(optimizer, name)
        assert len(asked) == 1, name


def test_build_is_idempotent_and_keeps_a_trained_inner_optimizer():
    variables = cases.variables()
    inner = cases.SignDescent()
    inner.apply(cases.gradients(variables), variables)
    count = len(inner.variables)
    optimizer = stepwrap.NormalizedOptimizer(inner)
    optimizer.build(variables)
    optimizer.build(variables)
    assert len(inner.variables) == len(optimizer.variables) == count
    assert int(ops.convert_to_numpy(optimizer.iterations)) == 1


def test_a_build_without_a_guard_makes_its_state_once():
    made = []

    class Counting(stepwrap.OptimizerWrapper):
        def build(self, variables):
            super().build(variables)
            self.count = self.add_variable((), name="count")
            made.append(self.count)

        def after_step(self, variables):
            self.count.assign(self.count + 1)

    class Derived(Counting):
        def build(self, variables):
            super().build(variables)
            self.other = self.add_variable((), name="other")
            made.append(self.other)

    variables = cases.variables()
    optimizer = Derived("sgd")
    for _ in range(2):
        optimizer.apply(cases.gradients(variables), variables)
        optimizer.build(variables)
    assert made == [optimizer.count, optimizer.other]
    assert len(optimizer.own_variables) == 2
    assert cases.number(optimizer.count) == 2


def test_apply_gradients_returns_the_iterations():
    variables = cases.variables()
    optimizer = stepwrap.NormalizedOptimizer("sgd")
    for _ in range(2):
        pairs = zip(cases.gradients(variables), variables, strict=True)
        iterations = optimizer.apply_gradients(pairs)
    assert int(ops.convert_to_numpy(iterations)) == 2


def test_apply_without_variables_uses_those_it_was_built_with():
    variables = cases.variables()
    optimizer = stepwrap.NormalizedOptimizer("sgd")
    optimizer.build(variables)
    before = cases.values(variables)
    optimizer.apply(cases.gradients(variables))
    assert any(np.any(new != old) for new, old in zip(cases.values(variables), before, strict=True))
    optimizer.apply([])
    assert int(ops.convert_to_numpy(optimizer.iterations)) == 1


def test_the_average_of_the_weights_is_set_at_the_end_of_fit():
    network = cases.model(
        stepwrap.NormalizedOptimizer(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    )
    recorded = []
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: recorded.append(cases.values(network.weights))
    )
    if BACKEND == "jax":  # its weights are written back at the end of an epoch
        record = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: (
                network.jax_state_sync(),
                recorded.append(cases.values(network.weights)),
            )
        )
    cases.fit(network, callbacks=[record])
    average = recorded[0]
    for weights in recorded[1:]:
        average = [0.5 * old + 0.5 * new for old, new in zip(average, weights, strict=True)]
    for final, expected in zip(cases.values(network.weights), average, strict=True):
        np.testing.assert_allclose(final, expected, rtol=1e-5, atol=1e-7)


def test_weight_decay_exclusions_reach_the_inner_optimizer():
    variables = cases.variables()
    optimizer = stepwrap.OptimizerWrapper(keras.optimizers.SGD(0.1, weight_decay=0.5))
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    before = cases.values(variables)
    optimizer.apply([ops.zeros(variable.shape) for variable in variables], variables)
    kernel, bias, scale = cases.values(variables)
    np.testing.assert_array_equal(bias, before[1])
    np.testing.assert_allclose(kernel, before[0] * 0.95, rtol=1e-6)
    np.testing.assert_allclose(scale, before[2] * 0.95, rtol=1e-6)


@has_multi_optimizer
def test_learning_rate_callbacks_work_on_the_parts_of_a_multi_optimizer():
    network = cases.model(stepwrap.NormalizedOptimizer(cases._multi_optimizer()))
    cases.fit(network, callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 0.25)])
    for part in network.optimizer.optimizers:
        assert float(ops.convert_to_numpy(part.learning_rate)) == 0.25
    assert not hasattr(network.optimizer, "learning_rate")
    assert not hasattr(stepwrap.NormalizedOptimizer("sgd"), "optimizers")


@has_multi_optimizer
def test_inside_a_multi_optimizer_and_its_loss_scale():
    def multi(wrap, loss_scale_factor):
        optimizer_map = keras.optimizers.OptimizerMap(wrap(keras.optimizers.SGD(0.1)))
        optimizer_map[".*bias"] = wrap(keras.optimizers.SGD(0.01))
        return keras.optimizers.MultiOptimizer(optimizer_map, loss_scale_factor)

    plain = cases.model(multi(stepwrap.NormalizedOptimizer, None))
    scaled = cases.model(multi(stepwrap.NormalizedOptimizer, 1024.0))
    cases.fit(plain)
    cases.fit(scaled)
    for one, other in zip(cases.values(plain.weights), cases.values(scaled.weights), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_inside_a_loss_scale_optimizer():
    plain = cases.model(stepwrap.NormalizedOptimizer(keras.optimizers.SGD(0.1)))
    scaled = cases.model(
        keras.optimizers.LossScaleOptimizer(stepwrap.NormalizedOptimizer(keras.optimizers.SGD(0.1)))
    )
    cases.fit(plain)
    cases.fit(scaled)
    for one, other in zip(cases.values(plain.weights), cases.values(scaled.weights), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_gradients_that_overwrite_their_variable_pass_untouched():
    variables = cases.variables()
    variables[2].overwrite_with_gradient = True
    optimizer = stepwrap.NormalizedOptimizer(keras.optimizers.SGD(1.0))
    gradients = cases.gradients(variables)
    optimizer.apply(gradients, variables)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(variables[2]), ops.convert_to_numpy(gradients[2])
    )


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow's Embedding is sparse")
@pytest.mark.parametrize("name", stepwrap.normalizers.names())
def test_slices_with_duplicates_equal_the_dense_gradient(name):
    import tensorflow as tf

    slices = tf.IndexedSlices(
        tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, -6.0]]), tf.constant([0, 2, 0]), (4, 2)
    )
    dense = tf.constant([[6.0, -4.0], [0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    results = []
    for gradient in (slices, dense):
        variable = keras.Variable(np.ones((4, 2), "float32"))
        stepwrap.NormalizedOptimizer(keras.optimizers.SGD(1.0), name).apply([gradient], [variable])
        results.append(ops.convert_to_numpy(variable))
    np.testing.assert_array_equal(*results)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow's Embedding is sparse")
def test_an_embedding_trains_compiled():
    keras.utils.set_random_seed(1)
    network = keras.Sequential(
        [keras.Input((3,), dtype="int32"), keras.layers.Embedding(7, 2), keras.layers.Flatten()]
    )
    network.compile(stepwrap.NormalizedOptimizer(keras.optimizers.SGD(0.1), "std"), loss="mse")
    x = np.array([[0, 1, 0], [2, 2, 2]], "int32")
    y = np.ones((2, 6), "float32")
    losses = network.fit(x, y, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
