"""Standing in for the optimizer inside: what training loops and callbacks ask a wrapper for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from .inner_settings import InnerSettings

Variable = Any


class StandIn(InnerSettings):
    """The learning rate, the iterations and everything else that are the inner optimizer's."""

    @property
    def learning_rate(self) -> Any:
        """Return the inner optimizer's learning rate; may be set."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self) -> Variable:
        """Return the number of steps the inner optimizer has done."""
        return self.inner_optimizer.iterations

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """Return the parts of an inner `MultiOptimizer`, for the callbacks that look for them."""
        return self.inner_optimizer.optimizers

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Lets the inner optimizer set the final weights, at the end of `fit`."""
        self.inner_optimizer.finalize_variable_values(var_list)
        self.check_progress()

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Excludes variables from the inner optimizer's weight decay."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)
