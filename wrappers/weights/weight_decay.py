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

    def build(self, variables: Sequence[Variable]) -> None:
        """Looks for the learning rate of each variable, and for others that let it decay."""
        super().build(variables)
        self._leaf_of = stack.LeafOfVariable(self.inner_optimizer)
        for member in stack.walk(self.inner_optimizer):
            if isinstance(member, WeightDecay):
                self._refuse_a_second_decay(member)

    @property
    def decaying(self) -> list[Variable]:
        """The variables that decay here; kept in an attribute, Keras would take them for state."""
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

        To be asked for before the inner optimizer runs: a schedule is one step further then.
        """
        groups = []
        for leaf, places in self._leaf_of.groups(variables):
            weights = [variables[place] for place in places]
            learning_rate = ops.convert_to_tensor(leaf.learning_rate)
            groups.append((scalar(learning_rate, scalar_dtype(weights)), weights, places))
        return groups
