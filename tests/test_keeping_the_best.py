"""EvaluateOnAverages beside callbacks that keep, back up and restore weights."""

import itertools

import keras
import numpy as np
import pytest

import cases
import stepwrap
from stepwrap.callbacks import EvaluateOnAverages
from stepwrap.wrappers import Lookahead, MovingAverage, StochasticWeightAverage

EAGER = dict(jit_compile=False, run_eagerly=True)

X, Y = cases.data(32)
VALIDATION = X[:11], Y[:11]

WRAPPERS = {
    "lookahead": lambda inner: Lookahead(inner, 3),
    "slow weights": lambda inner: Lookahead(inner, 3, end_on_slow_weights=True),
    "moving_average": lambda inner: MovingAverage(inner, 0.5),
    "stochastic_weight_average": lambda inner: StochasticWeightAverage(inner, 0, 3),
}
each = pytest.mark.parametrize(
    "wrap", cases.values_long(WRAPPERS, everyday=["slow weights", "moving_average"])
)
two = pytest.mark.parametrize(
    "wrap",
    cases.whole_on(
        "torch",
        {name: WRAPPERS[name] for name in ("lookahead", "moving_average")},
        elsewhere=["moving_average"],
    ),
)


def model(optimizer, **mode):
    """Its averages need other statistics than its weights."""
    cases.seed(3)
    network = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, use_bias=False),
            keras.layers.BatchNormalization(momentum=0.75),
            keras.layers.Dense(1),
        ]
    )
    network.compile(optimizer, loss="mse", **(mode or EAGER))
    return network


def averaged(wrap):
    return model(wrap(keras.optimizers.SGD(0.03)))


def fit(network, *after, before=(), epochs=4, **arguments):
    """With callbacks before and after EvaluateOnAverages."""
    return network.fit(
        X,
        Y,
        batch_size=8,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        validation_data=VALIDATION,
        validation_batch_size=11,
        callbacks=[*before, EvaluateOnAverages(X, batch_size=8), *after],
        **arguments,
    ).history


def worsening_from(epoch):
    """Climbs from an epoch on."""
    return keras.callbacks.LearningRateScheduler(lambda number: 0.03 if number < epoch else -0.03)


@pytest.mark.parametrize(
    "climb",
    cases.whole_on("torch", {"an early epoch": 2, "the last epoch": 4}, ["an early epoch"]),
)
@each
def test_what_is_kept_is_what_was_validated(wrap, climb, tmp_path):
    """Whichever of the callbacks stands before the other."""
    network = averaged(wrap)
    stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    keep = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True)
    before, after = (keep, stop) if climb == 2 else (stop, keep)
    losses = fit(network, after, worsening_from(climb), before=[before])["val_loss"]
    assert (np.argmin(losses) == 3) == (climb == 4)
    kept = network.evaluate(*VALIDATION, verbose=0)
    assert kept == pytest.approx(min(losses), rel=1e-6)
    saved = keras.models.load_model(tmp_path / "best.keras")
    assert saved.evaluate(*VALIDATION, verbose=0) == pytest.approx(min(losses), rel=1e-6)
    evaluated = saved.evaluate(*VALIDATION, verbose=0, callbacks=[EvaluateOnAverages(X)])
    assert evaluated == pytest.approx(min(losses), rel=1e-6)


@pytest.mark.skipif(cases.BACKEND == "torch", reason="torch compiles nothing by default")
def test_compiled_it_is_the_same(tmp_path):
    network = model(MovingAverage(keras.optimizers.SGD(0.03), 0.5), jit_compile=True)
    best = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    losses = fit(network, worsening_from(2), best)["val_loss"]
    assert np.argmin(losses) == 1
    assert network.evaluate(*VALIDATION, verbose=0) == pytest.approx(min(losses), rel=1e-5)


