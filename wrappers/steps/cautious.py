"""Steps that never oppose the gradient."""

from __future__ import annotations

from ...backends import kernels
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ..catalogue import wrapper

LEAST_KEPT = 1e-3


@wrapper("cautious")
class Cautious(OptimizerWrapper):
    """Keeps only the elements of the step that go against the gradient, and enlarges them.

        m ← 1 where p · g < 0, else 0
        w ← w + p ⊙ m / max(mean(m), 0.001)

    p is the inner optimizer's step, g the gradient it was given; the mean is over the
    elements of one variable. With momentum, a step may still follow gradients of the past
    where the present one points the other way: these elements wait.
    So do those whose gradient is exactly zero, which enlarges the few others of an embedding.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        name: The wrapper's name. Default: made from the class name.

    References:
        Liang, Chen, Liu, Liu: "Cautious Optimizers: Improving Training with One Line of
        Code", arXiv 2411.16085, Algorithm 1; the floor 0.001 is that of the authors' code.
    """

    def transform_steps(
        self, steps: list[Tensor], gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the steps, where they lead downhill."""
        return kernels.downhill(steps, gradients, LEAST_KEPT)
