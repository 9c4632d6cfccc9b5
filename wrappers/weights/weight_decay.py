"""What the wrappers that let weights decay beside the step share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from ... import checks
from ...backends import keras_private, replicas
from ...core import stack
from ...core.batch import is_overwritten
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...core.scaled_decay import DecayScales, is_known
from ...toolkit.selection import path_of
from ...toolkit.slots import scalar, scalar_dtype


class WeightDecay(OptimizerWrapper):
    """Takes each weight a part of the way to another value, η · rate or less, beside the step.

    As that of `weight_decay` of Keras' optimizers, the decay is written to the weights
    themselves: wrappers around this one that scale or clip the step leave it alone.
    """

    decays_weights = True

    def __init__(self, inner_optimizer: Any, rate: float, name: str | None = None) -> None:
        super().__init__(inner_optimizer, name=name)
        self.rate = checks.number("rate", rate, least=0)
        self.decay_scales = DecayScales()

    def build(self, variables: Sequence[Variable]) -> None:
        """Looks for the learning rate of each variable, and for others that let it decay."""
        super().build(variables)
        self._leaf_of = stack.LeafOfVariable(self.inner_optimizer)
        for member in stack.walk(self.inner_optimizer):
            if isinstance(member, WeightDecay):
                self._refuse_a_second_decay(member)

    @property
    def decaying(self) -> list[Variable]:
        """Return the variables that decay here; those in an attribute would be state for Keras."""
        known = self.selected(keras_private.built_variables(self))
        return [variable for variable in known if not is_overwritten(variable)]

    def _refuse_a_second_decay(self, member: WeightDecay) -> None:
        known = {replicas.key(variable) for variable in member.decaying}
        twice = [path_of(one) for one in self.decaying if replicas.key(one) in known]
        if twice:
            self.built = False  # so that it is refused again
            raise ValueError(
                f"{twice[0]!r} would decay twice, in {type(self).__name__} and in "
                f"{type(member).__name__} inside of it. Give one of them an `exclude`, such as "
                f"`exclude={twice[0]!r}`, or `only`; {len(twice)} variables decay in both."
            )

    def by_learning_rate(
        self, variables: Sequence[Variable]
    ) -> list[tuple[Tensor, list[Variable], list[int]]]:
        """Return each learning rate of this step, and the variables that have it, with places.

        It is asked before the inner optimizer runs: a schedule is one step further then. What
        wrappers around this one scale steps to zero by, as they know beforehand, is left out.
        """
        places: dict[Any, list[int]] = {}
        leaves = [self._leaf_of[variable] for variable in variables]
        scales = self.decay_scales.of(variables)
        for place, (leaf, scale) in enumerate(zip(leaves, scales, strict=True)):
            if not is_known(scale, 0):
                key = id(leaf), scale if isinstance(scale, float) else id(scale)
                places.setdefault(key, []).append(place)
        groups = []
        for of_group in places.values():
            weights, first = [variables[place] for place in of_group], of_group[0]
            learning_rate = ops.convert_to_tensor(leaves[first].learning_rate)
            learning_rate = scalar(learning_rate, scalar_dtype(weights)) * scales[first]
            groups.append((learning_rate, weights, of_group))
        return groups
