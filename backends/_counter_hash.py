"""Random bits as a hash of a key and an element's number, for compilers of whole loops.

XLA writes out the generators it knows, Philox and Threefry, within every loop that uses their
numbers, which takes longer than an optimizer's step. This hash takes a tenth of it.

References:
    Wellons: "Prospecting for Hash Functions", 2018, whose `triple32` it is, with keys;
    Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3", 2011, for
    random numbers that are a function of a key and a counter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

Tensor = Any


def bits(shapes: Sequence[Sequence[int]], seed: Tensor) -> list[Tensor]:
    """A tensor of each shape, of 32 random bits an element, as uint32.

    Args:
        shapes: The shapes.
        seed: Two whole numbers; others give independent bits.
    """
    keys = _hashed(_count(2 * len(shapes)), ops.cast(seed, "uint32"))
    return [
        _hashed(ops.reshape(_count(math.prod(shape)), shape), keys[2 * index : 2 * index + 2])
        for index, shape in enumerate(shapes)
    ]


def kept(shapes: Sequence[Sequence[int]], keep: float, seed: Tensor) -> list[Tensor]:
    """A tensor of each shape whose elements are True with a probability."""
    greatest = max(round(keep * 2**32), 1) - 1
    return [drawn <= _word(greatest) for drawn in bits(shapes, seed)]


def normal(shapes: Sequence[Sequence[int]], seed: Tensor) -> list[Tensor]:
    """Standard normal numbers in float32, up to 5.4 from 0: the inverse distribution function."""
    numbers = []
    for drawn in bits(shapes, seed):
        upper = ops.cast(ops.cast(ops.right_shift(drawn, _word(8)), "int32"), "float32")
        numbers.append(math.sqrt(2) * ops.erfinv((2 * upper + 1) * 2.0**-24 - 1))
    return numbers


def _count(number: int) -> Tensor:
    return ops.cast(ops.arange(number, dtype="int32"), "uint32")


def _hashed(numbers: Tensor, key: Tensor) -> Tensor:
    mixed = _folded(numbers + key[0], 17) * _word(0xED5AD4BB)
    mixed = _folded(mixed, 11) * _word(0xAC4C1B51)
    mixed = _folded(ops.bitwise_xor(mixed, key[1]), 15) * _word(0x31848BAB)
    return _folded(mixed, 14)


def _folded(words: Tensor, shift: int) -> Tensor:
    return ops.bitwise_xor(words, ops.right_shift(words, _word(shift)))


def _word(value: int) -> Tensor:
    return ops.convert_to_tensor(value, "uint32")
