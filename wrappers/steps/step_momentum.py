"""Momentum of the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import checks
from ...backends import kernels
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...toolkit.slots import Slots
from ..catalogue import wrapper


@wrapper("step_momentum")
class StepMomentum(OptimizerWrapper):
    """Gives any optimizer momentum, after everything that is done to its step inside.

        v ← momentum · v + p
        w ← w + v,                   or with nesterov
        w ← w + momentum · v + p

    p is the inner optimizer's step. Around SGD it is the momentum of Keras' SGD; around
    `TrustRatio` the momentum of LARS, which is taken of steps that are scaled already.
    Elements of a step that are not finite do not enter v.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        momentum: What is left of v after a step, in [0, 1). Default: 0.9.
        nesterov: Whether to look a step of momentum ahead. Default: False.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `momentum` is no number in [0, 1), or `nesterov` is neither
            True nor False.

    References:
        Sutskever, Martens, Dahl, Hinton: "On the importance of initialization and momentum in
        deep learning", ICML 2013, Equations 1 to 4.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        momentum: float = 0.9,
        nesterov: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.momentum = checks.number("momentum", momentum, least=0, below=1)
        self.nesterov = checks.flag("nesterov", nesterov)

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the velocities."""
        super().build(variables)
        self._velocities = Slots(self, variables, "velocity")

    def transform_steps(
        self, steps: list[Tensor], gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the steps with momentum."""
        velocities = kernels.accumulate(self._velocities.of(variables), steps, self.momentum)
        if self.nesterov:
            return kernels.add_scaled(steps, velocities, self.momentum)
        return velocities
