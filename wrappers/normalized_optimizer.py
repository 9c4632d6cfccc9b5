"""Normalised gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import blocks, checks, normalizers
from ..sparse import works_on_rows
from .catalogue import wrapper
from .optimizer_wrapper import OptimizerWrapper, Tensor, Variable


@wrapper("normalized")
class NormalizedOptimizer(OptimizerWrapper):
    """Divides every gradient by its norm, so that only its direction counts.

        g ← g / (norm(g) + epsilon),    epsilon = keras.config.epsilon()

    The norm is taken of a block of gradients, see `scope`. A zero gradient stays
    zero. A gradient that is not finite stays so, and reaches the inner optimizer.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a Keras name or a config.
        normalization: The name of a registered normalizer (`stepwrap.normalizers`),
            or a function from a gradient tensor to a normalised tensor of the same
            shape and dtype, written with `keras.ops`. A function can be saved if it
            is registered with Keras. Default: "l2".
        scope: "variable": one norm for each variable; "layer": one for the
            variables of each layer, the blocks of the paper; "global": one for all.
            Default: "variable".
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError: If `normalization` is neither a name nor callable.
        ValueError: If `normalization` is not registered or `scope` is unknown. At
            the first step: if a function returns another shape or dtype.

    References:
        Yu, Huang, Salakhutdinov, Carbonell: "Block-Normalized Gradient Method: An
        Empirical Study for Training Deep Neural Network", arXiv 1707.04822,
        Algorithm 1.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        normalization: str | Callable[[Tensor], Tensor] = "l2",
        scope: str = "variable",
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.normalization = normalization
        self.scope = checks.choice("scope", scope, blocks.SCOPES)
        self._normalizer = normalizers.get(normalization)

    @works_on_rows
    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """The gradients, normalised block by block."""
        return blocks.transform(self._normalizer.normalize, self.scope, gradients, variables)

    @classmethod
    def set_normalization_function(
        cls, name: str, function: Callable[[Tensor], Tensor], *, replace: bool = False
    ) -> None:
        """The classic spelling of `stepwrap.normalizers.register`."""
        normalizers.register(name, checks.function("function", function), replace=replace)

    @classmethod
    def get_normalization_functions(cls) -> list[str]:
        """The classic spelling of `stepwrap.normalizers.names`."""
        return normalizers.names()
