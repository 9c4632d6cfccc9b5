"""The suite that every wrapper of the catalogue passes, around every base optimizer."""

import dataclasses
import functools
from unittest import mock

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND, BASE_OPTIMIZERS, EVERYDAY, WRAPPERS
from stepwrap.core import stack

EAGER = dict(jit_compile=False, run_eagerly=True)
MODES = {"compiled": dict(jit_compile=True), "graph": dict(jit_compile=False), "eager": EAGER}

compiled_backend = pytest.mark.skipif(
    BACKEND == "torch", reason="torch compiles nothing by default"
)


# What depends on the hook that a wrapper overrides, and not on its formula, is tested every day
# with one wrapper of each kind and stacks of several; with all others in the long tests.
# `base`: every wrapper meets Adam, and every base a wrapper of gradients and one of steps; one
# backend is enough for the rest of the product. `some_base`: without that rest. `compiled_base`:
# with a network that is trained, every wrapper meets Adam, and on one backend every base L4, which
# takes its step apart. `trained_base`: likewise, where one backend is enough for the wrappers, too.
# `digits_base`: the same for what takes longest, with two wrappers where something is compiled.
# `stored_base` and `some_stored_base`: likewise, every day without bases whose state Keras stores.
MEET_EVERY_BASE = ("normalized", "l4")
# These compute weights from their own state: a step rescaled on its way is none of theirs.
COMPUTE_WEIGHTS = ("Ftrl", "ScheduleFreeAdamW")
# These decay weights unless they are told not to.
DECAY_WEIGHTS = ("AdamW", "Muon")


def some_bases(wrapper):
    """With each base, whether it is met every day."""
    bases = {base: True for base in BASE_OPTIMIZERS} if wrapper in MEET_EVERY_BASE else {}
    if wrapper in EVERYDAY or BACKEND != "jax":  # which compiles each operation by itself
        bases["MultiOptimizer"] = wrapper in EVERYDAY
    return {"Adam": True, **bases}


def bases(wrapper):
    others = BACKEND == "torch" and wrapper in stepwrap.wrappers.names()
    return {base: False for base in (BASE_OPTIMIZERS if others else [])} | some_bases(wrapper)


def compiled_bases(wrapper):
    every_base = wrapper == "l4" and BACKEND != "tensorflow"
    bases = {base: False for base in BASE_OPTIMIZERS} if every_base else {}
    # Their graphs on TensorFlow are compared with eager steps in test_fast_paths.
    adam = {"Adam": wrapper in EVERYDAY} if BACKEND != "tensorflow" or wrapper in EVERYDAY else {}
    return {**bases, **adam}


def trained_bases(wrapper):
    bases = compiled_bases(wrapper)
    return bases if BACKEND == "torch" else {base: True for base, met in bases.items() if met}


def digits_bases(wrapper):
    bases = trained_bases(wrapper)
    return bases if BACKEND == "torch" or wrapper in MEET_EVERY_BASE else {}


def without_rest(bases_of):
    everyday = ("Adam", "MultiOptimizer")
    return lambda wrapper: {
        base: met and base in everyday for base, met in bases_of(wrapper).items()
    }


FIXTURES = {
    "base": bases,
    "stored_base": without_rest(bases),
    "some_stored_base": without_rest(some_bases),
    "some_base": some_bases,
    "compiled_base": compiled_bases,
    "trained_base": trained_bases,
    "digits_base": digits_bases,
}

every_wrapper = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)


def each_kind(backend):
    """Those of every day, and all others in the long tests of that backend."""
    return pytest.mark.parametrize("wrap", cases.values_long(WRAPPERS, EVERYDAY, backend))


def pairs(bases_of):
    for wrapper, wrap in WRAPPERS.items():
        for base, everyday in bases_of(wrapper).items():
            if base not in BASE_OPTIMIZERS:
                continue  # an older Keras has not all
            if base == "Adam-clipnorm-ema" and takes_steps(wrap):
                continue  # refused
            if base in DECAY_WEIGHTS and decays_weights(wrap):
                continue  # refused
            if base in COMPUTE_WEIGHTS and scales_steps(wrap):
                continue  # refused
            marks = [] if everyday else pytest.mark.long
            yield pytest.param(wrap, BASE_OPTIMIZERS[base], id=f"{wrapper}-{base}", marks=marks)


