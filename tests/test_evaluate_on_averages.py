"""EvaluateOnAverages: what validation sees, and that training does not notice."""

import warnings

import keras
import numpy as np
import pytest

import cases
import stepwrap
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
# One of them compiled, which takes longer.
each = pytest.mark.parametrize(
    "way",
    cases.whole_on(
        "torch",
        {
            name: (wrap, COMPILED if name == "moving_average" else EAGER)
            for name, wrap in WRAPPERS.items()
        },
        elsewhere=["moving_average"],
    ),
)


def model(optimizer, dropout=0.0, regularizer=None, **mode):
    """BatchNormalization two models deep."""
    cases.seed(3)
    inner = keras.Sequential(
        [
            keras.layers.Dense(5, use_bias=False, activity_regularizer=regularizer),
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


class AfterBatches(keras.callbacks.Callback):
    """All weights, and the averages, after each batch, or after the last one of each epoch."""

    def __init__(self, batch=None):
        super().__init__()
        self.batch = batch

    def on_train_begin(self, logs=None):
        self.weights, self.averages = [], []

    def on_train_batch_end(self, batch, logs=None):
        if self.batch not in (None, batch):
            return
        network = self.model
        self.weights.append(cases.values(network.weights))
        averages = network.optimizer.averages_of(network.trainable_variables)
        self.averages.append(cases.values(averages))


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
    normalized = (x @ kernel - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    error = np.tanh(normalized) @ last_kernel + last_bias - y
    return np.mean(error**2), np.mean(np.abs(error))


def batches_of(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


@each
def test_validation_is_that_of_averages_and_statistics_assigned_by_hand(way):
    wrap, mode = way
    ends = AfterBatches(3)
    network = model(wrap(), **mode)
    history = fit(network, EvaluateOnAverages(X[:20], batch_size=8), ends)
    for epoch, averages in enumerate(ends.averages):
        expected = by_hand(averages, *statistics(averages[0], batches_of(X[:20], 8)))
        actual = history["val_loss"][epoch], history["val_mae"][epoch]
        np.testing.assert_allclose(actual, expected, rtol=1e-5)


@each
def test_training_is_unchanged_bit_for_bit(way):
    """Dropout's random numbers, statistics, metrics and momenta included."""
    wrap, mode = way
    seen, histories = [], []
    for callbacks in ([EvaluateOnAverages(X)], []):
        ends = AfterBatches()
        network = model(wrap(), dropout=0.5, regularizer="l2", **mode)
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
def test_the_statistics_after_fit_belong_to_the_weights(way):
    wrap, mode = way
    network, ends = model(wrap(), **mode), AfterBatches()
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


def during_validation(network, callback):
    """Weights and statistics while a validation lasts, after which they are as before."""
    before = cases.values(network.variables)
    callback.set_model(network)
    callback.on_test_begin()
    seen = cases.values(network.weights)
    callback.on_test_end()
    cases.assert_equal(cases.values(network.variables), before)
    return seen


def trained(optimizer):
    network = model(optimizer)
    for _ in range(3):
        network.train_on_batch(X[:8], Y[:8])
    return network


class Samples(keras.utils.PyDataset):
    """Batches of 8, of which there are infinitely many if no number is given."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    @property
    def num_batches(self):
        return self.number

    def __getitem__(self, index):
        start = 8 * index % len(X)
        return X[start : start + 8], Y[start : start + 8]


class Endless:
    def __iter__(self):
        while True:
            yield X[:8]
            yield X[8:16]


def a_dataset():
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)


KINDS = {
    "array": lambda: dict(data=X, batch_size=8),
    "float64 array": lambda: dict(data=X.astype("float64"), batch_size=8),
    "x and y": lambda: dict(data=(X, Y), batch_size=8),
    "x, y and sample weights": lambda: dict(data=(X, Y, Y[:, 0]), batch_size=8, batches=4),
    "batches of inputs": lambda: dict(data=batches_of(X, 8)),
    "batches of x and y": lambda: dict(data=[(X[i : i + 8], Y[i : i + 8]) for i in (0, 8, 16, 24)]),
    "PyDataset": lambda: dict(data=Samples(4)),
    "endless PyDataset": lambda: dict(data=Samples(None), batches=4),
}
if BACKEND == "tensorflow":
    KINDS["tf.data.Dataset"] = lambda: dict(data=a_dataset())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_kinds_of_data(kind):
    network = model(MovingAverage("adam", 0.5))
    kernel, *_, mean, variance = during_validation(network, EvaluateOnAverages(**kind()))[:5]
    expected = statistics(kernel, batches_of(X, 8))
    np.testing.assert_allclose([mean, variance], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_the_number_of_batches_is_bounded(batches):
    network = model(MovingAverage("adam", 0.5))
    kernel, *_, mean, variance = during_validation(
        network, EvaluateOnAverages(Endless(), batches=batches)
    )[:5]
    seen = [X[:8], X[8:16], X[:8], X[8:16], X[:8]][:batches]
    np.testing.assert_allclose([mean, variance], statistics(kernel, seen), rtol=1e-5, atol=1e-6)


def test_statistics_that_are_not_finite_are_replaced():
    network = model(MovingAverage("adam", 0.5))
    for variable in network.non_trainable_variables[:2]:
        variable.assign(np.full(5, np.nan))
    seen = during_validation(network, EvaluateOnAverages(X))
    assert all(np.all(np.isfinite(value)) for value in seen)


def test_a_frozen_normalization_keeps_its_statistics():
    network = model(MovingAverage("adam", 0.5))
    network.layers[0].layers[0].layers[1].trainable = False
    network.compile(network.optimizer, "mse", **EAGER)
    before = cases.values(network.non_trainable_variables)
    callback = EvaluateOnAverages(X)
    during_validation(network, callback)
    callback.on_train_end()
    cases.assert_equal(cases.values(network.non_trainable_variables), before)


def test_evaluate_uses_it_too():
    network = trained(MovingAverage("adam", 0.5))
    averages = cases.values(network.optimizer.averages_of(network.trainable_variables))
    losses = network.evaluate(*VALIDATION, verbose=0, callbacks=[EvaluateOnAverages(X)])
    expected = by_hand(averages, *statistics(averages[0], [X]))
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


# Where the averages are.


def averaged_weights(network):
    callback = EvaluateOnAverages()
    seen = during_validation(network, callback)
    trainable = {variable.path for variable in network.trainable_variables}
    return [
        value
        for value, variable in zip(seen, network.weights, strict=True)
        if variable.path in trainable
    ]


@pytest.mark.parametrize(
    "scaler, around",
    [
        (keras.optimizers.LossScaleOptimizer, stepwrap.SkipNonFinite),
        (stepwrap.LossScaleOptimizer, stepwrap.GradientAccumulation),
    ],
    ids=["keras", "stepwrap"],
)
def test_the_outermost_averages_of_a_stack_are_used(scaler, around):
    outer = MovingAverage(Lookahead("adam", 2), 0.5)
    network = model(scaler(around(outer), initial_scale=1.0))
    for _ in range(4):
        network.train_on_batch(X[:8], Y[:8])
    expected = cases.values(outer.averages_of(network.trainable_variables))
    cases.assert_equal(averaged_weights(network), expected)
    assert np.any(expected[0] != cases.values(network.trainable_variables)[0])


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)
def test_the_averages_of_the_parts_of_a_multi_optimizer_are_used():
    """Of those parts that have any, though the parts are made by the first step."""
    part = MovingAverage("adam", 0.5)
    bare = keras.optimizers.SGD(0.1)
    network = model(keras.optimizers.MultiOptimizer(lambda v: part if v.name == "kernel" else bare))
    fit(network, EvaluateOnAverages(X), epochs=1)
    network.train_on_batch(X[:8], Y[:8])
    expected = []
    for variable in network.trainable_variables:
        averaged = variable.name == "kernel"
        expected += cases.values(part.averages_of([variable]) if averaged else [variable])
    cases.assert_equal(averaged_weights(network), expected)


@pytest.mark.long
@pytest.mark.skipif(BACKEND != "tensorflow", reason="replicas are TensorFlow's")
def test_two_replicas_do_what_one_does():
    import mirrored

    histories, states = [], []
    for replicas in (1, 2):
        with mirrored.scope(replicas):
            network = model(MovingAverage("adam", 0.5), jit_compile=False)
        best = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
        data = np.tile(X[:4], (8, 1))  # so that each replica has the statistics of the whole
        history = network.fit(
            data,
            np.tile(Y[:4], (8, 1)),
            batch_size=8,
            epochs=2,
            shuffle=False,
            verbose=0,
            validation_data=cases.data(8),
            callbacks=[EvaluateOnAverages(data), best],
        ).history
        histories.append([history["val_loss"], history["val_mae"]])
        states.append(cases.values(network.weights))
    np.testing.assert_allclose(*histories, rtol=1e-5)
    for one, other in zip(*states, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


# Bad input.


def test_an_optimizer_without_averages():
    network = model(stepwrap.NormalizedOptimizer("adam"))
    message = r"keeps averages .* Received: NormalizedOptimizer. `stepwrap.MovingAverage\("
    with pytest.raises(ValueError, match=message):
        fit(network, EvaluateOnAverages(X))
    assert cases.number(network.optimizer.iterations) == 0


def test_normalization_without_data_is_warned_of():
    with pytest.warns(UserWarning, match=r"BatchNormalization.*EvaluateOnAverages\(data=x_train\)"):
        fit(model(MovingAverage("adam")), EvaluateOnAverages(), epochs=1)


def test_without_normalization_no_data_are_needed():
    network = cases.model(MovingAverage("adam", 0.5), **EAGER)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        cases.fit(network, validation_data=VALIDATION, callbacks=[EvaluateOnAverages()])


@pytest.mark.parametrize("empty", [[], X[:0], Samples(0)], ids=["list", "array", "PyDataset"])
def test_data_without_batches(empty):
    network = trained(MovingAverage("adam"))
    before = cases.values(network.variables)
    with pytest.raises(ValueError, match="`data` of EvaluateOnAverages has no batches"):
        during_validation(network, EvaluateOnAverages(empty))
    cases.assert_equal(cases.values(network.variables), before)


@pytest.mark.parametrize(
    "data", [iter([X]), (x for x in [X]), 3], ids=["iterator", "generator", "3"]
)
def test_data_that_cannot_be_gone_through_again_and_again(data):
    with pytest.raises(TypeError, match="again and again"):
        EvaluateOnAverages(data)


@pytest.mark.parametrize("argument", ["batches", "batch_size"])
@pytest.mark.parametrize("value, error", [(0, ValueError), (1.5, TypeError)])
def test_numbers_that_are_no_counts(argument, value, error):
    with pytest.raises(error, match=f"`{argument}` must be a whole number above 0"):
        EvaluateOnAverages(X, **{argument: value})
