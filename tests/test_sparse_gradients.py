"""Sparse gradients of an Embedding on TensorFlow: exact, whatever the norm and the wrapper."""

import functools

import keras
import numpy as np
import pytest

import cases
import stepwrap
from cases import WRAPPERS
from stepwrap import normalizers
from stepwrap.core.sparse import keeps_rows

tf = pytest.importorskip("tensorflow")
if cases.BACKEND == "tensorflow":
    from stepwrap.backends.tensorflow.device import in_xla

pytestmark = pytest.mark.skipif(
    cases.BACKEND != "tensorflow", reason="only TensorFlow's Embedding has sparse gradients"
)

NORMS = [*((name, "variable") for name in normalizers.names()), ("l2", "layer"), ("std", "global")]


def given_as_slices(seed):
    """What an Embedding of 5 words and an LSTM would have: slices with duplicates, and a tensor."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(6, 3)).astype("float32")
    slices = tf.IndexedSlices(tf.constant(rows), tf.constant([0, 4, 0, 2, 0, 2]), (5, 3))
    return [slices, tf.constant(random.normal(size=(3,)).astype("float32"))]


def given_dense(seed):
    return [tf.convert_to_tensor(gradient) for gradient in given_as_slices(seed)]


def trained(optimizer, gradients):
    """Weights and state after three steps on gradients(seed)."""
    random = np.random.default_rng(1)
    variables = [
        keras.Variable(random.normal(size=shape).astype("float32"), name=name)
        for name, shape in {"embeddings": (5, 3), "bias": (3,)}.items()
    ]
    for seed in range(3):
        cases.apply(optimizer, gradients(seed), variables)
    return cases.values([*variables, *optimizer.variables])


def test_the_dense_computation_is_the_sum_over_duplicates():
    slices, _ = given_as_slices(0)
    total = np.zeros((5, 3), "float32")
    np.add.at(total, slices.indices.numpy(), slices.values.numpy())
    np.testing.assert_allclose(given_dense(0)[0].numpy(), total, rtol=1e-6)


@pytest.mark.parametrize(("norm", "scope"), NORMS)
@pytest.mark.parametrize("wrapper", [stepwrap.NormalizedOptimizer, stepwrap.ClippedOptimizer])
def test_every_norm_of_slices_is_that_of_the_dense_gradient(wrapper, norm, scope):
    optimizers = [wrapper(keras.optimizers.SGD(0.1), norm, scope=scope) for _ in range(2)]
    sparse, dense = optimizers
    pairs = zip(trained(sparse, given_as_slices), trained(dense, given_dense), strict=True)
    for one, other in pairs:  # sums of rows are in another order than those of the table
        np.testing.assert_allclose(one, other, rtol=1e-6)


OPTIMIZERS = {
    **{name: lambda wrap=wrap: wrap(keras.optimizers.Adam()) for name, wrap in WRAPPERS.items()},
    "L4Adam": stepwrap.L4Adam,
    "L4Mom": stepwrap.L4Mom,
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_wrapper_steps_on_slices_as_on_the_dense_gradient(make):
    cases.assert_equal(trained(make(), given_as_slices), trained(make(), given_dense))


def test_the_parts_of_a_multi_optimizer_and_its_scaled_loss():
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")

    def multi():
        parts = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1))
        parts["embeddings"] = stepwrap.NormalizedOptimizer(keras.optimizers.Adam())
        return keras.optimizers.MultiOptimizer(parts, loss_scale_factor=8.0)

    sparse = trained(multi(), given_as_slices)
    cases.assert_equal(sparse, trained(multi(), given_dense))


# What stays sparse.

KEEP_ROWS = {
    *("normalized", "clipped", "skip_non_finite"),
    *("lookahead", "moving_average", "stochastic_weight_average"),
    *("decoupled_weight_decay", "corrected_weight_decay", "decay_to_initial_weights"),
}


class Recorder(keras.optimizers.SGD):
    """SGD that tells what kind of gradient it was given for a matrix: slices, if ever."""

    kind = None

    def update_step(self, gradient, variable, learning_rate):
        if len(variable.shape) == 2 and self.kind is not tf.IndexedSlices:
            self.kind = type(gradient)
        super().update_step(gradient, variable, learning_rate)


def kind_given_by(wrap):
    """Of the gradient that the inner optimizer gets from a wrapper that was given slices."""
    recorder = Recorder(0.1)
    optimizer = wrap(recorder)
    table = keras.Variable(np.ones((5, 3), "float32"), name="embeddings")
    bias = keras.Variable(np.ones((3,), "float32"), name="bias")
    for seed in range(cases.batches_per_step(optimizer)):
        cases.apply(optimizer, given_as_slices(seed), [table, bias])
    return recorder.kind


@pytest.mark.parametrize("name", stepwrap.wrappers.names())
def test_a_wrapper_of_the_catalogue_leaves_slices_sparse_if_it_says_so(name):
    stays_sparse = kind_given_by(WRAPPERS[name]) is tf.IndexedSlices
    assert stays_sparse == keeps_rows(stepwrap.wrappers.get(name)) == (name in KEEP_ROWS)


@pytest.mark.parametrize("name", ["gradient_noise", "trust_ratio", "l4"])
def test_a_wrapper_leaves_the_slices_of_a_variable_sparse_that_it_leaves_out(name):
    wrap = functools.partial(WRAPPERS[name], exclude="embeddings")
    assert kind_given_by(wrap) is tf.IndexedSlices
    sparse, dense, bare = (
        trained(make(keras.optimizers.SGD(0.1)), gradients)
        for make, gradients in (
            (wrap, given_as_slices),
            (wrap, given_dense),
            (stepwrap.OptimizerWrapper, given_as_slices),
        )
    )
    cases.assert_equal(sparse[:1], bare[:1])
    for one, other in zip(sparse, dense, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


class LooksAtGradients(stepwrap.NormalizedOptimizer):
    """A user's subclass of a wrapper that leaves slices sparse."""

    def transform_gradients(self, gradients, variables):
        return [gradient + 0 * keras.ops.max(gradient) for gradient in gradients]


