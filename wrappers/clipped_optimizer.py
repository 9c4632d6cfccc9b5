"""Clipped gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from .. import blocks, checks, normalizers
from ..normalizers.norms import Block, measure
from .catalogue import wrapper
from .optimizer_wrapper import OptimizerWrapper, Tensor, Variable


@wrapper("clipped")
class ClippedOptimizer(OptimizerWrapper):
    """Scales gradients whose norm exceeds a bound down to it.

        g ← g · clipnorm / norm(g)    where norm(g) > clipnorm
        g ← g                         elsewhere, bit for bit

    The norm is taken of a block of gradients, see `scope`. A gradient that is not
    finite stays so, and reaches the inner optimizer.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a Keras name or a config.
        normalization: The name of a registered norm (`stepwrap.normalizers`), or a
            function from a gradient tensor to a scalar, written with `keras.ops`. A
            function can be saved if it is registered with Keras. Default: "l2".
        clipnorm: The largest norm that is left as it is, above 0. Default: 1.0.
        scope: "variable": one norm for each variable; "layer": one for the
            variables of each layer; "global": one for all. Default: "variable".
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError: If `normalization` is neither a name nor callable, or `clipnorm`
            is no number.
        ValueError: If `normalization` is not registered or has no norm, `clipnorm`
            is not finite and above 0, or `scope` is unknown. At the first step: if
            a function returns no scalar.

    References:
        Pascanu, Mikolov, Bengio: "On the difficulty of training Recurrent Neural
        Networks", arXiv 1211.5063, Algorithm 1.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        normalization: str | Callable[[Tensor], Tensor] = "l2",
        clipnorm: float = 1.0,
        scope: str = "variable",
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.normalization = normalization
        self.clipnorm = checks.positive("clipnorm", clipnorm)
        self.scope = checks.choice("scope", scope, blocks.SCOPES)
        self._norm = normalizers.get_norm(normalization)

    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """The gradients, clipped block by block."""
        return blocks.transform(self._clip_blocks, self.scope, gradients, variables)

    def _clip_blocks(self, gradient_blocks: list[Block]) -> list[list[Tensor]]:
        norms = measure(self._norm, gradient_blocks)
        return [
            [self._clip(gradient, norm) for gradient in block]
            for block, norm in zip(gradient_blocks, norms, strict=True)
        ]

    def _clip(self, gradient: Tensor, norm: Tensor) -> Tensor:
        exceeds = norm > self.clipnorm
        scale = self.clipnorm / ops.where(exceeds, norm, self.clipnorm)
        scaled = ops.cast(ops.cast(gradient, norm.dtype) * scale, gradient.dtype)
        # A choice, not a factor of 1, which would flush the smallest numbers to zero.
        return ops.where(exceeds, scaled, gradient)
