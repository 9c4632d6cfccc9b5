"""Kernels on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from .. import reference, xla
from . import device, rows
from .replicas import several_replicas
from .rows import Rows

SLABS = 16
LARGE = 4096  # elements, from which on slabs are worth it


class Kernels(reference.Kernels):
    """Slabs and rows for XLA on a CPU, fewer passes without XLA, and an Embedding's gradients."""

    def dense(self, gradient: Any, variable: Any) -> Any:
        """Adds an Embedding's slices up into one tensor."""
        gradient = self.written_out(gradient)
        if isinstance(gradient, tf.IndexedSlices):
            # keras.ops.convert_to_tensor would keep the slices, duplicates and all.
            gradient = tf.convert_to_tensor(gradient)
        gradient = super().dense(gradient, variable)
        shape = gradient.shape
        if not shape.is_fully_defined() and shape.is_compatible_with(variable.shape):
            gradient = tf.ensure_shape(gradient, variable.shape)
        return gradient

    knows_rows = True

    def is_sparse(self, gradient: Any) -> bool:
        """Return whether it is an Embedding's, unless it is to be summed over replicas."""
        return isinstance(gradient, (tf.IndexedSlices, Rows)) and not several_replicas()

    def rows(self, gradient: Any, variable: Any) -> Any:
        """Sums up the slices of one index."""
        if isinstance(gradient, Rows):
            return gradient
        shape = gradient.dense_shape
        shape = None if shape is None else tf.get_static_value(tf.convert_to_tensor(shape))
        if shape is not None and list(shape) != list(variable.shape):
            return self.dense(gradient, variable)  # which shows what is wrong
        return rows.summed(gradient, variable)

    def written_out(self, gradient: Any) -> Any:
        """Adds rows up into a tensor of zeros."""
        return gradient.written_out() if isinstance(gradient, Rows) else gradient

    def slices(self, gradient: Any) -> Any:
        """Return the slices that TensorFlow itself has."""
        return gradient.slices() if isinstance(gradient, Rows) else gradient

    def sizes_are_known(self, gradients: Sequence[Any]) -> bool:
        """Looks at the numbers of rows: XLA would compile for every new one."""
        return all(
            gradient.values.shape.is_fully_defined()
            for gradient in gradients
            if isinstance(gradient, Rows)
        )

    def _wide(self, tensor: Any) -> Any:
        """Takes of rows what is not known to be zero."""
        return super()._wide(tensor.values if isinstance(tensor, Rows) else tensor)

    def _mapped(self, function: Callable, *tensors: Any) -> Any:
        """Does it to what of rows is not known to be zero."""
        first = tensors[0]
        if not isinstance(first, Rows):
            return super()._mapped(function, *tensors)
        values = function(*(tensor.values for tensor in tensors))
        return Rows(values, first.indices, first.shape)

    def _reduced(
        self,
        reduce: Callable,
        combine: Callable,
        function: Callable,
        *tensors: Any,
        axis: Sequence[int] | None = None,
        keepdims: bool = False,
    ) -> Any:
        """Gives XLA on a CPU slabs, along the longest axis.

        It reduces slowly there, and writes down what it reduces; slabs it combines in one quick
        loop, and has a sixteenth left to reduce.
        """

        def reduced(*tensors: Any) -> Any:
            return reduce(function(*tensors), axis=axis, keepdims=keepdims)

        shape = tensors[0].shape
        large = shape.is_fully_defined() and shape.num_elements() >= LARGE
        if not large or not device.in_xla_on_cpu():
            return reduced(*tensors)
        longest = max(range(len(shape)) if axis is None else axis, key=lambda axis: shape[axis])
        rest = shape[longest] % SLABS
        cut = [tf.split(tensor, [shape[longest] - rest, rest], longest) for tensor in tensors]
        slabs = [tf.split(even, SLABS, longest) for even, _ in cut]
        parts = [function(*slab) for slab in zip(*slabs, strict=True)]
        while len(parts) > 1:
            parts = [
                combine(one, other) for one, other in zip(parts[::2], parts[1::2], strict=True)
            ]
        result = reduce(parts[0], axis=axis, keepdims=keepdims)
        return combine(result, reduced(*(left for _, left in cut))) if rest else result

    def sums_of_squares(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """Writes no squares down where there is no XLA to fuse them."""
        if device.in_xla():
            return super().sums_of_squares(blocks)
        return [
            tf.add_n([2 * tf.nn.l2_loss(self._wide(tensor)) for tensor in block])
            for block in blocks
        ]

    def scaled_unless(
        self, unscaled: Any, blocks: Sequence[Sequence[Any]], factors: Any
    ) -> Sequence[Sequence[Any]]:
        """Saves the pass where there is no XLA to fuse it with what the products are for."""
        if isinstance(unscaled, bool) or device.in_xla():
            return super().scaled_unless(unscaled, blocks, factors)
        as_they_are = [list(block) for block in blocks]
        return tf.cond(unscaled, lambda: as_they_are, lambda: self.scaled(blocks, factors))

    def scaled_or_zero(self, accepted: Any, tensors: Sequence[Any], scale: Any) -> list[Any]:
        """Saves the selection, a pass, where there is no XLA to fuse it with the write."""
        if device.in_xla():
            return super().scaled_or_zero(accepted, tensors, scale)
        return tf.cond(
            accepted,
            lambda: self.scaled([tensors], [scale])[0],
            lambda: [-tf.zeros_like(tensor) for tensor in tensors],
        )

    def downhill(
        self, steps: Sequence[Any], gradients: Sequence[Any], least_kept: float
    ) -> list[Any]:
        """Has XLA count a few rows on a CPU; without XLA, saves passes."""
        if device.in_xla_on_cpu():
            return xla.downhill(steps, gradients, least_kept, rows_of_very_many=2)
        if device.in_xla():
            return super().downhill(steps, gradients, least_kept)
        results = []
        for step, gradient in zip(steps, gradients, strict=True):
            # The product of the two itself could underflow.
            keeps = tf.cast(tf.sign(step) * gradient < 0, step.dtype)
            kept = tf.reduce_mean(self._wide(keeps))
            scale = tf.cast(1 / tf.maximum(kept, least_kept), step.dtype)
            results.append(tf.math.multiply_no_nan(step, keeps) * scale)
        return results

    def add(self, variables: Sequence[Any], steps: Sequence[Any]) -> None:
        """Adds in place."""
        for variable, step in zip(variables, steps, strict=True):
            self.flow.replicas.local(variable).assign_add(step)
