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
        inner_optimizer: The optimizer to wrap: an instance, a Keras name or a config.
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
        summed = self._summed.get() or set()
        given = {
            backend.key(variable): gradient
            for variable, gradient in zip(variables, gradients, strict=True)
            if gradient is not None
        }
        summed.update(given)
        self._summed.set(summed)
        for variable in keras_private.built_variables(self):  # those frozen meanwhile, too
            [total] = self._gradient_sums.of([variable])
            gradient = given.get(backend.key(variable))
            add = ops.maximum if is_overwritten(variable) else ops.add
            earlier = self._of_earlier_batches(total)
            total.assign(earlier if gradient is None else add(earlier, gradient))
        if loss is not None:
            earlier = self._of_earlier_batches(self._loss_sum)
            self._loss_sum.assign(earlier + scalar(loss, self._loss_sum.dtype))
        last = ops.equal(self._batches, self.steps - 1)
        self._batches.assign(ops.where(last, 0, self._batches + 1))

        def mean(variable: Variable) -> Tensor | None:
            if backend.key(variable) not in summed:
                return None
            [total] = self._gradient_sums.of([variable])
            return total / (1 if is_overwritten(variable) else self.steps)

        def step() -> None:
            mean_loss = None if loss is None else self._loss_sum / self.steps
            means = [mean(variable) for variable in variables]
            super(GradientAccumulation, self).apply_inner(means, variables, mean_loss)
            self._summed.clear()

        self.run_if(last, step, lambda: None)

    def _of_earlier_batches(self, total: Variable) -> Tensor:
        """The sum over the earlier batches of this step; before the first, it is the last step's.

        Sums are not set back to zero after a step, for then a conditional would write them.
        """
        total = ops.convert_to_tensor(total)
        return ops.where(ops.equal(self._batches, 0), ops.zeros_like(total), total)
