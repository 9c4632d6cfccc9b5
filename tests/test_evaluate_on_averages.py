"""EvaluateOnAverages: what validation sees, and that training does not notice."""

import keras
import numpy as np
import pytest

import cases
from cases import BACKEND
from stepwrap.callbacks import EvaluateOnAverages
from stepwrap.wrappers import Lookahead, MovingAverage, StochasticWeightAverage

EAGER = dict(jit_compile=False, run_eagerly=True)
COMPILED = dict(jit_compile=BACKEND != "torch")  # torch compiles nothing by default

X, Y = cases.data(32)
VALIDATION = cases.data(11)

WRAPPERS = {
    "lookahead": lambda inner="adam": Lookahead(inner, 2),
    "moving_average": lambda inner="adam": MovingAverage(inner, 0.5),
    "stochastic_weight_average": lambda inner="adam": StochasticWeightAverage(inner, 0, 2),
}
each = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)


def model(optimizer, dropout=0.0, **mode):
    """BatchNormalization two models deep, and a regularizer of activities."""
    keras.utils.set_random_seed(3)
    inner = keras.Sequential(
        [
            keras.layers.Dense(5, use_bias=False, activity_regularizer="l2"),
            keras.layers.BatchNormalization(momentum=0.75),
        ]
    )
    network = keras.Sequential(
        [
            keras.Input((4,)),
            keras.Sequential([inner]),
            keras.layers.Activation("tanh"),
            keras.layers.Dropout(dropout, seed=1),
            keras.layers.Dense(1),
        ]
    )
    network.compile(optimizer, loss="mse", metrics=["mae"], **(mode or EAGER))
    return network


def fit(network, *callbacks, epochs=2, validation=VALIDATION):
    return network.fit(
        X,
        Y,
        batch_size=8,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        validation_data=validation,
        callbacks=list(callbacks),
    ).history


class AtEpochEnds(keras.callbacks.Callback):
    """All weights, and the averages, after each epoch's training and validation."""

    def on_train_begin(self, logs=None):
        self.weights, self.averages, self.state = [], [], []

    def on_epoch_end(self, epoch, logs=None):
        network = self.model
        self.weights.append(cases.values(network.weights))
        averages = network.optimizer.averages_of(network.trainable_variables)
        self.averages.append(cases.values(averages))
        self.state.append(cases.values([*network.variables, *network.optimizer.variables]))


def statistics(kernel, batches):
    """Means over batches of their mean and variance, in NumPy."""
    batches = [np.asarray(batch, "float64") @ kernel for batch in batches]
    return [
        np.mean([batch.mean(axis=0) for batch in batches], axis=0),
        np.mean([batch.var(axis=0) for batch in batches], axis=0),
    ]


def by_hand(averages, mean, variance):
    """Loss and mean absolute error in NumPy."""
    kernel, gamma, beta, last_kernel, last_bias = (a.astype("float64") for a in averages)
    x, y = VALIDATION
    inner = x @ kernel
    normalized = (inner - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    error = np.tanh(normalized) @ last_kernel + last_bias - y
    return np.mean(error**2) + 0.01 * np.mean(np.sum(inner**2, axis=1)), np.mean(np.abs(error))


def batches_of(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


@each
def test_validation_is_that_of_averages_and_statistics_assigned_by_hand(wrap):
    ends = AtEpochEnds()
    network = model(wrap(), **COMPILED)
    history = fit(network, EvaluateOnAverages(X[:20], batch_size=8), ends)
    for epoch, averages in enumerate(ends.averages):
        expected = by_hand(averages, *statistics(averages[0], batches_of(X[:20], 8)))
        actual = history["val_loss"][epoch], history["val_mae"][epoch]
        np.testing.assert_allclose(actual, expected, rtol=1e-5)


@each
def test_training_is_unchanged_bit_for_bit(wrap):
    """Dropout's random numbers, statistics, metrics and momenta included."""
    seen, histories = [], []
    for callbacks in ([EvaluateOnAverages(X)], []):
        ends = AtEpochEnds()
        network = model(wrap(), dropout=0.5, **COMPILED)
        histories.append(fit(network, *callbacks, ends))
        seen.append(ends)
        [normalization] = [
            layer for layer in network.layers[0].layers[0].layers if hasattr(layer, "momentum")
        ]
        assert normalization.momentum == 0.75
    for one, other in zip(*(ends.weights for ends in seen), strict=True):
        cases.assert_equal(one, other)
    for one, other in zip(*(ends.averages for ends in seen), strict=True):
        cases.assert_equal(one, other)
    with_callback, without = histories
    assert with_callback["loss"] == without["loss"] and with_callback["mae"] == without["mae"]
    assert with_callback["val_loss"] != without["val_loss"]


@each
def test_the_statistics_after_fit_belong_to_the_weights(wrap):
    network, ends = model(wrap(), **COMPILED), AtEpochEnds()
    fit(network, ends, EvaluateOnAverages(X, batch_size=8))
    [mean, variance] = cases.values(network.non_trainable_variables)[:2]
    if not network.optimizer.ends_on_averages:
        expected = ends.weights[-1][3:5]  # as in training
        cases.assert_equal([mean, variance], expected)
        return
    weights = cases.values(network.trainable_variables)
    cases.assert_equal(weights, ends.averages[-1])
    expected = statistics(weights[0], batches_of(X, 8))
    np.testing.assert_allclose([mean, variance], expected, rtol=1e-5, atol=1e-6)
