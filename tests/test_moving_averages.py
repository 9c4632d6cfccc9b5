"""Weight averaging by the inner optimizer's `use_ema`, and Keras' SwapEMAWeights on any stack."""

import keras
import numpy as np
import pytest

import cases
import stepwrap
from cases import BACKEND, WRAPPERS
from stepwrap.core import stack

EAGER = dict(jit_compile=False, run_eagerly=True)
MOMENTUM = 0.75

has_multi_optimizer = pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)


def averaging(frequency=None):
    return keras.optimizers.SGD(
        0.1, use_ema=True, ema_momentum=MOMENTUM, ema_overwrite_frequency=frequency
    )


def overrides(wrap, *hooks):
    members = list(stack.walk(wrap(keras.optimizers.SGD())))[:-1]
    return any(member.overrides(hook) for member in members for hook in hooks)


def takes_steps(wrap):
    return overrides(wrap, "transform_steps", "take_steps")


# Those that set the weights after the step have averages of their own: see test_weight_averages.
# Those that decay them have a reference: see test_weight_decay.
OF_GRADIENTS = {
    name: wrap
    for name, wrap in WRAPPERS.items()
    if not takes_steps(wrap) and not overrides(wrap, "before_step", "after_step")
}
OF_STEPS = {name: wrap for name, wrap in WRAPPERS.items() if takes_steps(wrap)}
of_gradients = pytest.mark.parametrize("wrap", OF_GRADIENTS.values(), ids=OF_GRADIENTS)


class _Recorder(stepwrap.OptimizerWrapper):
    """Keeps the gradients that come through, one list a step."""

    def transform_gradients(self, gradients, variables):
        self.steps = [*getattr(self, "steps", []), cases.values(gradients)]
        return gradients


def sgd_and_averages(weights, steps, frequency):
    """In NumPy: the weights after those gradients, and their average."""
    averages = [np.zeros_like(weight) for weight in weights]
    for number, gradients in enumerate(steps, start=1):
        weights = [w - np.float32(0.1) * g for w, g in zip(weights, gradients, strict=True)]
        kept = MOMENTUM if number > 1 else 0  # the first weights are the first average
        averages = [kept * a + (1 - kept) * w for a, w in zip(averages, weights, strict=True)]
        if frequency and number % frequency == 0:
            weights = averages
    return weights, averages


@of_gradients
@pytest.mark.parametrize("frequency", [None, 2])
def test_the_average_is_that_of_the_weights_after_each_step(wrap, frequency):
    recorder = _Recorder(averaging(frequency))
    optimizer, variables = wrap(recorder), cases.variables()
    start = cases.values(variables)
    for seed in range(6):
        cases.apply(optimizer, cases.gradients(variables, seed), variables)
    weights, averages = sgd_and_averages(start, recorder.steps, frequency)
    for actual, expected in zip(cases.values(variables), weights, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6)
    optimizer.finalize_variable_values(variables)
    for actual, expected in zip(cases.values(variables), averages, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.skipif(BACKEND == "torch", reason="torch compiles nothing by default")
@pytest.mark.parametrize("name", ["skip_non_finite", "gradient_accumulation"])
def test_overwriting_is_the_same_when_compiled(name):
    """Where steps are conditional, so are average and overwriting."""
    networks = [
        cases.model(WRAPPERS[name](averaging(2)), **options)
        for options in (EAGER, dict(jit_compile=True))
    ]
    for network in networks:
        cases.fit(network, epochs=2)
    for one, other in zip(*(cases.values(network.weights) for network in networks), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("wrap", OF_STEPS.values(), ids=OF_STEPS)
def test_a_wrapper_of_steps_refuses_averages_of_weights_that_are_never_written(wrap):
    for inner in (averaging(), stepwrap.NormalizedOptimizer(averaging())):
        with pytest.raises(ValueError, match=r"`use_ema=True` on SGD .* average outside"):
            wrap(inner)


@has_multi_optimizer
@pytest.mark.parametrize("wrap", OF_STEPS.values(), ids=OF_STEPS)
def test_it_refuses_them_in_a_part_of_a_multi_optimizer(wrap):
    with pytest.raises(ValueError, match=r"`use_ema=True` on SGD .* average outside"):
        wrap(keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(averaging())))
    chosen_later = wrap(keras.optimizers.MultiOptimizer(lambda variable: averaging()))
    with pytest.raises(ValueError, match=r"`use_ema=True` on SGD .* average outside"):
        chosen_later.build(cases.variables())


# SwapEMAWeights.


def trained(optimizer, swap_on_epoch=False):
    """History with a validation, and all state, of two epochs with swapped weights."""
    network = cases.model(optimizer, **EAGER)
    history = cases.fit(
        network,
        epochs=2,
        validation_data=cases.data(),
        callbacks=[keras.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)],
    )
    return history, cases.values(network.weights)


