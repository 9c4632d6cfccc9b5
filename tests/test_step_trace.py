"""The record of every step: what it holds, and that it changes nothing."""

import keras
import numpy as np
import pytest
from keras import ops

import stepwrap
from stepwrap.experiments import step_trace
from stepwrap.experiments.step_trace import QUANTITIES, TraceReader, traced

X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5], [-2.0, 1.0]], "float32")
Y = np.array([[1.0], [2.0], [0.0], [-1.0]], "float32")
START = np.array([[0.5], [-0.25]], "float32")


def fit(optimizer, epochs=2, batch_size=2, **options):
    """Fits a linear model; returns it and the rows of its trace."""
    optimizer, trace = traced(optimizer)
    reader = TraceReader(trace)
    model = linear_model(optimizer, **options)
    model.fit(X, Y, batch_size, epochs, verbose=0, shuffle=False, callbacks=[reader])
    return model, reader


def linear_model(optimizer, **options):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([START])
    model.compile(optimizer, loss="mse", **options)
    return model


def descent(learning_rates, batches):
    """Gradient descent on the mean squared error in float64: a row for each step."""
    weights, rows = START.astype("float64"), []
    for learning_rate, (x, y) in zip(learning_rates, batches, strict=True):
        error = x @ weights - y
        gradient = 2 * x.T @ error / len(x)
        norm = np.linalg.norm(gradient)
        rows.append([np.mean(error**2), learning_rate, norm, learning_rate * norm])
        weights = weights - learning_rate * gradient
    return np.array(rows)


BATCHES = [(X[:2], Y[:2]), (X[2:], Y[2:])]


def test_the_rows_are_those_of_the_formula():
    _, reader = fit(keras.optimizers.SGD(0.1))
    np.testing.assert_allclose(reader.rows, descent([0.1] * 4, BATCHES * 2), rtol=1e-5)


def test_the_learning_rate_is_that_of_the_step():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 0.01])
    _, reader = fit(keras.optimizers.SGD(schedule))
    np.testing.assert_allclose(reader.rows, descent([0.1, 0.1, 0.01, 0.01], BATCHES * 2), rtol=1e-5)


def column(reader, quantity):
    return reader.rows[:, QUANTITIES.index(quantity)]


def test_of_a_loss_based_wrapper_it_is_the_effective_one():
    model, reader = fit(stepwrap.Lookahead(stepwrap.L4Mom()))
    l4 = model.optimizer.inner_optimizer.inner_optimizer
    assert column(reader, "learning_rate")[-1] == float(l4.effective_learning_rate) > 0


def test_a_multi_optimizer_has_none():
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip(f"Keras {keras.__version__} has no MultiOptimizer")
    parts = keras.optimizers.MultiOptimizer(lambda variable: keras.optimizers.SGD(0.1))
    _, reader = fit(parts)
    assert np.isnan(column(reader, "learning_rate")).all()
    np.testing.assert_allclose(
        column(reader, "step_norm"), descent([0.1] * 4, BATCHES * 2)[:, 3], rtol=1e-5
    )


def test_the_step_is_what_the_weights_differ_by():
    _, reader = fit(stepwrap.GradientAccumulation(keras.optimizers.SGD(0.1), steps=2))
    assert (column(reader, "step_norm")[0::2] == 0).all()
    assert (column(reader, "step_norm")[1::2] > 0).all()


TINY = {"gradient_time_scale": 1, "max_learning_rate": 1e-9}


def test_a_step_that_the_weights_lose_to_rounding_is_recorded():
    model, reader = fit(stepwrap.L4Wrapper(keras.optimizers.SGD(0.1), **TINY))
    np.testing.assert_array_equal(model.get_weights()[0], START)
    np.testing.assert_allclose(reader.rows, descent([1e-9] * 4, BATCHES * 2), rtol=1e-5)


def test_weight_decay_beside_the_steps_is_part_of_it():
    decaying = keras.optimizers.SGD(0.1, weight_decay=0.5)
    _, reader = fit(stepwrap.L4Wrapper(decaying, **TINY))
    expected = 0.1 * 0.5 * np.linalg.norm(START) * 0.95 ** np.arange(4)
    np.testing.assert_allclose(column(reader, "step_norm"), expected, rtol=1e-5)


def test_inside_a_loss_scaler_the_loss_is_as_it_was():
    _, reader = fit(stepwrap.LossScaleOptimizer(keras.optimizers.SGD(0.1)))
    np.testing.assert_allclose(reader.rows, descent([0.1] * 4, BATCHES * 2), rtol=1e-5)


@pytest.mark.parametrize(
    "text", ["adam", "sgd | normalized | lookahead(2)", "l4adam", "adamw | l4"]
)
def test_it_changes_nothing(text):
    traced_model, _ = fit(stepwrap.parse(text), run_eagerly=True)
    model = linear_model(stepwrap.parse(text), run_eagerly=True)
    model.fit(X, Y, 2, 2, verbose=0, shuffle=False)
    assert model.get_weights()[0].tobytes() == traced_model.get_weights()[0].tobytes()


def test_every_row_is_read_before_it_is_overwritten(monkeypatch):
    monkeypatch.setattr(step_trace, "CAPACITY", 4)
    _, reader = fit(keras.optimizers.SGD(0.01), epochs=3, batch_size=1)
    batches = [(X[[i]], Y[[i]]) for i in range(4)]
    np.testing.assert_allclose(reader.rows, descent([0.01] * 12, batches * 3), rtol=1e-4)


def test_an_execution_of_more_steps_than_can_be_kept_is_refused(monkeypatch):
    monkeypatch.setattr(step_trace, "CAPACITY", 2)
    optimizer, trace = traced(keras.optimizers.SGD(0.01))
    weight = keras.Variable(START)
    for _ in range(3):
        optimizer.apply([ops.ones((2, 1))], [weight])
    with pytest.raises(ValueError, match=r"3 steps .* 2 can be recorded.*steps_per_execution"):
        trace.rows_from(0)
    assert len(trace.rows_from(1)) == 2


def test_without_a_loss_the_rest_is_recorded():
    optimizer, trace = traced(keras.optimizers.SGD(0.1))
    optimizer.apply([ops.ones((2, 1))], [keras.Variable(START)])
    np.testing.assert_allclose(
        trace.rows_from(0), [[np.nan, 0.1, np.sqrt(2), 0.1 * np.sqrt(2)]], rtol=1e-5
    )


def test_divergence_is_the_first_of_the_losses_that_are_not_finite_to_the_end():
    reader = TraceReader(trace=None)
    rows = np.ones((6, len(QUANTITIES)))
    reader.rows = rows.copy()
    assert reader.diverged_at is None
    rows[[1, 4, 5], 0] = np.nan, np.inf, np.nan
    reader.rows = rows
    assert reader.diverged_at == 5
    reader.rows = np.full((3, len(QUANTITIES)), np.nan)
    assert reader.diverged_at == 1


def test_training_that_has_diverged_ends(monkeypatch):
    monkeypatch.setattr(step_trace, "LOSSES_TO_GIVE_UP", 2)
    _, reader = fit(keras.optimizers.SGD(1e30), epochs=10)
    assert reader.diverged_at == 2
    assert len(reader.rows) < 10
