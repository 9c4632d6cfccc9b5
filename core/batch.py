"""One step as data: what wrappers hand on, from the outside in."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

Tensor = Any
Variable = Any


@dataclasses.dataclass(frozen=True)
class Batch:
    """Holds what one step is made of.

    Attributes:
        gradients: One for each variable, None where there is none.
        variables: The variables of the step.
        places: Where in these lists the gradients are that wrappers see and change. Elsewhere is
            None, or what Keras writes to a variable as it is.
        loss: The loss that the gradients are of, None if it was not given.
    """

    gradients: list[Tensor | None]
    variables: list[Variable]
    places: tuple[int, ...]
    loss: Tensor | None

    @classmethod
    def of(
        cls,
        gradients: Sequence[Tensor | None],
        variables: Sequence[Variable],
        loss: Tensor | None,
    ) -> Self:
        """Return the step on these gradients, with the places that wrappers see."""
        places = [
            place
            for place, (gradient, variable) in enumerate(zip(gradients, variables, strict=True))
            # As `is_overwritten` has it, without a call for each.
            if gradient is not None and not getattr(variable, "overwrite_with_gradient", False)
        ]
        return cls(list(gradients), list(variables), tuple(places), loss)

    @property
    def _all_are_seen(self) -> bool:
        return self.places == tuple(range(len(self.variables)))  # `at` takes any order

    @property
    def seen(self) -> list[Tensor]:
        """Return the gradients that wrappers see."""
        if self._all_are_seen:
            return list(self.gradients)
        return [self.gradients[place] for place in self.places]

    @property
    def seen_variables(self) -> list[Variable]:
        """Return the variables of the gradients that wrappers see."""
        if self._all_are_seen:
            return list(self.variables)
        return [self.variables[place] for place in self.places]

    def replaced(self, seen: Sequence[Tensor]) -> Self:
        """Return the same step with other gradients in the places that wrappers see."""
        if self._all_are_seen:
            return type(self)(list(seen), self.variables, self.places, self.loss)
        gradients = list(self.gradients)
        for place, gradient in zip(self.places, seen, strict=True):
            gradients[place] = gradient
        return type(self)(gradients, self.variables, self.places, self.loss)

    def at(self, places: tuple[int, ...]) -> Self:
        """Return the same step with the gradients in these places to be seen; itself, if it is."""
        if places is self.places:
            return self
        return type(self)(self.gradients, self.variables, places, self.loss)

    def carried_over(self, gradients: Sequence[Tensor | None], loss: Tensor | None) -> Self:
        """Return the same step with its tensors as another replica or branch knows them."""
        return type(self)(list(gradients), self.variables, self.places, loss)


def is_overwritten(variable: Variable) -> bool:
    """Return whether Keras writes the gradient to the variable as it is, as for float8 scales."""
    return getattr(variable, "overwrite_with_gradient", False)
