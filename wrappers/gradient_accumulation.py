"""One step for several batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from .. import checks, keras_private
from ..backends import current as backend
from ..replica_local import ReplicaLocal
from ..slots import Slots, scalar, scalar_dtype
from .catalogue import wrapper
from .optimizer_wrapper import OptimizerWrapper, Tensor, Variable, is_overwritten


@wrapper("gradient_accumulation")
class GradientAccumulation(OptimizerWrapper):
    """Makes one step for every k batches, on the mean of their gradients and losses.

        g ← (g₁ + ... + g_k) / k,    L ← (L₁ + ... + L_k) / k    at every k-th batch
        w, inner state ← step of the inner optimizer on g and L
        w, inner state ← w, inner state                            at the other batches

    k batches of b samples do what one of k·b does, if the loss is a mean over samples.
    It stands outermost: everything inside, clipping and averages and schedules included,
    happens at real steps only, and iterations count these. Only a loss scaler, and
    wrappers that change neither gradients nor steps, may stand around it. Batches that
    are left over at the end of an epoch count towards the next one's first step.

    A smaller last batch counts as much as the others, and a variable without a gradient
    in some of the k batches as if it had been zero there. Float8 scales, which Keras
    writes to a variable in place of a gradient's step, are the largest of the k.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        steps: k, the number of batches to a step; at least 1. Default: 2.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `steps` is no whole number above 0; if it stands inside
            a wrapper that changes gradients or steps.

    References:
        Goyal et al.: "Accurate, Large Minibatch SGD", arXiv 1706.02677, Section 3,
        Equation 2, whose sum over workers is one over batches here.
    """

    stands_outermost = True

    def __init__(self, inner_optimizer: Any, steps: int = 2, name: str | None = None) -> None:
        super().__init__(inner_optimizer, name=name)
        self.steps = checks.count("steps", steps)

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the sums, and the number of batches in them."""
        if self.built:
            return
        super().build(variables)
        self._gradient_sums = Slots(self, variables, "gradient_sum")
        self._summed = ReplicaLocal()  # keys of the variables that had a gradient in a batch
        self._loss_sum = self.add_variable(
            (), initializer="zeros", dtype=scalar_dtype(variables), name="loss_sum"
        )
        self._batches = self.add_variable((), initializer="zeros", dtype="int32", name="batches")

    def apply_inner(
        self, gradients: list[Tensor | None], variables: list[Variable], loss: Tensor | None
    ) -> None:
        """Adds up gradients and losses, and runs the inner optimizer at every k-th batch."""
        self._add_up(gradients, variables, loss)
        # None for a variable that had no gradient in any batch.
        sums = [self._sum_of(variable) for variable in variables]
        last = ops.equal(self._batches, self.steps - 1)
        self._batches.assign(ops.where(last, 0, self._batches + 1))

        def step() -> None:
            means = [
                None if total is None else total / (1 if is_overwritten(variable) else self.steps)
                for total, variable in zip(sums, variables, strict=True)
            ]
            mean_loss = None if loss is None else self._loss_sum / self.steps
            super(GradientAccumulation, self).apply_inner(means, variables, mean_loss)
            self._summed.clear()

        self.run_if(last, step)

    def _add_up(
        self, gradients: list[Tensor | None], variables: list[Variable], loss: Tensor | None
    ) -> None:
        given = {
            backend.key(variable): gradient
            for variable, gradient in zip(variables, gradients, strict=True)
            if gradient is not None
        }
        self._summed.set((self._summed.get() or set()) | set(given))
        # A step leaves the sums as they are, for else a conditional would write them.
        anew = ops.equal(self._batches, 0)
        sums, tensors = [], []
        for variable in keras_private.built_variables(self):  # those frozen meanwhile, too
            [total] = self._gradient_sums.of([variable])
            gradient = given.get(backend.key(variable))
            if gradient is None:
                gradient = ops.zeros(total.shape, total.dtype)
            if is_overwritten(variable):
                earlier = ops.convert_to_tensor(total)
                earlier = ops.where(anew, ops.zeros_like(earlier), earlier)
                total.assign(ops.maximum(earlier, gradient))
            else:
                sums.append(total)
                tensors.append(gradient)
        if loss is not None:
            sums.append(self._loss_sum)
            tensors.append(scalar(loss, self._loss_sum.dtype))
        backend.add_up(sums, tensors, anew)

    def _sum_of(self, variable: Variable) -> Variable | None:
        if backend.key(variable) not in self._summed.get():
            return None
        [total] = self._gradient_sums.of([variable])
        return total