def decays_weights(wrap):
    return stack.decays_weights(wrap(keras.optimizers.SGD()))


def takes_steps(wrap):
    wrapped = wrap(keras.optimizers.SGD())
    return any(getattr(member, "takes_steps", False) for member in stack.walk(wrapped))


def scales_steps(wrap):
    return getattr(wrap(keras.optimizers.SGD()), "scales_steps", False)


def pytest_generate_tests(metafunc):
    for fixture, bases_of in FIXTURES.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(f"wrap, {fixture}", list(pairs(bases_of)))


def test_every_keras_optimizer_is_covered():
    names = {name for name in dir(keras.optimizers) if name[0].isupper()}
    assert names - set(BASE_OPTIMIZERS) <= {"LossScaleOptimizer", "Optimizer", "OptimizerMap"}


def test_config_round_trip_twice(wrap, base):
    optimizer = wrap(base())
    config = keras.optimizers.serialize(optimizer)
    for _ in range(2):
        copy = keras.optimizers.deserialize(config)
        assert type(copy) is type(optimizer)
        assert keras.optimizers.serialize(copy) == config
        assert type(copy).from_config(copy.get_config()).get_config() == copy.get_config()


def test_resumes_bit_exact_from_a_saved_model(wrap, trained_base, tmp_path):
    network = cases.model(wrap(trained_base()), **EAGER)
    cases.fit(network)
    saved = cases.state(network)
    network.save(tmp_path / "model.keras")
    cases.fit(network)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = True  # not part of the file
    cases.assert_equal(cases.state(loaded), saved)
    cases.fit(loaded)
    cases.assert_equal(cases.state(loaded), cases.state(network))


def test_resumes_bit_exact_from_a_weights_file(wrap, stored_base, tmp_path):
    network, resumed = (_network_of_one_layer(wrap(stored_base())) for _ in range(2))
    _train_on_gradients(network, range(3))
    network.save_weights(tmp_path / "model.weights.h5")
    resumed.load_weights(tmp_path / "model.weights.h5")
    cases.assert_equal(cases.state(resumed), cases.state(network))
    for each in (network, resumed):
        _train_on_gradients(each, range(3, 6))
    cases.assert_equal(cases.state(resumed), cases.state(network))


def _network_of_one_layer(optimizer):
    cases.seed(3)
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    network.compile(optimizer, loss="mse")
    optimizer.build(network.trainable_variables)
    return network


def _train_on_gradients(network, seeds):
    for seed in seeds:
        gradients = cases.gradients(network.trainable_variables, seed)
        cases.apply(network.optimizer, gradients, network.trainable_variables)


def test_apply_gives_the_inner_optimizer_the_transformed_gradients(wrap, base):
    """A step of the wrapper is a bare step on what its hooks make of the gradients."""
    wrapped, bare = wrap(base()), base()
    variables, others = cases.variables(), cases.variables()
    if takes_steps(wrap):
        pytest.skip("it writes a step of its own: see test_l4, test_step_wrappers")
    if decays_weights(wrap):
        pytest.skip("it changes the weights beside the step: see test_weight_decay")
    if isinstance(wrapped, stepwrap.Lookahead):
        pytest.skip("it changes the weights after the step: see test_lookahead")
    wrappers = list(stack.walk(wrapped))[: -len(list(stack.walk(bare)))]
    recorder = _Recorder(wrappers[-1].inner_optimizer)
    wrappers[-1].inner_optimizer = recorder
    for seed in range(3):
        cases.step(wrapped, cases.gradients(variables, seed), variables)
        cases.apply(bare, recorder.gradients, others)
    cases.assert_equal(cases.values(variables), cases.values(others))


class _Recorder(stepwrap.OptimizerWrapper):
    """Keeps the gradients that come through."""

    def transform_gradients(self, gradients, variables):
        self.gradients = tuple(gradients)
        return gradients


def test_variables_without_a_gradient_are_left_alone(wrap, some_base):
    variables = cases.variables()
    optimizer = wrap(some_base())
    optimizer.build(variables)
    before = cases.values(variables)
    gradients = cases.gradients(variables)
    if isinstance(optimizer, stepwrap.OptimizerWrapper) and hasattr(optimizer, "optimizers"):
        gradients = [gradients[0], gradients[1], None]  # each part needs one
    else:
        gradients = [gradients[0], None, None]
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        cases.step(optimizer, gradients, variables)
    changed = {True: [], False: []}  # by whether there was a gradient
    for gradient, variable, value in zip(gradients, variables, before, strict=True):
        changed[gradient is not None].append(np.any(ops.convert_to_numpy(variable) != value))
    assert not any(changed[False])
    assert any(changed[True]) or _skips(optimizer)  # Ftrl's first step does not lead downhill


