"""Clipped steps."""

from __future__ import annotations

import functools
from typing import Any

from ... import checks
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...normalizers import norms
from ...toolkit import blocks
from ...toolkit.clipping import clip_blocks
from ..catalogue import wrapper


@wrapper("step_clipping", example={"max_norm": 0.1})
class StepClipping(OptimizerWrapper):
    """Scales steps that are too long down to a bound.

        p ← p · max_norm / ‖p‖    where ‖p‖ > max_norm, or
        p ← p · max_rms / rms(p)  where rms(p) > max_rms
        p ← p                     elsewhere, bit for bit

    p is what the inner optimizer adds to the weights, rms(p) = ‖p‖ / √(number of elements).
    A clipped gradient bounds no step of optimizers that divide by the size of gradients,
    as Adam does; this does. The norm is taken of a block, see `scope`.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        max_norm: The largest norm, above 0, in units of the weights. Give this or `max_rms`.
        max_rms: The largest root mean square, above 0, in units of the weights.
        scope: "variable": one norm for each variable; "layer": one for the variables of
            each layer; "global": one for all. Default: "variable".
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If a bound is no number above 0, both are given or none is, or
            `scope` is unknown.

    References:
        Shazeer, Stern: "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost",
        arXiv 1804.04235, Section 6, which bounds the root mean square.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        max_norm: float | None = None,
        max_rms: float | None = None,
        scope: str = "variable",
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        if (max_norm is None) == (max_rms is None):
            raise ValueError(
                "StepClipping needs `max_norm` or `max_rms`, and not both. "
                f"Received: max_norm={max_norm!r}, max_rms={max_rms!r}."
            )
        self.max_norm = max_norm if max_norm is None else checks.positive("max_norm", max_norm)
        self.max_rms = max_rms if max_rms is None else checks.positive("max_rms", max_rms)
        self.scope = checks.choice("scope", scope, blocks.SCOPES)

    def transform_steps(
        self, steps: list[Tensor], gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the steps, clipped block by block."""
        if self.max_norm is not None:
            clip = functools.partial(clip_blocks, norms.l2, self.max_norm)
        else:
            clip = functools.partial(clip_blocks, norms.avg_l2, self.max_rms)
        return blocks.transform(clip, self.scope, steps, variables)
