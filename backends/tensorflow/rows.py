"""An Embedding's sparse gradients, which TensorFlow gives as slices."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class Rows(tf.experimental.ExtensionType):
    """A sparse gradient whose rows are summed up once.

    Rows that are left over are zero, and have the index 0 whether it is there already or not:
    XLA has no arrays of a size that depends on what the indices are.

    Args:
        values: The rows.
        indices: Where they belong, along the first axis.
        shape: That of the variable.
    """

    values: tf.Tensor
    indices: tf.Tensor
    shape: tf.TensorShape

    @property
    def dtype(self) -> tf.DType:
        """Return the dtype of the rows."""
        return self.values.dtype

    def slices(self) -> tf.IndexedSlices:
        """Return the slices that TensorFlow itself has."""
        shape = tf.constant(self.shape.as_list(), self.indices.dtype)
        return tf.IndexedSlices(self.values, self.indices, shape)

    def written_out(self) -> tf.Tensor:
        """Return the dense tensor that they stand for."""
        return tf.ensure_shape(tf.convert_to_tensor(self.slices()), self.shape)


def summed(gradient: tf.IndexedSlices, variable: Any) -> Rows:
    """Return slices with those of one index summed up.

    They are sorted by their indices: what XLA can do, and as fast as `tf.unique` elsewhere.
    """
    indices = tf.convert_to_tensor(gradient.indices)
    values = tf.cast(gradient.values, keras.backend.standardize_dtype(variable.dtype))
    values = tf.ensure_shape(values, [None, *variable.shape[1:]])
    order = tf.argsort(indices)
    indices = tf.gather(indices, order)
    is_next = tf.cast(indices[1:] != indices[:-1], indices.dtype)
    places = tf.concat([tf.zeros_like(indices[:1]), tf.cumsum(is_next)], axis=0)
    count = tf.shape(indices)[0]
    sums = tf.math.unsorted_segment_sum(tf.gather(values, order), places, count)
    # What is nowhere has the least number that there is.
    indices = tf.maximum(tf.math.unsorted_segment_max(indices, places, count), 0)
    return Rows(sums, indices, tf.TensorShape(variable.shape))
