"""The built-in norms, and how a norm is measured.

A norm takes blocks. A *block* is a list of gradients that are regarded as one
vector g with n elements. It returns the numbers of the blocks, one for each, as
`backends` has them. Every norm here is homogeneous, norm(c g) = |c| norm(g).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from ..backends import flow, kernels

Tensor = Any
Block = Sequence[Tensor]
Numbers = Any
Norm = Callable[[Sequence[Block]], Numbers]

_overflowing_early: set[Norm] = set()
_of_rows: set[Norm] = set()


def overflows_early(norm: Norm) -> Norm:
    """Marks a norm that can overflow, it or its reciprocal, where the gradient does not."""
    _overflowing_early.add(norm)
    return norm


def of_rows(norm: Norm) -> Norm:
    """Marks a norm to which zeros contribute nothing but their number."""
    _of_rows.add(norm)
    return norm


@overflows_early
@of_rows
def l1(blocks: Sequence[Block]) -> Numbers:
    """Return sum |g|."""
    return kernels.sums(ops.abs, blocks)


@overflows_early
@of_rows
def l2(blocks: Sequence[Block]) -> Numbers:
    """Return sqrt(sum g²)."""
    return kernels.each(root, kernels.sums_of_squares(blocks))


@overflows_early
@of_rows
def l1_l2(blocks: Sequence[Block]) -> Numbers:
    """Return (l1 + l2) / 2."""
    return kernels.each(middle, l1(blocks), l2(blocks))


@overflows_early
@of_rows
def avg_l1(blocks: Sequence[Block]) -> Numbers:
    """Return mean |g|."""
    return kernels.each(ops.divide, l1(blocks), sizes(blocks))


@overflows_early
@of_rows
def avg_l2(blocks: Sequence[Block]) -> Numbers:
    """Return sqrt(mean g²)."""
    return kernels.each(root, mean_squares(blocks))


@overflows_early
@of_rows
def avg_l1_l2(blocks: Sequence[Block]) -> Numbers:
    """Return (avg_l1 + avg_l2) / 2."""
    return kernels.each(middle, avg_l1(blocks), avg_l2(blocks))


@overflows_early
@of_rows
def largest(blocks: Sequence[Block]) -> Numbers:
    """Return max |g|."""
    return kernels.largest(blocks)


def smallest(blocks: Sequence[Block]) -> Numbers:
    """Return min |g|."""
    return kernels.smallest(blocks)


@overflows_early
def min_max(blocks: Sequence[Block]) -> Numbers:
    """Return (max |g| + min |g|) / 2."""
    return kernels.each(middle, largest(blocks), smallest(blocks))


@overflows_early
def std(blocks: Sequence[Block]) -> Numbers:
    """Return sqrt(mean (g - mean g)²), or avg_l2 where g has no spread.

    No spread means a variance below machine epsilon times the mean square:
    a scalar, a constant gradient, or one whose spread is no more than rounding.
    """
    # Measured from its first element, a constant gradient deviates by exactly 0.
    origins = kernels.first(blocks)
    offsets = kernels.sums(ops.subtract, blocks, origins)
    means = kernels.each(lambda origin, sum, n: origin + sum / n, origins, offsets, sizes(blocks))
    squares = kernels.sums(lambda g, mean: ops.square(g - mean), blocks, means)
    epsilons = [float(np.finfo(common_dtype(block)).eps) for block in blocks]

    def formula(square: Tensor, n: Tensor, mean_square: Tensor, epsilon: Tensor) -> Tensor:
        variance = square / n
        no_spread = variance <= epsilon * mean_square
        return ops.sqrt(ops.where(no_spread, mean_square, variance))

    numbers = kernels.numbers(epsilons, blocks)
    return kernels.each(formula, squares, sizes(blocks), mean_squares(blocks), numbers)


def root(square: Tensor) -> Tensor:
    """Return the square root, which at 0, too, has a finite derivative."""
    return kernels.root(square)


def middle(one: Tensor, other: Tensor) -> Tensor:
    """Return the number in the middle between two."""
    return (one + other) / 2


def mean_squares(blocks: Sequence[Block]) -> Numbers:
    """Return mean g²."""
    return kernels.each(ops.divide, kernels.sums_of_squares(blocks), sizes(blocks))


def sizes(blocks: Sequence[Block]) -> Numbers:
    """Return n, the number of elements."""
    counts = [sum(math.prod(gradient.shape) for gradient in block) for block in blocks]
    return kernels.numbers(counts, blocks)


class Measured(NamedTuple):
    """Norms, of what has been brought into the range in which its squares add up.

    Attributes:
        norms: The norm of each block times its scale.
        scales: Powers of two.
        unscaled: Whether all scales are 1.
    """

    norms: Numbers
    scales: Numbers
    unscaled: Any

    def in_range(self, blocks: Sequence[Block]) -> Sequence[Block]:
        """Return the blocks times their scales: what the norms are the norms of."""
        return kernels.scaled_unless(self.unscaled, blocks, self.scales)

    def part(self, start: int, stop: int) -> Measured:
        """Return what was measured of some of the blocks."""
        return Measured(self.norms[start:stop], self.scales[start:stop], self.unscaled)


# What brings the largest numbers down so far that their squares add up, and leaves those that
# count beside them within range; as a power of two it does not round.
SMALL = {"float32": 2.0**-80, "float64": 2.0**-600}

# Below the least, squares are lost that count; 1 / SMALL brings what is smaller up. Reciprocals of
# numbers above the most could be lost.
LEAST = {"float32": 2.0**-40, "float64": 2.0**-400}
ZERO = {"float32": 0.0, "float64": 0.0}
ONE = {"float32": 1.0, "float64": 1.0}
MOST = {"float32": 2.0**100, "float64": 2.0**1000}


def measure(norm: Norm, blocks: Sequence[Block], down_to_zero: bool = False) -> Measured:
    """Return the norm of every block, in float32 or wider, right over the whole range of the dtype.

    Norms are computed plainly first. Only if one of them is too large, or not finite, are they
    computed again, scaled: one `cond` a step, and no second pass over the
    gradients in an ordinary one.

    Args:
        norm: The norm.
        blocks: The blocks.
        down_to_zero: Whether norms must be right that are lost beside 1e-12, too.
    """
    if norm not in _of_rows:
        blocks = [[kernels.written_out(gradient) for gradient in block] for block in blocks]
    blocks = [widen(block) for block in blocks]
    norms = norm(blocks)
    if norm not in _overflowing_early:
        return Measured(norms, kernels.each(ops.ones_like, norms), unscaled=True)
    dtypes = [common_dtype(block) for block in blocks]

    def table(values: dict[str, float]) -> Numbers:
        return kernels.numbers([values[dtype] for dtype in dtypes], blocks)

    lowest = LEAST if down_to_zero else ZERO
    bounds = ([values[dtype] for dtype in dtypes] for values in (lowest, MOST))
    sound = kernels.all_within(norms, *bounds)
    if sound is True:  # known by now, and nothing is to be scaled
        return Measured(norms, table(ONE), unscaled=True)
    return _measured(
        norms,
        sound,
        lambda: kernels.each(_scale, norms, *map(table, (SMALL, lowest, MOST))),
        lambda scales: norm(kernels.scaled(blocks, scales)),
    )


def measure_units(
    quantity: Callable[[Tensor], Tensor], tensors: Sequence[Tensor], down_to_zero: bool = False
) -> Measured:
    """Return what `measure` does, of units of tensors; the quantity of c g is c times as much.

    Scales and what stands for norms are lists of tensors here, which broadcast with the
    tensors; each of the tensors counts as a block.

    Args:
        quantity: Such as the norm over all axes but the last, which it keeps.
        tensors: The tensors.
        down_to_zero: As for `measure`.
    """
    quantities = [quantity(tensor) for tensor in tensors]

    def table(values: dict[str, float]) -> list[Tensor]:
        return [ops.full_like(one, values[common_dtype([one])]) for one in quantities]

    def each(formula: Callable, *lists: Sequence[Tensor]) -> list[Tensor]:
        return list(map(formula, *lists))

    lowest = LEAST if down_to_zero else ZERO
    dtypes = [common_dtype([one]) for one in quantities]
    bounds = ([values[dtype] for dtype in dtypes] for values in (lowest, MOST))
    sound = kernels.units_within(quantities, *bounds)
    if sound is True:
        return Measured(quantities, [1.0] * len(quantities), unscaled=True)
    return _measured(
        quantities,
        sound,
        lambda: each(_scale, quantities, *map(table, (SMALL, lowest, MOST))),
        lambda scales: [
            quantity(kernels.scaled_unless(False, [[tensor]], [scale])[0][0])
            for tensor, scale in zip(tensors, scales, strict=True)
        ],
    )


def _measured(
    plain: Numbers,
    sound: Tensor,
    choose_scales: Callable[[], Numbers],
    measure_scaled: Callable[[Numbers], Numbers],
) -> Measured:
    # Outside of the conditional, of whose every result XLA makes much when it compiles.
    scales = choose_scales()
    norms = flow.cond(sound, lambda: plain, lambda: measure_scaled(scales))
    return Measured(norms, scales, sound)


def _scale(number: Tensor, small: Tensor, least: Tensor, most: Tensor) -> Tensor:
    """Return what brings it between the bounds."""
    # Were c a constant, XLA would take c² out of the sum of the squares, which is 0.
    one = ops.ones_like(number)
    magnitude = ops.abs(number)
    up = ops.where(magnitude < least, 1 / small, one)
    return ops.where(magnitude <= most, up, one * small)


def widen(block: Block) -> Block:
    """Return the block in one dtype, the widest: a sum of squares in float32 would spoil the
    others'.
    """
    if len({gradient.dtype for gradient in block}) == 1:
        return block
    dtype = common_dtype(block)
    return [ops.cast(kernels.written_out(gradient), dtype) for gradient in block]


def common_dtype(block: Block) -> str:
    """Return float32, or float64 if a gradient of the block is float64."""
    # keras.backend.result_type knows no float64 on JAX and PyTorch.
    dtypes = {_name_of(gradient.dtype) for gradient in block}
    return "float64" if "float64" in dtypes else "float32"


_name_of = functools.cache(keras.backend.standardize_dtype)  # which compares texts


BUILT_IN: dict[str, Norm] = {
    "l1": l1,
    "l2": l2,
    "l1_l2": l1_l2,
    "avg_l1": avg_l1,
    "avg_l2": avg_l2,
    "avg_l1_l2": avg_l1_l2,
    "max": largest,
    "linf": largest,
    "min_max": min_max,
    "std": std,
}
