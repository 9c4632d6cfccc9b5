"""What decides the results of training and is no setting: model, data and optimizers, in short."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import keras

from ..core import stack
from .digests import digest, is_of_a_library, keras_config, without_counts
from .task import Task
from .training import seeded_model

ELEMENTS = 2  # of a data set that are looked at
MODEL = ("model", "loss and metrics", "initial weights", "code of the model")
DATA = ("training data", "test data")


def of_task(task: Task) -> dict[str, str]:
    """Digests of what the task trains, by what each stands for: `MODEL` and `DATA`.

    The initial weights are those of seed 0. Of a data set, as distinct from arrays, the first
    elements stand for all, or only their shapes where they are others each time.

    Raises:
        TypeError, ValueError: If the task's model cannot be used.
    """
    model, _ = seeded_model(task, keras.optimizers.SGD, 0)
    _build(model, task.train)
    of_model = (
        digest(keras_config(model), list(map(_layer, _layers(model))), _variables(model)),
        digest(_compiled(model), model.loss),
        digest(model.weights),
        digest(task.model),
    )
    trained_on = _data(task.train)
    if not task.shuffle:
        trained_on = digest(trained_on, "in this order")
    of_data = trained_on, _data(task.test)
    return dict(zip((*MODEL, *DATA), (*of_model, *of_data), strict=True))


def of_optimizer(
    make: str | Callable[[], keras.optimizers.Optimizer], optimizer: keras.optimizers.Optimizer
) -> dict[str, str]:
    """Return what stands for an optimizer: the text, or "a function"; a digest of what it does not
    tell.

    Args:
        make: The text, or the function that makes the optimizer.
        optimizer: What it makes.
    """
    own = [type(member) for member in stack.walk(optimizer) if not is_of_a_library(type(member))]
    if isinstance(make, str):
        return {"optimizer": make, "code": digest(own)} if own else {"optimizer": make}
    return {"optimizer": "a function", "code": digest(make, own, keras_config(optimizer))}


# The model.


def _build(model: keras.Model, train: Any) -> None:
    """Makes the weights of a model that waits for its first batch."""
    if model.built:
        return
    inputs = train[0] if isinstance(train, tuple) else None
    if inputs is None:
        elements = _elements(train) or [None]
        inputs = elements[0][0] if isinstance(elements[0], tuple | list) else elements[0]
    # A model with a training step of its own need not be one that can be called.
    with contextlib.suppress(Exception):
        model(keras.tree.map_structure(lambda array: array[:1], inputs))


def _layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers, and those in them."""
    found = []
    for layer in model.layers:
        found += [layer, *(_layers(layer) if isinstance(layer, keras.Model) else ())]
    return found


def _layer(layer: keras.layers.Layer) -> list:
    """Return what the configuration does not tell of it: a user's code."""
    return [type(layer), getattr(layer, "function", None)]


def _variables(model: keras.Model) -> list:
    return [
        (tuple(weight.shape), str(weight.dtype), bool(weight.trainable)) for weight in model.weights
    ]


def _compiled(model: keras.Model) -> Any:
    """Return how it was compiled, but for the optimizer."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a lambda
            config = model.get_compile_config()
    except Exception:  # such as a lambda without a source, or a metric that cannot be written down
        return None
    return without_counts({name: part for name, part in config.items() if name != "optimizer"})


# The data.


def _data(data: Any) -> str:
    if data is None or isinstance(data, tuple | list | Mapping) or hasattr(data, "__array__"):
        return digest(data)
    elements, again = _elements(data), _elements(data)
    if digest(elements) != digest(again):
        elements = keras.tree.map_structure(_kind, elements)
    return digest(type(data), repr(getattr(data, "element_spec", None)), _length(data), elements)


def _kind(value: Any) -> tuple[str, int]:
    """Return what an array is, whatever its numbers and its size."""
    return str(getattr(value, "dtype", type(value))), len(getattr(value, "shape", ()))


def _elements(data: Any) -> list | None:
    """Return the first elements of a data set, as far as it can be gone through again."""
    keras.utils.set_random_seed(0)  # for one that shuffles
    if isinstance(data, keras.utils.PyDataset):
        return [data[index] for index in range(min(ELEMENTS, _length(data) or ELEMENTS))]
    try:
        iterator = iter(data)
    except TypeError:  # nothing that can be trained on, as `fit` will say
        return None
    if iterator is data:  # what is taken from it is lost to training
        return None
    return list(itertools.islice(iterator, ELEMENTS))


def _length(data: Any) -> int | None:
    """Return how many elements there are, if that is known."""
    try:
        return len(data)
    except TypeError:
        return None
