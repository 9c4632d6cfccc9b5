"""Kernels: what is computed with tensors, each as its formula."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from . import counter_hash
from .flow import Flow

Tensor = Any


class Kernels:
    """Computes with tensors, and writes to variables.

    Args:
        flow: That of the backend.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow

    def dense(self, gradient: Any, variable: Any) -> Any:
        """Return a gradient, a tensor of any kind, an array or lists, as an ordinary tensor.

        It has the variable's dtype, and a static shape: the variable's where it had none.
        Keras' optimizers accept the same: variables, arrays and lists, of any dtype.
        """
        gradient = ops.convert_to_tensor(self.flow.value(gradient), sparse=False)
        dtype = keras.backend.standardize_dtype(variable.dtype)
        given = keras.backend.standardize_dtype(gradient.dtype)
        if given == "string":
            raise TypeError("text is no number")
        return gradient if given == dtype else ops.cast(gradient, dtype)

    def forms(self, variables: Sequence[Any]) -> list[Any]:
        """Return for each variable what `have_forms` compares a gradient with."""
        return [None] * len(variables)

    def have_forms(self, gradients: Sequence[Any], forms: Sequence[Any]) -> bool:
        """Return whether the gradients are known to be such as `dense` returns them already.

        They are of the shapes of the variables that the forms are of, too. Here that is known of
        none, and every single one is looked at.
        """
        return False

    # Sparse gradients: rows of a variable, along its first axis; all others are zero. Here there
    # are none: gradients are dense, or made so where they come in.

    knows_rows: bool = False
    """Return whether there are gradients in rows here, or dense ones only."""

    def is_sparse(self, gradient: Any) -> bool:
        """Return whether a gradient can be, or is, one for `rows`."""
        return False

    def rows(self, gradient: Any, variable: Any) -> Any:
        """Return a sparse gradient with the rows that are there twice summed up.

        It has the variable's shape and dtype. `sums`, of functions that are 0 at 0,
        `sums_of_squares`, `dots`, `largest`, `scaled`, `scaled_where` and `dot` take it like a
        tensor, and so do `run_if` and functions that are `compiled`.
        """
        return self.dense(gradient, variable)

    def written_out(self, gradient: Any) -> Any:
        """Return the dense tensor that rows stand for, or a dense gradient as it is."""
        return gradient

    def slices(self, gradient: Any) -> Any:
        """Return rows as an optimizer of Keras takes them, or a dense gradient as it is."""
        return gradient

    def sizes_are_known(self, gradients: Sequence[Any]) -> bool:
        """Return whether a graph for these gradients can always be used again."""
        return True

    def all_finite(self, scalars: Any) -> Any:
        """Return whether every scalar of a list, or every number of some blocks, is finite."""
        return functools.reduce(ops.logical_and, map(ops.isfinite, scalars))

    def all_hold(self, conditions: Any) -> Any:
        """Return whether every boolean of a list, or of some blocks, is true."""
        return functools.reduce(ops.logical_and, conditions)

    # Scalars, of which a rule is made: a formula is given what it computes with, which is
    # `keras.ops` here, or NumPy where they are known in Python and that takes less time.

    def scalar(self, value: Any, dtype: str) -> Any:
        """Return a number, a tensor or a variable as a scalar of that dtype, for `of_scalars`."""
        if isinstance(value, int | float):  # of which `ops.cast` would make a float32 first
            return ops.convert_to_tensor(value, dtype)
        return ops.cast(ops.convert_to_tensor(value), dtype)

    def of_scalars(self, formula: Callable[..., Any], *scalars: Any) -> Any:
        """Return formula(numpy, *scalars), where numpy has the functions that NumPy has, too.

        Args:
            formula: What computes with scalars, and vectors of them.
            scalars: Variables, and tensors, also those that `scalar` has made.
        """
        return formula(ops, *map(ops.convert_to_tensor, scalars))

    def root(self, square: Any) -> Any:
        """Return the square root, which at 0, too, has a finite derivative."""
        positive = square > 0
        one = ops.ones_like(square)
        return ops.where(positive, ops.sqrt(ops.where(positive, square, one)), square)

    # Blocks: lists of tensors of which each counts as one vector, with at least one element. The
    # numbers of blocks, one for each, in float32 or wider, are one tensor where a call for each
    # would take long, else a list, as here: compilers make slow code of many scalars put together.

    def numbers(self, values: Sequence[Any], blocks: Sequence[Sequence[Any]]) -> Any:
        """Return the numbers of the blocks from a list of scalars, tensors or not."""
        return list(values)

    def each(self, formula: Callable[..., Any], *numbers: Any) -> Any:
        """Return what the formula, of scalars, makes of the numbers of each block."""
        return list(map(formula, *numbers))

    def all_within(self, numbers: Any, least: Sequence[float], most: Sequence[float]) -> Any:
        """Return whether the magnitude of the number of each block is between two of a list's.

        What is no number is not. It is a plain boolean only where it is known in Python.
        """

        return self.all_hold(list(map(_is_within, numbers, least, most)))

    def units_within(
        self, tensors: Sequence[Any], least: Sequence[float], most: Sequence[float]
    ) -> Any:
        """Return the same of all elements of each tensor."""
        return self.all_hold(list(map(ops.all, map(_is_within, tensors, least, most))))

    def first(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """Return the first element of each block."""
        return [ops.reshape(self._wide(block[0]), (-1,))[0] for block in blocks]

    def sums(
        self, function: Callable[..., Any], blocks: Sequence[Sequence[Any]], *numbers: Any
    ) -> Any:
        """Return the sum over each block of a function of its tensors and its numbers.

        The function is elementwise, and given tensors of float32 or wider.
        """

        def of_block(block: Sequence[Any], *of_block: Any) -> Any:
            return _added(
                [self._sum(lambda part: function(part, *of_block), tensor) for tensor in block]
            )

        return list(map(of_block, blocks, *numbers))

    def sums_of_squares(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """Return the sum of the squares of each block."""
        return [_added([self._sum(ops.square, tensor) for tensor in block]) for block in blocks]

    def dots(self, blocks: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]]) -> Any:
        """Return the inner product of each block with its other one."""
        return list(map(self.dot, blocks, others))

    def dot(self, tensors: Sequence[Any], others: Sequence[Any]) -> Any:
        """Return the inner product of two lists of tensors, as a scalar of float32 or wider."""
        pairs = zip(tensors, others, strict=True)
        return _added([self._sum(ops.multiply, tensor, other) for tensor, other in pairs])

    def largest(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """Return the largest magnitude in each block."""
        largest = functools.partial(ops.max, initial=0)  # where there are no rows, there are zeros
        return [self._extreme(largest, ops.maximum, block) for block in blocks]

    def smallest(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """Return the smallest magnitude in each block."""
        smallest = functools.partial(ops.min, initial=math.inf)
        return [self._extreme(smallest, ops.minimum, block) for block in blocks]

    def sums_of_squares_of_units(self, tensor: Any) -> Any:
        """Return the sums of the squares over all axes but the last, or of all of a vector.

        The axes that are summed over are kept, with length 1.
        """
        rank = len(tensor.shape)
        axes = range(rank - 1) if rank > 1 else range(rank)
        return self._sum(ops.square, tensor, axis=tuple(axes), keepdims=True)

    def _sum(self, function: Callable, *tensors: Any, **of_axes: Any) -> Any:
        wide = map(self._wide, tensors)
        return self._reduced(ops.sum, operator.add, function, *wide, **of_axes)

    def _extreme(self, reduce: Callable, combine: Callable, block: Sequence[Any]) -> Any:
        return functools.reduce(
            combine,
            [self._reduced(reduce, combine, ops.abs, self._wide(tensor)) for tensor in block],
        )

    def _reduced(
        self,
        reduce: Callable,
        combine: Callable,
        function: Callable,
        *tensors: Any,
        axis: Sequence[int] | None = None,
        keepdims: bool = False,
    ) -> Any:
        """Return a reduction of what an elementwise function makes of tensors of one shape.

        Args:
            reduce: What reduces a tensor over axes.
            combine: What reduces two tensors to one of their shape.
            function: What makes one tensor of the tensors.
            tensors: The tensors.
            axis: The axes that are reduced; default: all.
            keepdims: True to keep them, with length 1.
        """
        return reduce(function(*tensors), axis=axis, keepdims=keepdims)

    def _wide(self, tensor: Any) -> Any:
        """Return the tensor in float32 or wider; of rows, what is not known to be zero."""
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        return tensor if dtype in ("float32", "float64") else ops.cast(tensor, "float32")

    def scaled(self, blocks: Sequence[Sequence[Any]], factors: Any) -> list[list[Any]]:
        """Return each block times its number, in the dtypes that the tensors have."""
        return [
            [self._mapped(functools.partial(_scaled, factor), tensor) for tensor in block]
            for block, factor in zip(blocks, factors, strict=True)
        ]

    def scaled_unless(
        self, unscaled: Any, blocks: Sequence[Sequence[Any]], factors: Any
    ) -> Sequence[Sequence[Any]]:
        """Return what `scaled` does, or the blocks as they are if the factors are known to be 1.

        The factors may be a list of tensors, which broadcast with those of the blocks.
        """
        return blocks if unscaled is True else self.scaled(blocks, factors)

    def scaled_where(
        self,
        chosen: Any,
        blocks: Sequence[Sequence[Any]],
        factors: Any,
        others: Sequence[Sequence[Any]],
    ) -> list[list[Any]]:
        """Return what `scaled` does where a boolean of the block says so, elsewhere the other.

        It is selected, element by element: a factor of 1 would flush the smallest numbers to zero.
        """
        return [
            [
                self._mapped(functools.partial(ops.where, choice), product, other)
                for product, other in zip(products, block, strict=True)
            ]
            for choice, products, block in zip(
                chosen, self.scaled(blocks, factors), others, strict=True
            )
        ]

    def _mapped(self, function: Callable, *tensors: Any) -> Any:
        """Return what an elementwise function that is 0 at 0 makes of tensors of one form."""
        return function(*tensors)

    def scaled_or_zero(self, accepted: Any, tensors: Sequence[Any], scale: Any) -> list[Any]:
        """Return the tensors times a scalar if accepted, else zeros, whatever the tensors hold.

        The zeros are negative, for added to a variable they leave it bit for bit.
        """
        return [
            ops.where(accepted, _scaled(scale, tensor), ops.full_like(tensor, -0.0))
            for tensor in tensors
        ]

    def times(self, tensors: Sequence[Any], factor: Any) -> list[Any]:
        """Return the tensors times a scalar that `scalar` or `of_scalars` has made."""
        return [tensor * ops.cast(factor, tensor.dtype) for tensor in tensors]

    def add_scaled(self, tensors: Sequence[Any], others: Sequence[Any], scale: float) -> list[Any]:
        """Return new tensors: tensor + scale · other."""
        return [tensor + scale * other for tensor, other in zip(tensors, others, strict=True)]

    def downhill(
        self, steps: Sequence[Any], gradients: Sequence[Any], least_kept: float
    ) -> list[Any]:
        """Return the elements of each step whose product with the gradient's is negative, else 0.

        They are divided by the part of the step's elements that they are, or by `least_kept`.
        """

        def of_one(step: Tensor, gradient: Tensor) -> Tensor:
            kept = opposed(step, gradient)
            return scaled_by_part(step, kept, ops.sum(ops.cast(kept, "int32")), least_kept)

        return list(map(of_one, steps, gradients))

    # What is written to variables.

    def add(self, variables: Sequence[Any], steps: Sequence[Any]) -> None:
        """Adds to each variable its step."""
        for variable, step in zip(variables, steps, strict=True):
            self.flow.write(variable, self.flow.value(variable) + step)

    # Decay: part of the way to something, `rate`. A rate of 0 leaves a variable bit for bit. There
    # is no factor of 1 − rate, which would round most of a small rate away.

    def decay(self, variables: Sequence[Any], rate: Any) -> None:
        """Takes each variable that part of the way to 0."""
        for variable in variables:
            weights = self._wide(self.flow.value(variable))
            self._write_decayed(variable, weights, rate)

    def decay_towards(self, variables: Sequence[Any], targets: Sequence[Any], rate: Any) -> None:
        """Takes each variable that part of the way to its target, a variable or a tensor."""
        for variable, target in zip(variables, targets, strict=True):
            weights = self._wide(self.flow.value(variable))
            self._write_decayed(variable, weights - self._wide(self.flow.value(target)), rate)

    def decay_unless_growing(
        self, variables: Sequence[Any], steps: Sequence[Any], rate: Any
    ) -> None:
        """Takes the elements of each variable that its step does not enlarge part of the way to 0.

        Enlarged are those whose step has their sign.
        """
        for variable, step in zip(variables, steps, strict=True):
            weights = self._wide(self.flow.value(variable))
            grows = opposed(step, -weights)
            self._write_decayed(variable, ops.where(grows, ops.zeros_like(weights), weights), rate)

    def _write_decayed(self, variable: Any, way: Any, rate: Any) -> None:
        value = self.flow.value(variable)
        rate = ops.cast(rate, way.dtype)
        decayed = ops.cast(self._wide(value) - rate * way, value.dtype)
        self.flow.write(variable, ops.where(rate == 0, value, decayed))

    def add_up(self, sums: Sequence[Any], tensors: Sequence[Any], anew: Any) -> None:
        """Adds each tensor to its sum, a variable, or where `anew` holds puts it in its place.

        It is selected, element by element, which compilers fuse with the sum.
        """
        for total, tensor in zip(sums, tensors, strict=True):
            before = ops.where(anew, ops.zeros_like(tensor), self.flow.value(total))
            self.flow.write(total, before + tensor)

    def update_averages(
        self, averages: Sequence[Any], tensors: Sequence[Any], decay: float
    ) -> list[Any]:
        """Each average becomes decay · average + (1 − decay) · tensor; returns the new values."""
        updated = []
        for average, tensor in zip(averages, tensors, strict=True):
            value = self.flow.value(average)
            updated.append(decay * value + (1 - decay) * ops.cast(tensor, value.dtype))
            self.flow.write(average, updated[-1])
        return updated

    def blend(self, averages: Sequence[Any], targets: Sequence[Any], decay: Any) -> None:
        """Each average becomes target + decay · (average − target), where the target is finite.

        It is exact for a decay of 0, and where the two are equal. Targets are variables or
        tensors.
        """
        for average, target in zip(averages, targets, strict=True):
            value = self.flow.value(average)
            target = self._wide(self.flow.value(target))
            factor = decay if isinstance(decay, float) else ops.cast(decay, target.dtype)
            blended = target + factor * (ops.cast(value, target.dtype) - target)
            blended = ops.cast(blended, value.dtype)
            self.flow.write(average, ops.where(ops.isfinite(blended), blended, value))

    def accumulate(self, sums: Sequence[Any], tensors: Sequence[Any], decay: float) -> list[Any]:
        """Each sum becomes decay · sum + tensor, where the tensor is finite.

        Returns the new values, which may share memory with the sums.
        """
        values = []
        for total, tensor in zip(sums, tensors, strict=True):
            value = self.flow.value(total)
            added = decay * value + tensor
            values.append(ops.where(ops.isfinite(added), added, value))
            self.flow.write(total, values[-1])
        return values

    # Random numbers: functions of a seed and an element's number, which compilers compute inside
    # the loop that uses them, on every device alike.

    def thinned(self, tensors: Sequence[Any], keep: float, seed: Any) -> list[Any]:
        """Return the tensors with each element kept with a probability, else 0.

        Args:
            tensors: Of any floating-point dtypes.
            keep: Above 0, at most 1.
            seed: Two whole numbers, of which the same give the same; others give
                independent draws. Those of the elements and tensors are independent.
        """
        masks = counter_hash.kept([tensor.shape for tensor in tensors], keep, seed)
        return [
            ops.where(mask, tensor, ops.zeros_like(tensor))
            for tensor, mask in zip(tensors, masks, strict=True)
        ]

    def with_noise(self, tensors: Sequence[Any], deviation: Any, seed: Any) -> list[Any]:
        """Return the tensors with normal noise of that deviation, from a seed as above."""
        noises = counter_hash.normal([tensor.shape for tensor in tensors], seed)
        return [
            tensor + ops.cast(deviation * noise, tensor.dtype)
            for tensor, noise in zip(tensors, noises, strict=True)
        ]


def opposed(step: Tensor, gradient: Tensor) -> Tensor:
    """Return where a step's product with a gradient, which itself would underflow, is negative."""
    return ((step < 0) & (gradient > 0)) | ((step > 0) & (gradient < 0))


def scaled_by_part(step: Tensor, kept: Tensor, count: Tensor, least_kept: float) -> Tensor:
    """Return the elements that are kept, divided by the part that they are, and zeros."""
    wide = "float64" if keras.backend.standardize_dtype(step.dtype) == "float64" else "float32"
    part = ops.cast(count, wide) / math.prod(step.shape)
    scale = 1 / ops.where(part > least_kept, part, least_kept)
    return ops.where(kept, step * ops.cast(scale, step.dtype), ops.zeros_like(step))


def _scaled(factor: Any, tensor: Tensor) -> Tensor:
    return ops.cast(ops.multiply(tensor, factor), tensor.dtype)


def _is_within(number: Tensor, least: float, most: float) -> Tensor:
    magnitude = ops.abs(number)
    return (magnitude >= least) & (magnitude <= most)


def _added(scalars: Sequence[Tensor]) -> Tensor:
    return functools.reduce(operator.add, scalars)
