"""Validation with averaged weights."""

from __future__ import annotations

import itertools
import operator
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from .. import checks
from ..backends import flow, keras_private
from ..core import stack
from ..wrappers.weights.averaged_weights import AveragedWeights

STATISTICS = ("moving_mean", "moving_variance", "moving_stddev")  # the last with `renorm` alone


class EvaluateOnAverages(keras.callbacks.Callback):
    """Has the validation in `fit` use the averages of the weights that the optimizer keeps.

    They are those of the outermost `MovingAverage`, `StochasticWeightAverage` or `Lookahead`
    (its slow weights) in the model's optimizer, or in each part of a `MultiOptimizer`. They
    stay in the model until the next epoch begins, so that callbacks that look at the
    validation, wherever they are in the list, keep what was validated: `EarlyStopping` with
    `restore_best_weights` and `ModelCheckpoint` with `save_best_only` do. Then the weights
    are put back, bit for bit: training goes on as without the callback.

    BatchNormalization keeps a moving mean and variance of what the weights make of the data,
    which are not those of the averages. With `data`, they are computed anew before each
    validation, over forward passes of the model as in training:

        mean ← mean + (batch's mean − mean) / k    after the k-th batch; the variance likewise

    They are put back with the weights. If the averages end up in the model, statistics of
    theirs do, too.

    A file that is written at the end of an epoch with validation holds the averages, and the
    weights and statistics of training in the optimizer's state. A `fit` with this callback
    goes on from the latter, bit for bit, also from a backup; without it, from the averages.
    (`tf.train.Checkpoint` has no place for the statistics of training.) At the end of an
    epoch without validation, as with `validation_freq`, the model has the weights of
    training. A weight that another callback sets while the model holds the averages stays as
    it was set.

    Args:
        data: Inputs such as the model is trained on: an array, a dictionary of arrays or a
            tuple (x, y) or (x, y, sample_weight) of them, of which only x is used; or
            batches of these: a `tf.data.Dataset`, a `keras.utils.PyDataset` or anything
            else that can be gone through again and again. In a random order, they may
            change the order of the training data if both come from one source. Default:
            none, for models without BatchNormalization.
        batches: After how many batches to stop, needed if there is no end to them.
            Default: all are used.
        batch_size: How many samples of arrays make a batch. Default: 32.

    Raises:
        TypeError: If `data` can be gone through once only, or not at all; if `batches` or
            `batch_size` is no whole number.
        ValueError: If `batches` or `batch_size` is below 1; at the start of training, if
            the optimizer keeps no averages; at the first validation, if `data` is empty.
    """

    def __init__(self, data: Any = None, batches: int | None = None, batch_size: int = 32) -> None:
        super().__init__()
        self.data = _checked(data)
        self.batches = None if batches is None else checks.count("batches", batches)
        self.batch_size = checks.count("batch_size", batch_size)
        self._in_fit = False
        self._epoch_begins = False
        self._validated = False  # since the epoch began
        self._put_in: list[AveragedWeights] = []

    def set_model(self, model: keras.Model) -> None:
        """Takes the model of a `fit`, which may have come after one that failed, or `evaluate`."""
        super().set_model(model)
        self._in_fit = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Looks whether there will be averages, and statistics to go with them."""
        model = self.model
        # A MultiOptimizer may not have its parts yet.
        if not any(hasattr(leaf, "optimizers") for leaf in stack.leaves(model.optimizer)):
            _averaging(model.optimizer)
        if self.data is None and _normalizations(model):
            warnings.warn(
                "The model has BatchNormalization, whose moving statistics do not belong to the "
                "averaged weights. Give inputs to compute them from: "
                "`EvaluateOnAverages(data=x_train)`.",
                stacklevel=2,
            )
        self._in_fit = True
        self._validated = False
        self._let_statistics_go_along()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Puts weights and statistics back, those of a restored backup, too."""
        self._put_back()
        self._validated = False
        self._epoch_begins = True

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Once more at the first batch, for callbacks may have loaded a file since."""
        if self._epoch_begins:
            self._put_back()
            self._epoch_begins = False

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Puts the averages, and statistics that go with them, into the model."""
        model = self.model
        wrappers = _averaging(model.optimizer)
        # A model that was loaded from a file, and not trained since, may hold them.
        self._put_in = [wrapper for wrapper in wrappers if not wrapper.holds_averages]
        if not self._put_in:
            return
        self._let_statistics_go_along()
        for wrapper in self._put_in:
            wrapper.put_averages(model.trainable_variables)
        try:
            self._refresh_statistics(model)
        except BaseException:
            self._put_back()
            raise
        self._validated = self._in_fit

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Puts weights and statistics back, unless there are an epoch's last callbacks to come."""
        if self._put_in and not self._in_fit:
            self._put_back()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Computes the statistics of the averages, if these are the model's weights now."""
        model = self.model
        self._in_fit = False
        self._put_back()  # the end of `fit` has done it; a loop of the user's own may not have
        if self._validated:
            return  # the statistics were computed for these averages, or for the best ones
        ending = [wrapper for wrapper in _outermost(model.optimizer) if wrapper.ends_on_averages]
        # Else another callback has put weights of its own there.
        has_averages = (
            wrapper.has_averages_as_weights(model.trainable_variables) for wrapper in ending
        )
        if ending and all(has_averages):
            self._refresh_statistics(model)

    def _let_statistics_go_along(self) -> None:
        model = self.model
        for wrapper in _outermost(model.optimizer)[:1]:
            wrapper.go_along([] if self.data is None else _statistics(model))

    def _put_back(self) -> None:
        model = self.model
        for wrapper in _outermost(model.optimizer):
            wrapper.put_weights_back(model.trainable_variables)

    def _refresh_statistics(self, model: keras.Model) -> None:
        layers = _normalizations(model)
        if self.data is None or not layers:
            return
        statistics = _statistics(model)
        ids = {id(variable) for variable in statistics}
        others = [v for v in model.non_trainable_variables if id(v) not in ids]
        others_before = flow.snapshot(others)
        momenta = [layer.momentum for layer in layers]
        for variable in statistics:  # what is not finite there would stay
            variable.assign(ops.zeros(variable.shape, variable.dtype))
        number = 0
        try:
            with flow.without_gradients():
                for number, inputs in enumerate(self._inputs(), start=1):
                    for layer in layers:
                        layer.momentum = 1 - 1 / number
                    model(inputs, training=True)
        finally:
            for layer, momentum in zip(layers, momenta, strict=True):
                layer.momentum = momentum
            _assign(others, others_before)
        if number == 0:
            raise ValueError(
                "`data` of EvaluateOnAverages has no batches. It is gone through before every "
                f"validation. Received: {self.data!r}"
            )

    def _inputs(self) -> Iterator[Any]:
        """Yield the inputs of each batch, as arrays."""
        for batch in itertools.islice(_batches(self.data, self.batch_size), self.batches):
            inputs, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
            # Other libraries' tensors, too.
            yield keras.tree.map_structure(
                lambda leaf: leaf if ops.is_tensor(leaf) else np.asarray(leaf), inputs
            )