def _skips(optimizer):
    """How many steps the loss-based wrappers of a stack have left out."""
    return sum(
        cases.number(member.skipped_steps)
        for member in stack.walk(optimizer)
        if hasattr(member, "skipped_steps")
    )


@every_wrapper
def test_no_gradient_at_all_is_an_error_as_in_keras(wrap):
    variables = cases.variables()
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        cases.step(wrap(keras.optimizers.SGD()), [None, None, None], variables)


def test_frozen_layers_stay_as_they_are(wrap, trained_base):
    network = cases.model()
    network.get_layer("hidden").trainable = False
    network.compile(wrap(trained_base()), loss="mse", **EAGER)
    frozen = cases.values(network.get_layer("hidden").weights)
    free = cases.values(network.get_layer("out").weights)
    cases.fit(network)
    cases.assert_equal(cases.values(network.get_layer("hidden").weights), frozen)
    changed = cases.values(network.get_layer("out").weights)
    assert any(np.any(new != old) for new, old in zip(changed, free, strict=True))


def test_constraints_hold_after_the_step(wrap, some_base):
    variables = cases.variables(constraint=keras.constraints.NonNeg())
    optimizer = wrap(some_base())
    for seed in range(3):
        cases.apply(optimizer, cases.gradients(variables, seed), variables)
    assert all(np.all(value >= 0) for value in cases.values(variables))
    assert any(np.any(value == 0) for value in cases.values(variables))


@pytest.mark.parametrize(
    "dtype", cases.others_long(["float16", "bfloat16", "float64"], ["bfloat16"], "torch")
)
def test_dtypes_are_kept(wrap, some_stored_base, dtype, float64):
    bare_optimizer, bare = some_stored_base(), cases.variables(dtype)
    before = cases.values(bare)
    steps = [cases.gradients(bare, seed) for seed in range(2)]
    try:
        for gradients in steps:
            cases.apply(bare_optimizer, gradients, bare)
    except Exception as error:
        pytest.skip(f"bare {bare_optimizer.name} fails on {dtype}: {type(error).__name__}")
    optimizer, variables = wrap(some_stored_base()), cases.variables(dtype)
    for gradients in steps:
        cases.apply(optimizer, gradients, variables)
    for variable, bare_variable, value in zip(variables, bare, before, strict=True):
        assert variable.dtype == dtype
        after, bare_after = cases.values([variable, bare_variable])
        assert after.dtype == value.dtype and after.shape == value.shape
        # Some of Keras' optimizers lose themselves in 16 bits; the wrapper must not add to it.
        if np.all(np.isfinite(bare_after.astype("float32"))):
            assert np.all(np.isfinite(after.astype("float32")))


@compiled_backend
def test_compiled_and_eager_agree(wrap, compiled_base):
    _skip_if_the_step_means_nothing(wrap, compiled_base)
    modes = ("compiled", "eager")
    if BACKEND == "tensorflow":
        if hasattr(wrap(keras.optimizers.SGD()), "seed"):
            modes = ("graph", "eager")  # with XLA, TensorFlow draws other random numbers
        elif wrap in map(WRAPPERS.get, EVERYDAY):
            modes = ("compiled", "graph", "eager")  # all others in a graph: see test_fast_paths
    if not _agree(_bare, compiled_base, modes):
        pytest.skip("the bare optimizer itself does not: ScheduleFreeAdamW")
    assert _agree(wrap, compiled_base, modes)


@pytest.mark.long
@pytest.mark.skipif(BACKEND != "torch", reason="where it is compiled by wish only")
@pytest.mark.parametrize("name", WRAPPERS)
def test_compiled_by_torch_and_eager_agree(name, monkeypatch):
    if name not in MEET_EVERY_BASE:
        import torch

        # Without the compilation to machine code, which takes 10 seconds a wrapper.
        captured = functools.partial(torch.compile, backend="aot_eager")
        monkeypatch.setattr(torch, "compile", captured)
    assert _agree(WRAPPERS[name], keras.optimizers.Adam, ("compiled", "eager"))


