"""The built-in norms, and how a norm is measured.

A norm takes blocks. A *block* is a list of gradients that are regarded as one
vector g with n elements. It returns a vector with one number for each block.
Every norm here is homogeneous, norm(c g) = |c| norm(g).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..backends import current as backend

Tensor = Any
Block = Sequence[Tensor]
Norm = Callable[[Sequence[Block]], Tensor]

_overflowing_early: set[Norm] = set()


def overflows_early(norm: Norm) -> Norm:
    """Marks a norm whose squares or sums can overflow where the norm itself does not."""
    _overflowing_early.add(norm)
    return norm


def l1(blocks: Sequence[Block]) -> Tensor:
    """sum |g|."""
    return backend.sums([[ops.abs(gradient) for gradient in block] for block in blocks])


@overflows_early
def l2(blocks: Sequence[Block]) -> Tensor:
    """sqrt(sum g²)."""
    return ops.sqrt(backend.sums_of_squares(blocks))


@overflows_early
def l1_l2(blocks: Sequence[Block]) -> Tensor:
    """(l1 + l2) / 2."""
    return (l1(blocks) + l2(blocks)) / 2


@overflows_early
def avg_l1(blocks: Sequence[Block]) -> Tensor:
    """mean |g|."""
    return l1(blocks) / sizes(blocks)


@overflows_early
def avg_l2(blocks: Sequence[Block]) -> Tensor:
    """sqrt(mean g²)."""
    return ops.sqrt(backend.sums_of_squares(blocks) / sizes(blocks))


@overflows_early
def avg_l1_l2(blocks: Sequence[Block]) -> Tensor:
    """(avg_l1 + avg_l2) / 2."""
    return (avg_l1(blocks) + avg_l2(blocks)) / 2


def largest(blocks: Sequence[Block]) -> Tensor:
    """max |g|."""
    return backend.largest(blocks)


def smallest(blocks: Sequence[Block]) -> Tensor:
    """min |g|."""
    return backend.smallest(blocks)


def min_max(blocks: Sequence[Block]) -> Tensor:
    """(max |g| + min |g|) / 2."""
    return (largest(blocks) + smallest(blocks)) / 2


@overflows_early
def std(blocks: Sequence[Block]) -> Tensor:
    """sqrt(mean (g - mean g)²), or avg_l2 where g has no spread.

    No spread means a variance below machine epsilon times the mean square:
    a scalar, a constant gradient, or one whose spread is no more than rounding.
    """
    # Measured from its first element, a constant gradient deviates by exactly 0.
    origins = vector([ops.reshape(block[0], (-1,))[0] for block in blocks], blocks)
    from_origin = backend.shifted(blocks, -origins)
    means = backend.sums(from_origin) / sizes(blocks)
    deviations = backend.shifted(from_origin, -means)
    variance = backend.sums_of_squares(deviations) / sizes(blocks)
    mean_square = backend.sums_of_squares(blocks) / sizes(blocks)
    epsilon = vector([np.finfo(common_dtype([block])).eps for block in blocks], blocks)
    no_spread = variance <= epsilon * mean_square
    return ops.sqrt(ops.where(no_spread, mean_square, variance))


def sizes(blocks: Sequence[Block]) -> Tensor:
    """The number of elements of each block."""
    return vector([sum(math.prod(one.shape) for one in block) for block in blocks], blocks)


def measure(norm: Norm, blocks: Sequence[Block]) -> Tensor:
    """The norm of every block, in float32 or wider, right over the whole range of the dtype.

    Norms are computed plainly first. Only if one of them is not finite are they
    computed again, scaled: one `cond` a step, and no second pass over the
    gradients in an ordinary one.
    """
    blocks = [widen(block) for block in blocks]
    norms = norm(blocks)
    if norm not in _overflowing_early:
        return norms
    finite = ops.isfinite(norms)
    return backend.cond(
        ops.all(finite), lambda: norms, lambda: measure_scaled(norm, blocks, finite)
    )


# What brings the largest numbers down so far that their squares add up, and leaves those that
# count beside them within range; as a power of two it does not round.
SMALL = {"float32": 2.0**-80, "float64": 2.0**-600}


def measure_scaled(norm: Norm, blocks: Sequence[Block], finite: Tensor) -> Tensor:
    """norm(c g) / c, with a small c for the blocks whose plain norm is not finite."""
    small = vector([SMALL[common_dtype([block])] for block in blocks], blocks)
    # Were c a constant, XLA would take c² out of the sum of the squares, which is 0.
    scale = ops.where(finite, ops.ones_like(small), small)
    return norm(backend.scaled(blocks, scale)) / scale


def widen(block: Block) -> Block:
    """The block in one dtype, the widest: a sum of squares in float32 would spoil the others'."""
    if len({gradient.dtype for gradient in block}) == 1:
        return block
    return [ops.cast(gradient, common_dtype([block])) for gradient in block]


def vector(numbers: Sequence[Any], blocks: Sequence[Block]) -> Tensor:
    """A number for each block, in the dtype of the blocks' norms."""
    dtype = common_dtype(blocks)
    if not ops.is_tensor(numbers[0]):
        return ops.convert_to_tensor(np.array(numbers, dtype))
    return ops.stack([ops.cast(number, dtype) for number in numbers])


def common_dtype(blocks: Sequence[Block]) -> str:
    """float32, or float64 if a gradient in the blocks is float64."""
    # keras.backend.result_type knows no float64 on JAX and PyTorch.
    gradients = itertools.chain.from_iterable(blocks)
    dtypes = {keras.backend.standardize_dtype(gradient.dtype) for gradient in gradients}
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