def _outermost(optimizer: keras.optimizers.Optimizer) -> list[AveragedWeights]:
    """Return the outermost wrappers that keep averages, one or one in each part."""
    if isinstance(optimizer, AveragedWeights):
        return [optimizer]
    return [found for part in stack.parts(optimizer) for found in _outermost(part)]


def _averaging(optimizer: keras.optimizers.Optimizer) -> list[AveragedWeights]:
    """Return the outermost, of which there must be one."""
    wrappers = _outermost(optimizer)
    if not wrappers:
        raise ValueError(
            "EvaluateOnAverages needs a model whose optimizer keeps averages of the weights. "
            f"Received: {type(optimizer).__name__}. `stepwrap.MovingAverage(optimizer)` does."
        )
    return wrappers


def _normalizations(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return those layers that change their statistics in training."""
    return [
        layer
        for layer in keras_private.layers(model)
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]


def _statistics(model: keras.Model) -> list[Any]:
    return [
        getattr(layer, name)
        for layer in _normalizations(model)
        for name in STATISTICS
        if hasattr(layer, name)
    ]


def _holds_samples(data: Any) -> bool:
    """Return whether these are arrays of samples, rather than batches."""
    return isinstance(data, tuple | dict) or hasattr(data, "shape")


def _batches(data: Any, size: int) -> Iterable[Any]:
    if isinstance(data, keras.utils.PyDataset):  # not every Keras can go through one
        numbers = itertools.count() if data.num_batches is None else range(data.num_batches)
        return (data[number] for number in numbers)
    return _in_batches(data, size) if _holds_samples(data) else data


def _in_batches(data: Any, size: int) -> Iterator[Any]:
    inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
    for start in range(0, len(keras.tree.flatten(inputs)[0]), size):
        part = operator.itemgetter(slice(start, start + size))
        yield (keras.tree.map_structure(part, inputs),)


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _checked(data: Any) -> Any:
    again_and_again = hasattr(data, "__iter__") or hasattr(data, "__getitem__")
    if data is not None and (hasattr(data, "__next__") or not again_and_again):
        raise TypeError(
            "`data` of EvaluateOnAverages must be arrays, or batches that can be gone through "
            "again and again, such as a list, a `tf.data.Dataset` or a `keras.utils.PyDataset`. "
            f"Received: {data!r} of type {type(data).__name__}."
        )
    return data