def test_early_stopping_ends_on_the_best_epoch():
    network = averaged(WRAPPERS["moving_average"])
    best = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    losses = fit(network, worsening_from(2), best, epochs=9)["val_loss"]
    assert len(losses) == 3
    assert network.evaluate(*VALIDATION, verbose=0) == pytest.approx(losses[1], rel=1e-6)


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)
def test_of_the_parts_of_a_multi_optimizer_too():
    """The first epoch is kept, for the losses get higher."""
    parts = keras.optimizers.OptimizerMap(keras.optimizers.SGD(-0.03))
    for pattern, wrap in {".*kernel": "moving_average", ".*gamma": "lookahead"}.items():
        parts[pattern] = WRAPPERS[wrap](keras.optimizers.SGD(-0.03))
    network = model(keras.optimizers.MultiOptimizer(parts))
    stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    losses = fit(network, before=[stop], epochs=2)["val_loss"]
    assert losses[0] < losses[1]
    assert network.evaluate(*VALIDATION, verbose=0) == pytest.approx(losses[0], rel=1e-6)


# Going on with training.


@each
def test_training_goes_on_bit_for_bit_from_a_file_of_an_epoch_end(wrap, tmp_path):
    """Statistics included, in several fits."""
    uninterrupted = averaged(wrap)
    fit(uninterrupted, keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"))
    resumed = keras.models.load_model(tmp_path / "2.keras")
    resumed.run_eagerly = True
    fit(resumed, initial_epoch=2)
    cases.assert_equal(cases.state(resumed), cases.state(uninterrupted))
    for network in (resumed, uninterrupted):
        fit(network, epochs=1)
    cases.assert_equal(cases.state(resumed), cases.state(uninterrupted))


class Interrupted(keras.callbacks.Callback):
    """Breaks training off in the second epoch."""

    def __init__(self, hook):
        super().__init__()
        epochs = itertools.count()

        def interrupt(*_, **__):
            if next(epochs) == 1:
                raise KeyboardInterrupt

        setattr(self, hook, interrupt)


@two
@pytest.mark.parametrize(
    "backup",
    cases.whole_on(
        "torch", {"keras": (keras, "before"), "stepwrap": (stepwrap, "after")}, ["stepwrap"]
    ),
)
def test_training_goes_on_bit_for_bit_from_a_backup(backup, wrap, tmp_path):
    package, place = backup

    def fit_with(*callbacks, network):
        if place == "before":
            return fit(network, before=callbacks)
        return fit(network, *callbacks)

    uninterrupted = averaged(wrap)
    fit(uninterrupted)
    make = package.callbacks.BackupAndRestore
    with pytest.raises(KeyboardInterrupt):
        fit_with(make(tmp_path), Interrupted("on_epoch_begin"), network=averaged(wrap))
    restarted = averaged(wrap)
    history = fit_with(make(tmp_path, delete_checkpoint=False), network=restarted)
    assert len(history["loss"]) == 3
    cases.assert_equal(cases.state(restarted), cases.state(uninterrupted))
    ended = averaged(wrap)
    assert fit_with(make(tmp_path), network=ended) == {}
    cases.assert_equal(cases.state(ended), cases.state(uninterrupted))


@pytest.mark.parametrize("hook", ["on_test_batch_end", "on_epoch_end"])
@two
def test_an_interruption_while_the_model_holds_the_averages_loses_nothing(wrap, hook):
    uninterrupted, interrupted = averaged(wrap), averaged(wrap)
    fit(uninterrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(interrupted, Interrupted(hook))
    # On JAX, Keras sets the final weights also of a `fit` that fails.
    assert interrupted.optimizer.holds_averages == (cases.BACKEND != "jax")
    if cases.BACKEND == "jax" and interrupted.optimizer.ends_on_averages:
        return
    fit(interrupted, initial_epoch=2)
    cases.assert_equal(cases.state(interrupted), cases.state(uninterrupted))


class Watch(keras.callbacks.Callback):
    """The trainable weights before each batch, and after it with their averages."""

    def on_train_begin(self, logs=None):
        self.before, self.weights, self.averages = [], [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.before.append(cases.values(self.model.trainable_variables))

    def on_train_batch_end(self, batch, logs=None):
        variables = self.model.trainable_variables
        self.weights.append(cases.values(variables))
        self.averages.append(cases.values(self.model.optimizer.averages_of(variables)))


@each
def test_without_the_callback_averages_start_anew_at_those_of_the_file(wrap, tmp_path):
    saved = averaged(wrap)
    fit(saved, keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"), epochs=2)
    loaded = keras.models.load_model(tmp_path / "1.keras")
    loaded.run_eagerly = True
    kept, watch = cases.values(loaded.trainable_variables), Watch()
    loaded.fit(X, Y, batch_size=8, epochs=1, shuffle=False, verbose=0, callbacks=[watch])
    cases.assert_equal(watch.before[0], kept)
    cases.assert_equal(watch.averages[0], watch.weights[0])
    assert np.any(watch.averages[-1][0] != watch.averages[0][0])
    if loaded.optimizer.ends_on_averages:
        cases.assert_equal(cases.values(loaded.trainable_variables), watch.averages[-1])


@each
def test_a_weight_that_another_callback_sets_stays_as_it_was_set(wrap):
    class SetBias(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.layers[-1].bias.assign([3.0])

    network, watch = averaged(wrap), Watch()
    fit(network, SetBias(), watch, epochs=2)
    *others, bias = watch.before[4]
    np.testing.assert_array_equal(bias, [3.0])
    cases.assert_equal(others, watch.weights[3][:-1])


def test_an_epoch_without_validation_has_the_weights_of_training():
    class AtEpochEnds(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            weights.append(cases.values(self.model.trainable_variables))

    network, watch, weights = averaged(WRAPPERS["moving_average"]), Watch(), []
    fit(network, watch, AtEpochEnds(), epochs=2, validation_freq=2)
    cases.assert_equal(weights[0], watch.weights[3])
    cases.assert_equal(weights[1], watch.averages[7])


# The exchange by itself.


def built(wrap):
    optimizer, variables = wrap(keras.optimizers.SGD(0.1)), cases.variables()
    for seed in range(4):
        optimizer.apply(cases.gradients(variables, seed), variables)
    return optimizer, variables


@each
def test_the_exchange_there_and_back_is_exact(wrap):
    optimizer, variables = built(wrap)
    before = cases.values([*variables, *optimizer.variables])
    averages = cases.values(optimizer.averages_of(variables))
    for _ in range(2):  # the second time changes nothing
        optimizer.put_averages(variables)
    assert optimizer.holds_averages
    cases.assert_equal(cases.values(variables), averages)
    cases.assert_equal(cases.values(optimizer.averages_of(variables)), averages)
    for _ in range(2):
        optimizer.put_weights_back(variables)
    assert not optimizer.holds_averages
    cases.assert_equal(cases.values([*variables, *optimizer.variables]), before)


def test_an_interrupted_exchange_changes_nothing(monkeypatch):
    optimizer, variables = built(WRAPPERS["moving_average"])
    before = cases.values([*variables, *optimizer.variables])
    [*_, last] = optimizer.averages_of(variables)

    def assign(value):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(last, "assign", assign)
    with pytest.raises(KeyboardInterrupt):
        optimizer.put_averages(variables)
    cases.assert_equal(cases.values([*variables, *optimizer.variables]), before)
    assert not optimizer.holds_averages


@each
def test_state_from_before_there_was_an_exchange_still_loads(wrap):
    optimizer, variables = built(wrap)
    own = [v for v in optimizer.own_variables if v.name != "averages_held_until"]
    store = {str(index): value for index, value in enumerate(cases.values(own))}
    loaded = wrap("sgd")
    loaded.build(variables)
    loaded.load_own_variables(store)
    new = [v for v in loaded.own_variables if v.name != "averages_held_until"]
    cases.assert_equal(cases.values(new), list(store.values()))
    assert not loaded.holds_averages