class LooksAtThemInside(stepwrap.OptimizerWrapper):
    """The same in another hook."""

    def apply_inner(self, gradients, variables, loss):
        super().apply_inner([gradient * 2 for gradient in gradients], variables, loss)


class LooksAtThemFirst(stepwrap.OptimizerWrapper):
    """The same in Keras' own method."""

    def apply(self, grads, trainable_variables=None, loss=None):
        grads = [tf.convert_to_tensor(gradient) * 2 for gradient in grads]
        super().apply(grads, trainable_variables, loss)


class OnlyAfterwards(stepwrap.OptimizerWrapper):
    """A user's wrapper to which gradients do not matter."""

    def after_step(self, variables):
        pass


@pytest.mark.parametrize("users", [LooksAtGradients, LooksAtThemInside, LooksAtThemFirst])
def test_users_hooks_see_dense_gradients(users):
    assert kind_given_by(users) is not tf.IndexedSlices
    assert kind_given_by(lambda inner: stepwrap.ClippedOptimizer(users(inner))) is not (
        tf.IndexedSlices
    )


def test_a_user_s_wrapper_that_does_not_see_gradients_leaves_them_sparse():
    assert kind_given_by(OnlyAfterwards) is tf.IndexedSlices


def test_users_functions_see_dense_gradients():
    shapes = []

    def normalizer(gradient):
        shapes.append(gradient.shape)
        return gradient / 2

    def norm(gradient):
        shapes.append(gradient.shape)
        return keras.ops.max(gradient)

    kind_given_by(lambda inner: stepwrap.NormalizedOptimizer(inner, normalizer))
    kind_given_by(lambda inner: stepwrap.ClippedOptimizer(inner, norm, scope="global"))
    assert shapes == [(5, 3), (3,), (18,)]


# Batches of words: some twice, out of order, a single one, none.
LOOKED_UP = [[7, 0, 7, 2, 0, 7], [8, 8, 8, 8], [3], []]


def _multi_optimizer():
    parts = keras.optimizers.OptimizerMap(keras.optimizers.Adam(0.1))
    parts["embeddings"] = stepwrap.NormalizedOptimizer(keras.optimizers.SGD(0.1))
    return keras.optimizers.MultiOptimizer(parts)


def sgd(**arguments):
    return keras.optimizers.SGD(0.1, **arguments)


