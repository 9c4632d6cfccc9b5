"""Normalised gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import checks, normalizers
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...core.sparse import works_on_rows
from ...normalizers.normalizer import given_functions
from ...toolkit import blocks
from ..catalogue import wrapper
from .classic_functions import ClassicFunctions


@wrapper("normalized")
class NormalizedOptimizer(ClassicFunctions, OptimizerWrapper):
    """Divides every gradient by its norm, so that only its direction counts.

        g ← g / (norm(g) + epsilon),    epsilon = keras.config.epsilon()

    The norm is taken of a block of gradients, see `scope`. A zero gradient stays
    zero. A gradient that is not finite stays so, and reaches the inner optimizer.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
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

    _register_function = staticmethod(normalizers.register)
    _names_of_functions = staticmethod(normalizers.names)

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

    @property
    def given_functions(self) -> Sequence[Callable]:
        """Return the user's function, if it is no built-in one."""
        return given_functions(self._normalizer)

    @works_on_rows
    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the gradients, normalised block by block."""
        return blocks.transform(self._normalizer.normalize, self.scope, gradients, variables)