def nested(optimizer, depth):
    for _ in range(depth):
        optimizer = stepwrap.OptimizerWrapper(optimizer)
    return optimizer


def assert_same(one, other):
    assert one[0] == other[0]
    cases.assert_equal(one[1], other[1])


@pytest.mark.parametrize(("swap_on_epoch", "depths"), [(False, (1, 2, 3)), (True, (3,))])
def test_swapping_at_any_depth_is_swapping_at_depth_0(swap_on_epoch, depths):
    bare = trained(averaging(), swap_on_epoch)
    assert bare[0]["val_loss"] != trained_without_swapping()["val_loss"]
    for depth in depths:
        assert_same(trained(nested(averaging(), depth), swap_on_epoch), bare)


def trained_without_swapping():
    network = cases.model(averaging(), **EAGER)
    return cases.fit(network, epochs=2, validation_data=cases.data())


def multi(outer_depth, inner_depth):
    parts = keras.optimizers.OptimizerMap(nested(averaging(), inner_depth))
    parts[".*bias"] = keras.optimizers.Adam()
    return nested(keras.optimizers.MultiOptimizer(parts), outer_depth)


@has_multi_optimizer
def test_swapping_around_and_inside_the_parts_of_a_multi_optimizer():
    bare = trained(multi(0, 0))
    for depths in ((2, 0), (0, 2), (1, 1)):
        assert_same(trained(multi(*depths)), bare)


def test_swapping_under_a_loss_scaler_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        bare = trained(keras.optimizers.LossScaleOptimizer(averaging()))
        for depth in (0, 3):
            assert_same(trained(stepwrap.LossScaleOptimizer(nested(averaging(), depth))), bare)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name", cases.others_long(OF_GRADIENTS, backend="torch"))
def test_validation_sees_the_average_and_training_goes_on_from_the_weights(name):
    wrap = OF_GRADIENTS[name]
    seen = _SeenWeights()
    network = cases.model(wrap(averaging()), **EAGER)
    swap = keras.callbacks.SwapEMAWeights()
    cases.fit(network, epochs=2, validation_data=cases.data(), callbacks=[swap, seen])

    unswapped = _SeenWeights()
    network = cases.model(wrap(averaging()), **EAGER)
    cases.fit(network, epochs=2, callbacks=[unswapped])
    for one, other in zip(seen.of_training, unswapped.of_training, strict=True):
        for weight, expected in zip(one, other, strict=True):  # TensorFlow swaps by adding
            np.testing.assert_allclose(weight, expected, rtol=1e-6, atol=1e-6)

    average, at_epoch_ends = None, []
    for batch, weights in enumerate(unswapped.of_training, start=1):
        if batch in unswapped.batches_with_a_step:
            average = [
                new if average is None else MOMENTUM * old + (1 - MOMENTUM) * new
                for old, new in zip(average or weights, weights, strict=True)
            ]
        if batch % 3 == 0:
            at_epoch_ends.append(average)
    assert len(seen.of_validation) == len(at_epoch_ends) == 2
    for weights, average in zip(seen.of_validation, at_epoch_ends, strict=True):
        for weight, expected in zip(weights, average, strict=True):
            np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-6)


class _SeenWeights(keras.callbacks.Callback):
    """The weights after each batch, and those that a validation is done with."""

    def on_train_begin(self, logs=None):
        self.of_training, self.of_validation, self.batches_with_a_step = [], [], []
        self._steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self.of_training.append(cases.values(self._network().weights))
        steps = cases.number(self.model.optimizer.iterations)
        if steps > self._steps:
            self.batches_with_a_step.append(len(self.of_training))
        self._steps = steps

    def on_test_begin(self, logs=None):
        self.of_validation.append(cases.values(self._network().weights))

    def _network(self):
        return self.model  # which, on JAX, brings its state into the variables


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_without_averages_swapping_is_the_error_of_keras(depth):
    message = r"must be used when `use_ema=True` is set on the optimizer.*use_ema=False"
    with pytest.raises(ValueError, match=message):
        trained(nested(keras.optimizers.SGD(), depth))


@has_multi_optimizer
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_without_averages_in_any_part_it_is_the_error_of_keras(depth):
    parts = keras.optimizers.OptimizerMap(nested(keras.optimizers.SGD(), depth))
    with pytest.raises(ValueError, match="at least one inner optimizer has `use_ema=True`"):
        trained(nested(keras.optimizers.MultiOptimizer(parts), depth))
