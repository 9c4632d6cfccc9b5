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
    """Return a tensor of each shape, of 32 random bits an element, as int32.

    The signed numbers are those that every backend can shift and compare.

    Args:
        shapes: The shapes.
        seed: Two whole numbers; others give independent bits.
    """
    keys = _hashed(ops.arange(2 * len(shapes), dtype="int32"), ops.cast(seed, "int32"))
    return [
        _hashed(_numbers_of(shape), keys[2 * index : 2 * index + 2])
        for index, shape in enumerate(shapes)
    ]


def kept(shapes: Sequence[Sequence[int]], keep: float, seed: Tensor) -> list[Tensor]:
    """Return a tensor of each shape whose elements are True with a probability."""
    greatest = max(round(keep * 2**32), 1) - 1
    # With the highest bit turned over, signed words are in the order of unsigned ones.
    greatest, lowest = _word(greatest ^ 2**31), _word(2**31)
    return [ops.bitwise_xor(drawn, lowest) <= greatest for drawn in bits(shapes, seed)]


def normal(shapes: Sequence[Sequence[int]], seed: Tensor) -> list[Tensor]:
    """Return standard normal numbers in float32, up to 5.3 from 0.

    They are what the inverse distribution function makes of uniform ones.
    """
    numbers = []
    for drawn in bits(shapes, seed):
        upper = ops.cast(_shifted(drawn, 9), "float32")
        # Of one bit more, float32 would round the greatest to 1, whose inverse is infinite.
        numbers.append(math.sqrt(2) * ops.erfinv((2 * upper + 1) * 2.0**-23 - 1))
    return numbers


def _numbers_of(shape: Sequence[int]) -> Tensor:
    return ops.reshape(ops.arange(math.prod(shape), dtype="int32"), shape)


def _hashed(numbers: Tensor, key: Tensor) -> Tensor:
    mixed = _folded(numbers + key[0], 17) * _word(0xED5AD4BB)
    mixed = _folded(mixed, 11) * _word(0xAC4C1B51)
    mixed = _folded(ops.bitwise_xor(mixed, key[1]), 15) * _word(0x31848BAB)
    return _folded(mixed, 14)


def _folded(words: Tensor, shift: int) -> Tensor:
    return ops.bitwise_xor(words, _shifted(words, shift))


def _shifted(words: Tensor, shift: int) -> Tensor:
    """Return the words shifted to the right, with zeros coming in where the sign was."""
    return ops.bitwise_and(ops.right_shift(words, _word(shift)), _word(2 ** (32 - shift) - 1))


def _word(value: int) -> Tensor:
    """Return the signed number that has the 32 bits of an unsigned one."""
    return ops.convert_to_tensor(value - 2**32 if value >= 2**31 else value, "int32")