def _skip_if_the_step_means_nothing(wrap, base):
    if takes_steps(wrap) and base in map(BASE_OPTIMIZERS.get, COMPUTE_WEIGHTS):
        pytest.skip("the base computes weights from its own state, not from the step")


def _bare(optimizer):
    return optimizer


FEW_ROUNDINGS = 1e-6  # of weights of order 1 in float32, three steps


def _agree(wrap, base, modes):
    first, *others = (trained(wrap, base, mode).weights for mode in modes)
    pairs = (pair for other in others for pair in zip(first, other, strict=True))
    return all(np.max(np.abs(one - two)) <= FEW_ROUNDINGS for one, two in pairs)


@dataclasses.dataclass(frozen=True)
class Trained:
    """What tests look at of a network that was trained: no test trains it on."""

    weights: list  # after an epoch
    calls: int  # of `apply` until then: where it is compiled, how often Python ran through it
    calls_in_all: int  # after three more epochs


@functools.cache
def trained(wrap, base, mode):
    """A network with that optimizer, trained in that mode; the same for all tests."""
    network = cases.model(wrap(base()), **MODES[mode])
    apply = network.optimizer.apply = mock.Mock(wraps=network.optimizer.apply)
    cases.fit(network)
    weights, calls = cases.values(network.weights), apply.call_count
    cases.fit(network, epochs=3)
    return Trained(weights, calls, apply.call_count)


def test_loss_goes_down_on_handwritten_digits(wrap, digits_base):
    pytest.importorskip("sklearn")
    if not _learns_digits(digits_base):
        pytest.skip("the bare optimizer does not learn either: Adafactor becomes NaN, Ftrl stalls")
    _skip_if_the_step_means_nothing(wrap, digits_base)
    losses, finite = _train_on_digits(wrap(digits_base()))
    assert finite and losses[-1] < losses[0]


def _train_on_digits(optimizer):
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    cases.seed(2)
    network = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(10)]
    )
    network.compile(
        optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=BACKEND == "jax",
    )
    x, y = (x[:512] / 16).astype("float32"), y[:512]
    losses = network.fit(x, y, batch_size=32, epochs=3, verbose=0).history["loss"]
    return losses, all(np.all(np.isfinite(value)) for value in cases.values(network.weights))


@functools.cache
def _learns_digits(base):
    losses, finite = _train_on_digits(base())
    return finite and losses[-1] < losses[0]


@compiled_backend
@each_kind("jax")
def test_nothing_is_traced_again_after_the_first_step(wrap):
    network = trained(wrap, keras.optimizers.Adam, "compiled")
    assert network.calls_in_all == network.calls > 0


@each_kind("torch")
def test_learning_rate_scheduler(wrap):
    network = cases.model(wrap(keras.optimizers.Adam(0.1)), **EAGER)
    rates = [0.1, 0.05, 0.025]
    history = cases.fit(
        network, 3, callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: rates[epoch])]
    )
    np.testing.assert_allclose(history["learning_rate"], rates, rtol=1e-6)
    assert float(ops.convert_to_numpy(network.optimizer.learning_rate)) == pytest.approx(0.025)


@each_kind("torch")
def test_reduce_learning_rate_on_plateau(wrap):
    network = cases.model(wrap(keras.optimizers.SGD(0.1)), **EAGER)
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="loss", factor=0.5, patience=1, min_delta=1e9, cooldown=0
    )
    history = cases.fit(network, 3, callbacks=[callback])
    np.testing.assert_allclose(history["learning_rate"], [0.1, 0.1, 0.05], rtol=1e-6)


@each_kind("torch")
def test_learning_rate_schedule(wrap):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=1, decay_rate=0.5)
    network = cases.model(wrap(keras.optimizers.SGD(schedule)), **EAGER)
    cases.fit(network)
    rate = float(ops.convert_to_numpy(network.optimizer.learning_rate))
    steps = 3 // cases.batches_per_step(network.optimizer)
    assert rate == pytest.approx(0.1 * 0.5**steps)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(network.optimizer))
    assert float(ops.convert_to_numpy(copy.learning_rate)) == pytest.approx(0.1)
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        network.optimizer.learning_rate = 0.1