STACKS = {
    "identity": lambda: stepwrap.OptimizerWrapper(sgd()),
    "largest": lambda: stepwrap.NormalizedOptimizer(sgd(), "max"),
    "mean of all": lambda: stepwrap.ClippedOptimizer(sgd(), "avg_l1", 0.1, scope="global"),
    "spread": lambda: stepwrap.NormalizedOptimizer(sgd(), "std"),
    "two": lambda: stepwrap.SkipNonFinite(
        stepwrap.NormalizedOptimizer(stepwrap.ClippedOptimizer(sgd(), "l1"), scope="layer")
    ),
    "weights": lambda: stepwrap.Lookahead(stepwrap.NormalizedOptimizer(sgd()), sync_period=2),
    "clipnorm": lambda: stepwrap.OptimizerWrapper(sgd(clipnorm=0.1)),
    "global_clipnorm": lambda: stepwrap.OptimizerWrapper(sgd(global_clipnorm=0.1)),
    "clipvalue": lambda: stepwrap.OptimizerWrapper(sgd(clipvalue=0.1)),
    "decay": lambda: stepwrap.NormalizedOptimizer(sgd(weight_decay=0.1, use_ema=True)),
    "decay to the initial weights": lambda: stepwrap.DecayToInitialWeights(sgd(), 0.1),
    "momentum": lambda: stepwrap.NormalizedOptimizer(sgd(momentum=0.9)),
    "adam": lambda: stepwrap.NormalizedOptimizer(keras.optimizers.Adam(0.1)),
    "adagrad": lambda: stepwrap.NormalizedOptimizer(keras.optimizers.Adagrad(0.1)),
}
if hasattr(keras.optimizers, "MultiOptimizer"):  # not in every Keras
    STACKS["parts"] = lambda: stepwrap.ClippedOptimizer(_multi_optimizer())

# A graph for any number of words, which the everyday suite makes of a few stacks, or XLA's.
PLACES = [
    *((stack, "eager") for stack in STACKS),
    *((stack, place) for stack in ("two", "mean of all", "largest") for place in ("graph", "xla")),
]


def looked_up(make, as_slices, place):
    """Weights and state after a step for each batch of words."""
    random = np.random.default_rng(1)
    table = keras.Variable(random.normal(size=(9, 3)).astype("float32"), name="embeddings")
    bias = keras.Variable(random.normal(size=(3,)).astype("float32"), name="bias")
    optimizer = make()
    optimizer.build([table, bias])

    def step(rows, words, of_bias):
        of_table = tf.IndexedSlices(rows, words, tf.constant([9, 3]))
        of_table = of_table if as_slices else tf.convert_to_tensor(of_table)
        optimizer.apply([of_table, of_bias], [table, bias])

    if place != "eager":
        shapes = [tf.TensorSpec([None, 3]), tf.TensorSpec([None], tf.int32), tf.TensorSpec([3])]
        xla = place == "xla"
        step = tf.function(step, input_signature=shapes, jit_compile=xla, autograph=False)
    for words in LOOKED_UP:
        rows = random.normal(size=(len(words), 3)).astype("float32")
        of_bias = random.normal(size=(3,)).astype("float32")
        step(tf.constant(rows), tf.constant(words, tf.int32), tf.constant(of_bias))
    return cases.values([table, bias, *optimizer.variables])


