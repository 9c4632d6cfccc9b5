"""The state of a wrapper: its own variables, and those of the optimizer inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ..toolkit.slots import MadeFor
from . import stack
from .saving import SavedState

Variable = Any


class OwnState(SavedState):
    """Keeps what a wrapper needs from step to step, in variables that are saved by themselves."""

    def _start_state(self) -> None:
        # What Keras has made by now is a step counter; the inner optimizer has its own.
        self._unused_variables = tuple(super().variables)
        self._made_for = MadeFor()
        self._seed_states: list[Variable] = []
        self._newer_state: set[str] = set()

    def add_variable_from_reference(
        self, reference_variable: Variable, *arguments: Any, **named_arguments: Any
    ) -> Variable:
        """Makes a state variable for one of the model, of its shape and dtype, as Keras does."""
        made = super().add_variable_from_reference(
            reference_variable, *arguments, **named_arguments
        )
        self._made_for.add(reference_variable, made)
        return made

    def slots_of(self, variable: Variable) -> list[Variable]:
        """Return the wrapper's own state variables that were made for one of the model."""
        return self._made_for.of(variable)

    def add_seed_generator(self, seed: int | None) -> keras.random.SeedGenerator:
        """Return a source of random numbers whose state is part of the wrapper's.

        Wrappers in one stack draw different numbers, also from the same seed; but parts of a
        `MultiOptimizer`, which do not know of each other, need different ones. Without a
        seed, `keras.utils.set_random_seed` decides.
        """
        if seed is not None:
            others = (getattr(member, "_seed_states", ()) for member in stack.walk(self))
            sequence = np.random.SeedSequence(seed, spawn_key=(sum(map(len, others)),))
            seed = int(sequence.generate_state(1)[0]) % 2**31  # PyTorch's are signed
        generator = keras.random.SeedGenerator(seed)
        self._seed_states.append(generator.state)
        return generator

    def may_be_missing(self, variable: Variable) -> Variable:
        """Lets files load that were saved before there was this variable: it stays as it is."""
        self._newer_state.add(variable.path)
        return variable

    @property
    def variables(self) -> list[Variable]:
        """Return the wrapper's own variables, then the inner optimizer's."""
        record = [] if self.step_record is None else [self.step_record.variable]
        inner = self.inner_optimizer.variables
        return [*self._variables_beside(inner), *record, *inner]

    @property
    def own_variables(self) -> list[Variable]:
        """Return the wrapper's own variables, without the inner optimizer's."""
        return self._variables_beside(self.inner_optimizer.variables)

    def _variables_beside(self, inner: Sequence[Variable]) -> list[Variable]:
        """Return the wrapper's own; `inner` is asked for once, not twice at every depth."""
        # Keras takes every variable that an attribute holds for one of this optimizer.
        seeds = self._seed_states
        others = {id(variable) for variable in (*self._unused_variables, *inner, *seeds)}
        made = [variable for variable in super().variables if id(variable) not in others]
        return [*made, *seeds]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all `variables`, the inner optimizer's included."""
        if not self.built:
            raise ValueError(
                "`set_weights` needs a built optimizer. Call "
                "`optimizer.build(trainable_variables)` first."
            )
        variables = self.variables
        if [tuple(v.shape) for v in variables] != [tuple(w.shape) for w in weights]:
            raise ValueError(
                f"`weights` must match the {len(variables)} `optimizer.variables` one by one, in "
                f"number and shape. Received {len(weights)} weights: "
                f"{[tuple(weight.shape) for weight in weights]}."
            )
        for variable, weight in zip(variables, weights, strict=True):
            variable.assign(weight)