@each_kind("torch")
def test_backup_and_restore(wrap, tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    uninterrupted = cases.model(wrap(keras.optimizers.Adam(0.01)), **EAGER)
    cases.fit(uninterrupted, 2)

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    interrupted = cases.model(wrap(keras.optimizers.Adam(0.01)), **EAGER)
    with pytest.raises(KeyboardInterrupt):
        cases.fit(interrupted, 2, callbacks=[backup(), Interrupt()])
    resumed = cases.model(wrap(keras.optimizers.Adam(0.01)), **EAGER)
    cases.fit(resumed, 2, callbacks=[backup()])
    cases.assert_equal(cases.state(resumed), cases.state(uninterrupted))


@each_kind("torch")
def test_train_on_batch_counts_iterations(wrap):
    network = cases.model(wrap(keras.optimizers.Adam(0.01)), **EAGER)
    x, y = cases.data()
    before = network.train_on_batch(x, y)
    for _ in range(9):
        after = network.train_on_batch(x, y)
    steps = 10 // cases.batches_per_step(network.optimizer)
    assert int(ops.convert_to_numpy(network.optimizer.iterations)) == steps
    assert after < before


@pytest.mark.long
@compiled_backend
@each_kind("jax")
def test_several_steps_in_one_execution(wrap):
    networks = [
        cases.model(wrap(keras.optimizers.Adam(0.01)), steps_per_execution=steps)
        for steps in (1, 3)
    ]
    for network in networks:
        cases.fit(network, epochs=2)
    for one, other in zip(*(cases.values(network.weights) for network in networks), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    steps = 6 // cases.batches_per_step(networks[1].optimizer)
    assert int(ops.convert_to_numpy(networks[1].optimizer.iterations)) == steps


@every_wrapper
def test_set_weights_covers_every_variable(wrap):
    trained, other = (_network_of_one_layer(wrap(keras.optimizers.Adam(0.01))) for _ in range(2))
    _train_on_gradients(trained, range(3))
    other.optimizer.set_weights(cases.values(trained.optimizer.variables))
    cases.assert_equal(
        cases.values(other.optimizer.variables), cases.values(trained.optimizer.variables)
    )


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a format of TensorFlow")
def test_resumes_bit_exact_from_a_tensorflow_checkpoint(wrap, some_stored_base, tmp_path):
    import tensorflow as tf

    network = _network_of_one_layer(wrap(some_stored_base()))
    _train_on_gradients(network, range(3))
    checkpoint = tf.train.Checkpoint(model=network, optimizer=network.optimizer)
    path = checkpoint.save(str(tmp_path / "checkpoint"))
    _train_on_gradients(network, range(3, 6))

    other = _network_of_one_layer(wrap(some_stored_base()))
    restored = tf.train.Checkpoint(model=other, optimizer=other.optimizer).restore(path)
    restored.assert_existing_objects_matched()
    _train_on_gradients(other, range(3, 6))
    cases.assert_equal(cases.state(other), cases.state(network))


@pytest.mark.skipif(
    BACKEND == "tensorflow", reason="TensorFlow's optimizers have no stateless form"
)
def test_stateless_apply_equals_apply(wrap, some_base):
    if not _same(*_stateful_and_stateless(some_base)):
        pytest.skip("the two forms of the bare optimizer differ: ScheduleFreeAdamW's on torch")
    stateful, stateless = _stateful_and_stateless(lambda: wrap(some_base()))
    cases.assert_equal(stateless, stateful)


def _stateful_and_stateless(make_optimizer):
    """Weights and optimizer variables after three steps, each way."""
    stateful, stateless = make_optimizer(), make_optimizer()
    variables, others = cases.variables(), cases.variables()
    stateful.build(variables)
    stateless.build(others)
    weights = [ops.convert_to_tensor(value) for value in cases.values(others)]
    slots = [ops.convert_to_tensor(value) for value in cases.values(stateless.variables)]
    for seed in range(3):
        gradients = cases.gradients(variables, seed)
        cases.apply(stateful, gradients, variables)
        if isinstance(stateless, stepwrap.OptimizerWrapper):
            stateless.set_loss(ops.convert_to_tensor(1.0))
        weights, slots = stateless.stateless_apply(slots, gradients, weights)
    return cases.values([*variables, *stateful.variables]), cases.values([*weights, *slots])


def _same(one, other):
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))
