"""TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf

from . import _assignments
from ._assignments import replaced as replaced


def dense(gradient: Any, variable: Any) -> Any:
    """The gradient as a tensor; an Embedding's slices are added up into one."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    # keras.ops.convert_to_tensor would keep the slices, duplicates and all.
    return tf.ensure_shape(tf.convert_to_tensor(gradient), variable.shape)


def sum_of_squares(tensor: Any) -> Any:
    """Twice TensorFlow's l2_loss, which needs no copy for the squares."""
    return 2 * tf.nn.l2_loss(tensor)


def all_finite(scalars: Sequence[Any]) -> Any:
    """Whether every one of the scalars is finite."""
    return tf.reduce_all(tf.math.is_finite(tf.stack(scalars)))


def cond(predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
    """A conditional in a graph, Python's own outside of one."""
    return tf.cond(predicate, if_true, if_false)


def refuse_replicas(wrapper: str) -> None:
    """Raises under a tf.distribute strategy of several replicas."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        raise ValueError(
            f"{wrapper} cannot train on {replicas} replicas yet: a tf.distribute strategy hands "
            "every replica's gradients to the optimizer before they are summed. Use "
            "tf.distribute.OneDeviceStrategy, or no strategy."
        )


def key(variable: Any) -> Any:
    """The identity of TensorFlow's variable, which is what an optimizer's update sees."""
    return id(_native(variable))


def _native(variable: Any) -> tf.Variable:
    return variable.value if isinstance(variable, keras.Variable) else variable


def captured(optimizer: Any, steps: dict[Any, Any]) -> AbstractContextManager[None]:
    """Everything goes through `assign*`."""
    return _assignments.captured(optimizer, steps, key, tf.convert_to_tensor)


def uncompiled(function: Callable) -> Callable:
    """The function itself: tracing runs its side effects once and leaves none in the graph."""
    return function


def add(variables: Sequence[Any], steps: Sequence[Any]) -> None:
    """Adds to each variable its step, in place."""
    for variable, step in zip(variables, steps, strict=True):
        _native(variable).assign_add(step)


def scaled_or_zero(accepted: Any, tensors: Sequence[Any], scale: Any) -> list[Any]:
    """A conditional: without XLA, a selection would be one more pass."""
    return tf.cond(
        accepted,
        lambda: [tf.cast(_wide(tensor) * scale, tensor.dtype) for tensor in tensors],
        lambda: [tf.zeros_like(tensor) for tensor in tensors],
    )


def dot(tensors: Sequence[Any], others: Sequence[Any]) -> Any:
    """The plain formula."""
    return tf.add_n(
        [
            tf.reduce_sum(_wide(tensor) * _wide(other))
            for tensor, other in zip(tensors, others, strict=True)
        ]
    )


def _wide(tensor: Any) -> Any:
    return tensor if tensor.dtype == tf.float64 else tf.cast(tensor, tf.float32)


def update_averages(averages: Sequence[Any], tensors: Sequence[Any], decay: float) -> list[Any]:
    """The formula."""
    updated = []
    for average, tensor in zip(averages, tensors, strict=True):
        variable = _native(average)
        updated.append(decay * variable + (1 - decay) * tf.cast(tensor, variable.dtype))
        variable.assign(updated[-1])
    return updated


def snapshot(variables: Sequence[Any]) -> list[Any]:
    """The values, which share memory with the variables until these are written."""
    return [tf.convert_to_tensor(_native(variable)) for variable in variables]


def restore_unless(accepted: Any, variables: Sequence[Any], values: Sequence[Any]) -> None:
    """A conditional that writes only where it must."""

    def restore() -> bool:
        for variable, value in zip(variables, values, strict=True):
            _native(variable).assign(value)
        return False

    tf.cond(accepted, lambda: True, restore)


def read(variable: Any) -> Any:
    """The value, unless a graph is being built."""
    return _native(variable).numpy().copy() if tf.executing_eagerly() else None