@pytest.mark.parametrize(("stack", "place"), PLACES)
def test_steps_on_rows_are_those_on_the_dense_gradient(stack, place):
    make = STACKS[stack]
    pairs = zip(looked_up(make, True, place), looked_up(make, False, "eager"), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_a_graph_for_any_number_of_words_is_not_compiled_for_each():
    """XLA compiles anew for every shape, of which there may be as many as batches."""
    calls = []

    class Counted(stepwrap.NormalizedOptimizer):
        @property
        def compiles_update(self):
            calls.append(in_xla())
            return True

    class Traced(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            calls.append(in_xla())
            super().update_step(gradient, variable, learning_rate)

    looked_up(lambda: Counted(Traced(0.1)), True, "graph")
    assert calls and not any(calls)  # with a dense gradient, the last ones are True


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_skipped(bad):
    table = keras.Variable(np.ones((5, 3), "float32"))
    optimizer = stepwrap.SkipNonFinite(stepwrap.ClippedOptimizer(Recorder(0.1)))
    for rows in ([[1.0] * 3, [bad] * 3], [[1e30] * 3, [1.0] * 3]):  # 1e30 squared overflows
        optimizer.apply([tf.IndexedSlices(tf.constant(rows), [0, 4], (5, 3))], [table])
    assert cases.number(optimizer.skipped_steps) == 1
    assert optimizer.inner_optimizer.inner_optimizer.kind is tf.IndexedSlices
    expected = np.ones((5, 3), "float32")
    expected[0] -= 0.1 / np.sqrt(3)
    np.testing.assert_allclose(cases.values([table])[0], expected, rtol=1e-6)


def test_a_monitor_records_the_norm_of_rows():
    table = keras.Variable(np.ones((5, 3), "float32"))
    bias = keras.Variable(np.ones((3,), "float32"))
    optimizer = stepwrap.NormalizedOptimizer(Recorder(0.1))
    optimizer.build([table, bias])
    record = optimizer.record_steps()
    optimizer.apply(given_as_slices(0), [table, bias])
    norm = np.sqrt(sum(np.sum(np.square(gradient)) for gradient in given_dense(0)))
    assert optimizer.inner_optimizer.kind is tf.IndexedSlices
    assert record.last()["gradient_norm"] == pytest.approx(norm, rel=1e-6)


@pytest.mark.parametrize("shape", [(5, 2), (6, 3)])
def test_slices_of_another_table_are_refused(shape):
    table = keras.Variable(np.ones((5, 3), "float32"), name="embeddings")
    slices = tf.IndexedSlices(tf.ones((1, shape[1])), tf.constant([0]), tf.constant(shape))
    with pytest.raises(ValueError, match=rf"'embeddings' .*\(5, 3\).*\({shape[0]}, {shape[1]}\)"):
        stepwrap.NormalizedOptimizer("sgd").apply([slices], [table])


# An Embedding is a Dense layer without bias on one-hot rows.

WORDS = np.array([[0, 4, 0], [2, 0, 2], [1, 1, 1], [3, 0, 3]] * 2, "int32")
TARGETS = np.random.default_rng(3).normal(size=(8, 3, 2)).astype("float32")


def text_model(optimizer, as_embedding, run_eagerly=False, jit_compile=False, callbacks=()):
    table = np.random.default_rng(2).normal(size=(5, 4)).astype("float32")
    head = np.random.default_rng(4).normal(size=(4, 2)).astype("float32")
    if as_embedding:
        layers = [keras.Input((3,), dtype="int32"), keras.layers.Embedding(5, 4)]
    else:
        layers = [keras.Input((3, 5)), keras.layers.Dense(4, use_bias=False)]
    network = keras.Sequential([*layers, keras.layers.Dense(2, use_bias=False)])
    network.set_weights([table, head])
    network.compile(optimizer, loss="mse", run_eagerly=run_eagerly, jit_compile=jit_compile)
    x = WORDS if as_embedding else np.eye(5, dtype="float32")[WORDS]
    arguments = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
    network.fit(x, TARGETS, callbacks=list(callbacks), **arguments)
    return cases.values(network.weights)


# Compiling is slow: where all wrappers do the same to slices, some stand for all.
GRAPH, XLA, EAGER = {}, {"jit_compile": True}, {"run_eagerly": True}
MODES = [
    # The example multiplies by name, and the variables of the two models have other names.
    *((name, GRAPH) for name in WRAPPERS if name != "learning_rate_multipliers"),
    *((name, XLA) for name in ("normalized", "gradient_accumulation", "stack_of_steps")),
]


@pytest.mark.parametrize(("wrapper", "mode"), MODES, ids=str)
@pytest.mark.long
def test_an_embedding_trains_like_a_dense_layer_on_one_hot_rows(wrapper, mode):
    wrap = WRAPPERS[wrapper]
    sparse = text_model(wrap(keras.optimizers.SGD(0.1)), True, **mode)
    dense = text_model(wrap(keras.optimizers.SGD(0.1)), False, **EAGER)
    for one, other in zip(sparse, dense, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_an_embedding_is_trained_on_rows():
    recorder = Recorder(0.1)
    sparse = text_model(stepwrap.NormalizedOptimizer(recorder), True, **GRAPH)
    assert recorder.kind is tf.IndexedSlices
    dense = text_model(stepwrap.NormalizedOptimizer(sgd()), False, **EAGER)
    for one, other in zip(sparse, dense, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("wrapper", ["normalized", "gradient_accumulation", "l4"])
def test_an_embedding_under_a_loss_scaler(wrapper):
    """Slices pass through Keras' check for overflow and its division by the scale."""
    plain, scaled = (WRAPPERS[wrapper](keras.optimizers.SGD(0.1)) for _ in range(2))
    scaler = stepwrap.LossScaleOptimizer(scaled, initial_scale=8.0)
    cases.assert_equal(text_model(scaler, True, **EAGER), text_model(plain, True, **EAGER))
    assert cases.number(scaler.dynamic_scale) == 8


def test_a_monitor_is_given_the_whole_gradient():
    runs = []
    for as_embedding in (True, False):
        monitor = stepwrap.callbacks.StepMonitor()
        optimizer = stepwrap.NormalizedOptimizer(sgd())
        text_model(optimizer, as_embedding, **EAGER, callbacks=[monitor])
        runs.append(monitor.model.history.history)
    for name in ("gradient_norm", "step_norm", "cosine"):
        np.testing.assert_allclose(runs[0][name], runs[1][name], rtol=1e-5)
