"""What the wrappers that average the weights share."""

from __future__ import annotations

from collections.abc import Sequence

from .. import keras_private
from ..backends import current as backend
from ..slots import Slots
from .optimizer_wrapper import OptimizerWrapper, Variable, is_overwritten


class AveragedWeights(OptimizerWrapper):
    """Keeps an average of each weight beside it, which starts at the weight itself.

    A subclass updates the averages in `after_step`. Weights that are set by hand once the
    optimizer is built do not change them. An element of a weight that is not finite
    leaves its average as it is.
    """

    ends_on_averages: bool = True
    """Whether `fit` leaves the averages in the model."""

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the averages."""
        if self.built:
            return
        super().build(variables)
        self._averages = Slots(self, variables, "average")
        self._averages.start_at(variables)

    def averages_of(self, variables: Sequence[Variable]) -> list[Variable]:
        """The averages of these weights."""
        return self._averages.of(variables)

    def averaged(self, variables: Sequence[Variable]) -> tuple[list[Variable], list[Variable]]:
        """Those of the variables that are averaged, and their averages."""
        known = keras_private.built_variables(self) if self.built else []
        keys = {backend.key(variable) for variable in known if not is_overwritten(variable)}
        weights = [variable for variable in variables if backend.key(variable) in keys]
        return weights, self.averages_of(weights) if weights else []

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Puts the averages in the place of the weights, at the end of `fit`."""
        super().finalize_variable_values(var_list)
        if self.ends_on_averages:
            backend.copy(*self.averaged(var_list))
