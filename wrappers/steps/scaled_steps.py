"""What the wrappers share that scale steps as a learning rate would."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from ...backends import flow, kernels, replicas
from ...core.batch import Batch
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...core.scaled_decay import scale_decay
from ...toolkit.replica_local import ReplicaLocal
from ...toolkit.slots import scalar, scalar_dtype

Scale = Any  # a number, or a scalar tensor where only the step knows it


class ScaledSteps(OptimizerWrapper, abc.ABC):
    """Scales the steps of variables, and the decoupled weight decay of the optimizer inside.

    A subclass gives the scales. At a scale of 0 a variable is left bit for bit as it is, by
    decay and constraints, too; but a wrapper that takes the steps from this one writes what it
    makes of a step of zero.
    """

    scales_steps = True

    def __init__(self, inner_optimizer: Any, name: str | None = None) -> None:
        super().__init__(inner_optimizer, name=name)
        self._scales = ReplicaLocal()  # of the step that is being done, by variable

    @abc.abstractmethod
    def scales(self, variables: Sequence[Variable]) -> list[Scale]:
        """Return what the step of each variable is multiplied by, asked before it is made."""

    def build(self, variables: Sequence[Variable]) -> None:
        """Has the optimizers inside ask for the scales."""
        super().build(variables)
        scale_decay(self.inner_optimizer, self._scales.get)

    def step_on(self, batch: Batch) -> None:
        """Does a step, and forgets the scales of it."""
        try:
            super().step_on(batch)
        finally:
            self._scales.clear()

    def take_steps(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> list[Tensor]:
        """Return the steps, scaled."""
        # A schedule is one step further once the inner optimizer has run.
        scales = self.scales(variables)
        self._scales.set(dict(zip(map(replicas.key, variables), scales, strict=True)))
        return _scaled(inner_steps(gradients), scales)

    def write_steps(self, variables: Sequence[Variable], steps: Sequence[Tensor]) -> None:
        """Adds the steps to the variables that move, and applies constraints to these alone."""
        moving = [
            pair for pair in zip(variables, steps, strict=True) if not _is(self._scale(pair[0]), 0)
        ]
        if moving:
            super().write_steps(*map(list, zip(*moving, strict=True)))

    def constrained(self, variable: Variable) -> Tensor:
        """Return the variable with its constraint, or as it is where it does not move."""
        weights, scale = super().constrained(variable), self._scale(variable)
        if isinstance(scale, float):
            return weights
        return ops.where(scale == 0, ops.convert_to_tensor(variable), weights)

    def _scale(self, variable: Variable) -> Scale:
        return self._scales.get()[replicas.key(variable)]

    def count_of_steps(self) -> int | None:
        """Return how many steps were made, or None where only a graph knows."""
        count = flow.read(self.iterations)
        return None if count is None else int(count)


def _scaled(steps: Sequence[Tensor], scales: Sequence[Scale]) -> list[Tensor]:
    """Return each step times its scale, as it is at 1 and zero at 0, whatever it holds."""
    results, groups = list(steps), {}
    for place, scale in enumerate(scales):
        if not _is(scale, 1):
            groups.setdefault(scale if isinstance(scale, float) else id(scale), []).append(place)
    for places in groups.values():
        scale, of_group = scales[places[0]], [steps[place] for place in places]
        for place, step in zip(places, _times(scale, of_group), strict=True):
            results[place] = step
    return results


def _times(scale: Scale, steps: list[Tensor]) -> list[Tensor]:
    if not isinstance(scale, float):
        return kernels.scaled_or_zero(scale != 0, steps, scale)
    if scale == 0:
        return [ops.zeros_like(step) for step in steps]
    blocks = [steps]
    return kernels.scaled(blocks, kernels.numbers([scale], blocks))[0]


def _is(scale: Scale, number: float) -> bool:
    """Return whether a scale is known to be that number."""
    return isinstance(scale, float) and scale == number


def as_scalar(value: Any, variables: Sequence[Variable]) -> Tensor:
    """Return a scalar tensor in the dtype of a wrapper's scalars."""
    return scalar(value, scalar_dtype(variables))
