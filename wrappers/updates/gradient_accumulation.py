"""One step for several batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from ... import checks
from ...backends import flow, keras_private, kernels, replicas
from ...core import stack
from ...core.batch import Batch, is_overwritten
from ...core.held_back import apply_where
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...toolkit.slots import Slots, scalar, scalar_dtype
from ..catalogue import wrapper


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
    in some of the k batches as if it had been zero there. One without a gradient in all of
    them is left out of the step. Float8 scales, which Keras writes to a variable in place of
    a gradient's step, are the largest of the k.

    In compiled code whose batches differ in which variables have gradients, one that is left
    out may count as a gradient of zero where wrappers inside take several variables together,
    as L4 and norms that are means do.

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
        super().build(variables)
        self._gradient_sums = Slots(self, variables, "gradient_sum")
        self._loss_sum = self.add_variable(
            (), initializer="zeros", dtype=scalar_dtype(variables), name="loss_sum"
        )
        self._batches = self.add_variable((), initializer="zeros", dtype="int32", name="batches")
        # Files from before there was this may have sums of which nobody knows whose they are.
        self._had_gradient = self.may_be_missing(
            self.add_variable(
                (len(variables),), initializer="ones", dtype="int32", name="had_gradient"
            )
        )

    def apply_inner(
        self, gradients: list[Tensor | None], variables: list[Variable], loss: Tensor | None
    ) -> None:
        """Adds up gradients and losses, and runs the inner optimizer at every k-th batch."""
        self._add_up(gradients, variables, loss)
        last = ops.equal(self._batches, self.steps - 1)
        self._batches.assign(ops.where(last, 0, self._batches + 1))
        without = [
            variable
            for variable, gradient in zip(variables, gradients, strict=True)
            if gradient is None
        ]
        self.run_if(last, lambda: self._step_on_means(variables, without, loss is not None))

    def _add_up(
        self, gradients: list[Tensor | None], variables: list[Variable], loss: Tensor | None
    ) -> None:
        given = {
            replicas.key(variable): gradient
            for variable, gradient in zip(variables, gradients, strict=True)
            if gradient is not None
        }
        # A step leaves the sums as they are, for else a conditional would write them.
        anew = ops.equal(self._batches, 0)
        sums, tensors, have_gradients = [], [], []
        for variable in keras_private.built_variables(self):  # those frozen meanwhile, too
            [total] = self._gradient_sums.of([variable])
            gradient = given.get(replicas.key(variable))
            have_gradients.append(gradient is not None)
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
        now = ops.convert_to_tensor(np.array(have_gradients, "int32"))
        earlier = ops.convert_to_tensor(self._had_gradient)
        earlier = ops.where(anew, ops.zeros_like(now), earlier)
        self._had_gradient.assign(ops.maximum(now, earlier))
        kernels.add_up(sums, tensors, anew)

    def _step_on_means(
        self, variables: list[Variable], without: list[Variable], with_loss: bool
    ) -> None:
        """Does the step; `without` are the variables that had no gradient in its last batch.

        Whether they had one in another batch is known here if this is no graph, else in it.
        """
        had_gradient = self._known_gradients() if without else None
        if had_gradient is not None:
            without = [one for one in without if not had_gradient[self._place(one)]]
        if not without or had_gradient is not None:
            super().apply_inner(*self._means(variables, without, with_loss))
            return

        def step() -> None:
            super(GradientAccumulation, self).apply_inner(
                *self._means(variables, without, with_loss)
            )

        def step_where() -> None:
            gradients, _, loss = self._means(variables, [], with_loss)
            had_gradient = ops.convert_to_tensor(self._had_gradient) > 0
            takes_part = {replicas.key(one): had_gradient[self._place(one)] for one in without}
            for place, variable in enumerate(variables):
                if is_overwritten(variable) and replicas.key(variable) in takes_part:
                    gradients[place] = ops.where(
                        takes_part[replicas.key(variable)],
                        gradients[place],
                        ops.convert_to_tensor(variable),
                    )
            batch = Batch.of(gradients, variables, loss)
            apply_where(takes_part, self.inner_optimizer, batch)

        had_gradient = ops.convert_to_tensor(self._had_gradient) > 0
        any_had = ops.any(ops.stack([had_gradient[self._place(one)] for one in without]))
        leaf_of = stack.LeafOfVariable(self.inner_optimizer)
        missing = {replicas.key(one) for one in without}
        certain = [one for one in variables if replicas.key(one) not in missing]
        # An optimizer without any gradient raises.
        if {leaf_of[one] for one in without} <= {leaf_of[one] for one in certain}:
            self.run_if(any_had, step_where)
            self.run_if(~any_had, step)
        elif certain:
            step_where()
        else:
            self.run_if(any_had, step_where)

    def _means(
        self, variables: list[Variable], without: list[Variable], with_loss: bool
    ) -> tuple[list[Tensor | None], list[Variable], Tensor | None]:
        """Return what the inner optimizer is given: None for the variables in `without`."""
        missing = {replicas.key(variable) for variable in without}

        def mean(variable: Variable, total: Variable) -> Tensor | None:
            is_missing = replicas.key(variable) in missing
            if is_overwritten(variable):  # with what it has, for older Keras would write the None
                return ops.convert_to_tensor(variable if is_missing else total)
            return None if is_missing else total / self.steps

        sums = self._gradient_sums.of(variables)
        means = [mean(*pair) for pair in zip(variables, sums, strict=True)]
        return means, variables, self._loss_sum / self.steps if with_loss else None

    @flow.uncompiled
    def _known_gradients(self) -> np.ndarray | None:
        """Return which variables had a gradient, or None where only a graph knows."""
        return flow.read(self._had_gradient)

    def _place(self, variable: Variable) -> int:
        return keras_private.variable_index(self, variable)
