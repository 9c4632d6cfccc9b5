"""The built-in norms, and how a norm is measured.

A norm takes blocks. A *block* is a list of gradients that are regarded as one
vector g with n elements. It returns the numbers of the blocks, one for each, as
`backends` has them. Every norm here is homogeneous, norm(c g) = |c| norm(g).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..backends import current as backend

Tensor = Any
Block = Sequence[Tensor]
Numbers = Any
Norm = Callable[[Sequence[Block]], Numbers]

_overflowing_early: set[Norm] = set()
_of_rows: set[Norm] = set()


def overflows_early(norm: Norm) -> Norm:
    """Marks a norm whose squares or sums can overflow where the norm itself does not."""
    _overflowing_early.add(norm)
    return norm


def of_rows(norm: Norm) -> Norm:
    """Marks a norm to which zeros contribute nothing but their number."""
    _of_rows.add(norm)
    return norm


@of_rows
def l1(blocks: Sequence[Block]) -> Numbers:
    """sum |g|."""
    return backend.sums(ops.abs, blocks)


@overflows_early
@of_rows
def l2(blocks: Sequence[Block]) -> Numbers:
    """sqrt(sum g²)."""
    return backend.each(ops.sqrt, backend.sums_of_squares(blocks))


@overflows_early
@of_rows
def l1_l2(blocks: Sequence[Block]) -> Numbers:
    """(l1 + l2) / 2."""
    return backend.each(middle, l1(blocks), l2(blocks))


@overflows_early
@of_rows
def avg_l1(blocks: Sequence[Block]) -> Numbers:
    """mean |g|."""
    return backend.each(ops.divide, l1(blocks), sizes(blocks))


@overflows_early
@of_rows
def avg_l2(blocks: Sequence[Block]) -> Numbers:
    """sqrt(mean g²)."""
    return backend.each(ops.sqrt, mean_squares(blocks))


@overflows_early
@of_rows
def avg_l1_l2(blocks: Sequence[Block]) -> Numbers:
    """(avg_l1 + avg_l2) / 2."""
    return backend.each(middle, avg_l1(blocks), avg_l2(blocks))


@of_rows
def largest(blocks: Sequence[Block]) -> Numbers:
    """max |g|."""
    return backend.largest(blocks)


def smallest(blocks: Sequence[Block]) -> Numbers:
    """min |g|."""
    return backend.smallest(blocks)


def min_max(blocks: Sequence[Block]) -> Numbers:
    """(max |g| + min |g|) / 2."""
    return backend.each(middle, largest(blocks), smallest(blocks))


@overflows_early
def std(blocks: Sequence[Block]) -> Numbers:
    """sqrt(mean (g - mean g)²), or avg_l2 where g has no spread.

    No spread means a variance below machine epsilon times the mean square:
    a scalar, a constant gradient, or one whose spread is no more than rounding.
    """
    # Measured from its first element, a constant gradient deviates by exactly 0.
    origins = backend.first(blocks)
    offsets = backend.sums(ops.subtract, blocks, origins)
    means = backend.each(lambda origin, sum, n: origin + sum / n, origins, offsets, sizes(blocks))
    squares = backend.sums(lambda g, mean: ops.square(g - mean), blocks, means)
    epsilons = [float(np.finfo(common_dtype(block)).eps) for block in blocks]

    def formula(square: Tensor, n: Tensor, mean_square: Tensor, epsilon: Tensor) -> Tensor:
        variance = square / n
        no_spread = variance <= epsilon * mean_square
        return ops.sqrt(ops.where(no_spread, mean_square, variance))

    numbers = backend.numbers(epsilons, blocks)
    return backend.each(formula, squares, sizes(blocks), mean_squares(blocks), numbers)


def middle(one: Tensor, other: Tensor) -> Tensor:
    """The number in the middle between two."""
    return (one + other) / 2


def mean_squares(blocks: Sequence[Block]) -> Numbers:
    """mean g²."""
    return backend.each(ops.divide, backend.sums_of_squares(blocks), sizes(blocks))


def sizes(blocks: Sequence[Block]) -> Numbers:
    """n."""
    counts = [sum(math.prod(gradient.shape) for gradient in block) for block in blocks]
    return backend.numbers(counts, blocks)


def measure(norm: Norm, blocks: Sequence[Block]) -> Numbers:
    """The norm of every block, in float32 or wider, right over the whole range of the dtype.

    Norms are computed plainly first. Only if one of them is not finite are they
    computed again, scaled: one `cond` a step, and no second pass over the
    gradients in an ordinary one.
    """
    if norm not in _of_rows:
        blocks = [[backend.written_out(gradient) for gradient in block] for block in blocks]
    blocks = [widen(block) for block in blocks]
    norms = norm(blocks)
    if norm not in _overflowing_early:
        return norms
    return backend.cond(
        backend.all_finite(norms), lambda: norms, lambda: measure_scaled(norm, blocks, norms)
    )


# What brings the largest numbers down so far that their squares add up, and leaves those that
# count beside them within range; as a power of two it does not round.
SMALL = {"float32": 2.0**-80, "float64": 2.0**-600}


def measure_scaled(norm: Norm, blocks: Sequence[Block], plain: Numbers) -> Numbers:
    """norm(c g) / c, with a small c for blocks whose plain norm is not finite.

    The squares of float32 beyond 1.8e19 would overflow.
    """

    def scale(plain: Tensor, small: Tensor) -> Tensor:
        # Were c a constant, XLA would take c² out of the sum of the squares, which is 0.
        one = ops.ones_like(plain)
        return ops.where(ops.isfinite(plain), one, one * small)

    smalls = backend.numbers([SMALL[common_dtype(block)] for block in blocks], blocks)
    scales = backend.each(scale, plain, smalls)
    return backend.each(ops.divide, norm(backend.scaled(blocks, scales)), scales)


def widen(block: Block) -> Block:
    """The block in one dtype, the widest: a sum of squares in float32 would spoil the others'."""
    if len({gradient.dtype for gradient in block}) == 1:
        return block
    dtype = common_dtype(block)
    return [ops.cast(backend.written_out(gradient), dtype) for gradient in block]


def common_dtype(block: Block) -> str:
    """float32, or float64 if a gradient of the block is float64."""
    # keras.backend.result_type knows no float64 on JAX and PyTorch.
    dtypes = {keras.backend.standardize_dtype(gradient.dtype) for gradient in block}
    return "float64" if "float64" in dtypes else "float32"


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
