"""An optimizer's update in parts, on a CPU.

What Keras' optimizers compute on the way, they have for all variables at once: Adam three tensors
of the model's size. Done in parts, it is of a part's size, which the processor's cache holds, and
which the system need not give anew at each step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from .. import keras_private
from . import device

SIZE = 2**19  # elements, beside which the numbers that every part needs cost little

Piece = tuple[int, slice]  # the place of a variable, and which of its elements


def update_in_parts(
    optimizer: Any, gradients: Sequence[Any], variables: Sequence[Any], learning_rate: Any
) -> None:
    """Stands in for the method of an optimizer that updates all variables at once."""
    if not _gains_by_parts(gradients, variables):
        keras_private.update_parts(optimizer, gradients, variables, learning_rate)
        return
    flat = [gradient.reshape(-1) for gradient in gradients]
    for part in _parts([gradient.numel() for gradient in flat]):
        keras_private.update_parts(
            optimizer,
            [flat[place][elements] for place, elements in part],
            [variables[place] for place, _ in part],
            learning_rate,
            [elements for _, elements in part],
        )


def _gains_by_parts(gradients: Sequence[Any], variables: Sequence[Any]) -> bool:
    """Return whether there are several parts, to be computed with the same numbers.

    These are of the dtype of the first variable. Other devices start a part late.
    """
    return (
        not torch.compiler.is_compiling()
        and sum(map(torch.Tensor.numel, gradients)) > SIZE
        and device.on_cpu(gradients[0])
        and len({variable.dtype for variable in variables}) == 1
        and all(variable.value.is_contiguous() for variable in variables)
    )


def _parts(sizes: Sequence[int]) -> Iterator[list[Piece]]:
    """Yield pieces of variables in turn, together of that size, or a little more."""
    part: list[Piece] = []
    elements = 0
    for place, size in enumerate(sizes):
        for start in range(0, size, SIZE):
            part.append((place, slice(start, start + SIZE)))
            elements += min(SIZE, size - start)
            if elements >= SIZE:
                yield part
                part, elements = [], 0
    if part:
        yield part
