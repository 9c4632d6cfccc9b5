"""TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


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
