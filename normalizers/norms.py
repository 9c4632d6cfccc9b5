"""The built-in norms, and how a norm is measured.

A norm takes a *block*: a list of gradients that are regarded as one vector g
with n elements. It returns one scalar. Every norm here is homogeneous,
norm(c g) = |c| norm(g).
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..backends import current as backend

Tensor = Any
Block = list[Tensor]
Norm = Callable[[Block], Tensor]

_overflowing_early: set[Norm] = set()


def overflows_early(norm: Norm) -> Norm:
    """Marks a norm whose squares or sums can overflow where the norm itself does not."""
    _overflowing_early.add(norm)
    return norm


def l1(block: Block) -> Tensor:
    """sum |g|."""
    return total(ops.abs, block)


@overflows_early
def l2(block: Block) -> Tensor:
    """sqrt(sum g²)."""
    return ops.sqrt(sum_of_squares(block))


@overflows_early
def l1_l2(block: Block) -> Tensor:
    """(l1 + l2) / 2."""
    return (l1(block) + l2(block)) / 2


@overflows_early
def avg_l1(block: Block) -> Tensor:
    """mean |g|."""
    return l1(block) / size(block)


@overflows_early
def avg_l2(block: Block) -> Tensor:
    """sqrt(mean g²)."""
    return ops.sqrt(sum_of_squares(block) / size(block))


@overflows_early
def avg_l1_l2(block: Block) -> Tensor:
    """(avg_l1 + avg_l2) / 2."""
    return (avg_l1(block) + avg_l2(block)) / 2


def largest(block: Block) -> Tensor:
    """max |g|."""
    return ops.max(ops.stack([ops.max(ops.abs(gradient)) for gradient in block]))


def smallest(block: Block) -> Tensor:
    """min |g|."""
    return ops.min(ops.stack([ops.min(ops.abs(gradient)) for gradient in block]))


def min_max(block: Block) -> Tensor:
    """(max |g| + min |g|) / 2."""
    return (largest(block) + smallest(block)) / 2


@overflows_early
def std(block: Block) -> Tensor:
    """sqrt(mean (g - mean g)²), or avg_l2 where g has no spread.

    No spread means a variance below machine epsilon times the mean square:
    a scalar, a constant gradient, or one whose spread is no more than rounding.
    """
    # Measured from its first element, a constant gradient deviates by exactly 0.
    origin = ops.reshape(block[0], (-1,))[0]
    shifted = [gradient - origin for gradient in block]
    mean = total(lambda gradient: gradient, shifted) / size(block)
    variance = sum_of_squares([gradient - mean for gradient in shifted]) / size(block)
    mean_square = sum_of_squares(block) / size(block)
    epsilon = float(np.finfo(keras.backend.standardize_dtype(block[0].dtype)).eps)
    no_spread = variance <= epsilon * mean_square
    return ops.sqrt(ops.where(no_spread, mean_square, variance))


def total(function: Callable[[Tensor], Tensor], block: Block) -> Tensor:
    """The sum of function(g) over all elements of the block."""
    return functools.reduce(operator.add, [ops.sum(function(gradient)) for gradient in block])


def sum_of_squares(block: Block) -> Tensor:
    """The sum of g² over all elements of the block."""
    return functools.reduce(operator.add, map(backend.sum_of_squares, block))


def size(block: Block) -> int:
    """The number of elements of the block."""
    return sum(math.prod(gradient.shape) for gradient in block)


def measure(norm: Norm, blocks: Sequence[Block]) -> list[Tensor]:
    """The norm of every block, in float32 or wider, right over the whole range of the dtype.

    Norms are computed plainly first. Only if one of them is not finite are all
    computed again, scaled: one `cond` a step, and no second pass over the
    gradients in an ordinary one.
    """
    blocks = [widen(block) for block in blocks]
    norms = [norm(block) if block else ops.zeros(()) for block in blocks]
    if norm not in _overflowing_early:
        return norms
    return backend.cond(
        backend.all_finite([ops.cast(norm, "float32") for norm in norms]),
        lambda: norms,
        lambda: [measure_scaled(norm, block) if block else ops.zeros(()) for block in blocks],
    )


def measure_scaled(norm: Norm, block: Block) -> Tensor:
    """max |g| · norm(g / max |g|): the squares of float32 beyond 1.8e19 would overflow."""
    scale = largest(block)
    scale = ops.where(scale > 0, scale, 1)
    return norm([gradient / scale for gradient in block]) * scale


def widen(block: Block) -> list[Tensor]:
    """The gradients of a block that have elements, in one dtype: float32, or wider if one is."""
    dtype = common_dtype(block)
    return [ops.cast(gradient, dtype) for gradient in block if math.prod(gradient.shape)]


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
