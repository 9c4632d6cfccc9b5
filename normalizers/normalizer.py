"""What a normalizer is: from gradients to gradients of the same shapes and dtypes."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Sequence

import keras
from keras import ops

from .. import checks
from ..backends import kernels
from . import norms
from .norms import Block, Norm, Numbers, Tensor


class Normalizer(abc.ABC):
    """Normalises gradients in blocks: each block counts as one vector."""

    @abc.abstractmethod
    def normalize(self, blocks: Sequence[Block]) -> list[list[Tensor]]:
        """Return the blocks with their gradients normalised."""

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return one gradient, a tensor or an array, normalised by itself."""
        dtype = keras.backend.standardize_dtype(gradient.dtype)
        gradient = ops.convert_to_tensor(gradient, dtype)
        return self.normalize([[gradient]])[0][0] if math.prod(gradient.shape) else gradient


class NormNormalizer(Normalizer):
    """gradient / (norm + epsilon), epsilon = keras.config.epsilon().

    Computed in float32, or float64 for float64 gradients, and returned in the
    gradient's own dtype.
    """

    def __init__(self, norm: Norm) -> None:
        self.norm = norm

    def normalize(self, blocks: Sequence[Block]) -> list[list[Tensor]]:
        """Return the blocks with every gradient divided by its block's norm."""
        epsilon = keras.config.epsilon()
        measured = norms.measure(self.norm, blocks)

        def factor(norm: Tensor, scale: Tensor) -> Tensor:
            # To divide every element would be a pass of its own under XLA.
            return 1 / (norm + epsilon * scale)

        factors = kernels.each(factor, measured.norms, measured.scales)
        # In this order: elements that are small beside the norm would be lost to its scale.
        return measured.in_range(kernels.scaled(blocks, factors))


class FunctionNormalizer(Normalizer):
    """A user's function from a gradient tensor to a normalised gradient tensor.

    A block of several gradients reaches the function as one flat tensor.
    """

    def __init__(self, name: str, function: Callable[[Tensor], Tensor]) -> None:
        self.name = name
        self.function = function

    def normalize(self, blocks: Sequence[Block]) -> list[list[Tensor]]:
        """Return the blocks as the function returns them, checked."""
        return [split(self.checked(join(block)), block) for block in blocks]

    def checked(self, gradient: Tensor) -> Tensor:
        """Return the function's result, which must have the gradient's shape and dtype."""
        normalized = self.function(gradient)
        checks.same_form(f"normalizer '{self.name}'", [normalized], [gradient], "gradient")
        return normalized


class FunctionNorm:
    """A user's norm, a function from a gradient tensor to a scalar, as a norm of blocks.

    A block of several gradients reaches the function as one flat tensor, in float32 or wider.
    """

    def __init__(self, name: str, function: Callable[[Tensor], Tensor]) -> None:
        self.name = name
        self.function = function

    def __call__(self, blocks: Sequence[Block]) -> Numbers:
        """Return the function's results, each of which must be a scalar."""
        return kernels.numbers([self._of_block(block) for block in blocks], blocks)

    def _of_block(self, block: Block) -> Tensor:
        dtype = norms.common_dtype(block)
        norm = self.function(ops.cast(join(block), dtype))
        checks.scalar(f"norm '{self.name}'", norm)
        return ops.cast(norm, dtype)


def given_functions(normalizer: Normalizer | Norm) -> list[Callable]:
    """Return the function of a user that a normalizer or a norm calls, if there is one."""
    if isinstance(normalizer, NormNormalizer):
        normalizer = normalizer.norm
    return (
        [normalizer.function] if isinstance(normalizer, FunctionNormalizer | FunctionNorm) else []
    )


def join(block: Block) -> Tensor:
    """Return the block as one dense tensor: flat, unless it is a single gradient."""
    block = [kernels.written_out(gradient) for gradient in block]
    if len(block) == 1:
        return block[0]
    dtype = norms.common_dtype(block)
    return ops.concatenate([ops.cast(ops.reshape(gradient, (-1,)), dtype) for gradient in block])


def split(joined: Tensor, block: Block) -> list[Tensor]:
    """Return the parts of a joined tensor, in the shapes and dtypes of the block: undoes `join`."""
    if len(block) == 1:
        return [joined]
    ends = [0]
    for gradient in block:
        ends.append(ends[-1] + math.prod(gradient.shape))
    return [
        ops.cast(ops.reshape(joined[start:end], gradient.shape), gradient.dtype)
        for gradient, start, end in zip(block, ends[:-1], ends[1:], strict=True)
    ]
