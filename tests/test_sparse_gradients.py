"""Sparse gradients of an Embedding on TensorFlow: exact, whatever the norm and the wrapper."""

import keras
import numpy as np
import pytest

import cases
import stepwrap
from cases import WRAPPERS
from stepwrap import normalizers

tf = pytest.importorskip("tensorflow")
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
    cases.assert_equal(trained(sparse, given_as_slices), trained(dense, given_dense))


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


# An Embedding is a Dense layer without bias on one-hot rows.

WORDS = np.array([[0, 4, 0], [2, 0, 2], [1, 1, 1], [3, 0, 3]] * 2, "int32")
TARGETS = np.random.default_rng(3).normal(size=(8, 3, 2)).astype("float32")


def text_model(optimizer, as_embedding, run_eagerly=False, jit_compile=False):
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
    network.fit(x, TARGETS, batch_size=4, epochs=2, shuffle=False, verbose=0)
    return cases.values(network.weights)


# Compiling is slow: where all wrappers do the same to slices, some stand for all.
GRAPH, XLA, EAGER = {}, {"jit_compile": True}, {"run_eagerly": True}
MODES = [
    *((name, GRAPH) for name in WRAPPERS),
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


@pytest.mark.parametrize("wrapper", ["normalized", "gradient_accumulation", "l4"])
def test_an_embedding_under_a_loss_scaler(wrapper):
    """Slices pass through Keras' check for overflow and its division by the scale."""
    plain, scaled = (WRAPPERS[wrapper](keras.optimizers.SGD(0.1)) for _ in range(2))
    scaler = stepwrap.LossScaleOptimizer(scaled, initial_scale=8.0)
    cases.assert_equal(text_model(scaler, True, **EAGER), text_model(plain, True, **EAGER))
    assert cases.number(scaler.dynamic_scale) == 8
