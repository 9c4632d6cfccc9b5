"""Clipped gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ... import checks, normalizers
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...core.sparse import works_on_rows
from ...normalizers.normalizer import given_functions
from ...toolkit import blocks
from ...toolkit.clipping import clip_blocks
from ..catalogue import wrapper
from .classic_functions import ClassicFunctions


@wrapper("clipped")
class ClippedOptimizer(ClassicFunctions, OptimizerWrapper):
    """Scales gradients whose norm exceeds a bound down to it.

        g ← g · clipnorm / norm(g)    where norm(g) > clipnorm
        g ← g                         elsewhere, bit for bit

    The norm is taken of a block of gradients, see `scope`. A gradient that is not
    finite stays so, and reaches the inner optimizer.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
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

    _register_function = staticmethod(normalizers.register_norm)
    _names_of_functions = staticmethod(normalizers.names_of_norms)

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

    @property
    def given_functions(self) -> Sequence[Callable]:
        """Return the user's function, if it is no built-in one."""
        return given_functions(self._norm)

    @works_on_rows
    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the gradients, clipped block by block."""
        clip = functools.partial(clip_blocks, self._norm, self.clipnorm)
        return blocks.transform(clip, self.scope, gradients, variables)
