"""What the wrappers that average the weights share."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from ...backends import flow, keras_private, replicas
from ...core.batch import is_overwritten
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...toolkit.slots import Slots

_BESIDE = "beside_"  # the keys of a saved file for what goes along with the weights


class AveragedWeights(OptimizerWrapper):
    """Keeps an average of each weight beside it, which starts at the weight itself.

    A subclass updates the averages in `after_step`. Weights that are set by hand once the
    optimizer is built do not change them. An element of a weight that is not finite
    leaves its average as it is.

    The model may hold the averages for a while, see `put_averages`; the state, which is saved,
    then has the weights in their place, and `put_weights_back` exchanges them again. If a step
    is made in between, training goes on from the averages, and new ones start after that step.
    """

    ends_on_averages: bool = True
    """Whether `fit` leaves the averages in the model."""

    def __init__(self, inner_optimizer: Any, **arguments: Any) -> None:
        super().__init__(inner_optimizer, **arguments)
        self._beside = _Beside()

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the averages."""
        super().build(variables)
        self._averages = Slots(self, variables, "average")
        self._averages.start_at(variables)
        # Where this is the number of steps, and one, the model holds the averages. The next step
        # ends that without a write, which each step would have to pay for.
        self._held_until = self.may_be_missing(
            self.add_variable(
                (), initializer="zeros", dtype=self.iterations.dtype, name="averages_held_until"
            )
        )

    def averages_of(self, variables: Sequence[Variable]) -> list[Variable]:
        """Return the averages of these weights, or the weights themselves.

        Those where they are not averaged, and while the model holds the averages.
        """
        if self.holds_averages:
            return list(variables)
        selected = self.selected(variables)
        average_of = dict(
            zip(map(replicas.key, selected), self._averages.of(selected), strict=True)
        )
        return [average_of.get(replicas.key(variable), variable) for variable in variables]

    def averaged(self, variables: Sequence[Variable]) -> tuple[list[Variable], list[Variable]]:
        """Return those of the variables that are averaged, and their averages."""
        weights = self._averaged_ones(variables)
        return weights, self.averages_of(weights) if weights else []

    def _averaged_ones(self, variables: Sequence[Variable]) -> list[Variable]:
        known = self.selected(keras_private.built_variables(self)) if self.built else []
        keys = {replicas.key(variable) for variable in known if not is_overwritten(variable)}
        return [variable for variable in variables if replicas.key(variable) in keys]

    # Weights and averages in each other's place.

    @property
    def holds_averages(self) -> bool:
        """Return whether the model holds the averages, and the state its weights."""
        if not self.built:
            return False
        held_until, steps = flow.read(self._held_until), flow.read(self.iterations)
        return held_until is not None and steps is not None and int(held_until) == int(steps) + 1

    def go_along(self, variables: Sequence[Variable]) -> None:
        """Has the values of these come back with the weights, such as the statistics of layers.

        They are saved with the wrapper's own state while the model holds the averages.
        """
        self._beside.variables = list(variables)

    def put_averages(self, variables: Sequence[Variable]) -> None:
        """Exchanges these weights of the model and their averages, bit for bit."""
        if self.holds_averages:
            return
        self._beside.keep_values()
        if not self.built:
            return  # no step was made: the weights are their averages
        weights, averages = self.averaged(variables)
        slots = self._averages.of(weights)
        if all(map(operator.is_, weights, averages)):
            flow.copy(slots, weights)
        else:
            _exchange(list(zip(weights, slots, strict=True)))
        self._held_until.assign(ops.convert_to_tensor(self.iterations) + 1)
        self._beside.note_weights(weights)

    def put_weights_back(self, variables: Sequence[Variable]) -> None:
        """Exchanges them again, if the model holds the averages.

        A weight that was set meanwhile stays as it was set, and its average starts there.
        """
        if self.built and not self.holds_averages:
            return
        self._exchange_back(variables)
        self._beside.put_back()

    def _exchange_back(self, variables: Sequence[Variable]) -> None:
        if not self.built:
            return
        weights = self._averaged_ones(variables)
        as_put = []
        for weight, slot in zip(weights, self._averages.of(weights), strict=True):
            if self._beside.is_as_put(weight):
                as_put.append((weight, slot))
            else:
                flow.copy([slot], [weight])
        _exchange(as_put)
        self._held_until.assign(0)

    def has_averages_as_weights(self, variables: Sequence[Variable]) -> bool:
        """Return whether these weights are, bit for bit, their averages."""
        pairs = zip(*self.averaged(variables), strict=True)
        return all(_digest(weight) == _digest(average) for weight, average in pairs)

    def starts_anew(self) -> Tensor:
        """Return in `after_step` whether it is the first step since the model held the averages.

        Then the state holds older weights in the place of the averages, which start at the
        present ones.
        """
        return ops.equal(self._held_until, self.iterations)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Puts the averages in the place of the weights, at the end of `fit`."""
        if self.ends_on_averages:
            self.go_along([])  # what goes along with the averages stays with them
        self.put_weights_back(var_list)
        super().finalize_variable_values(var_list)
        if self.ends_on_averages:
            flow.copy(*self.averaged(var_list))

    # State.

    def save_own_variables(self, store: Any) -> None:
        """Stores the wrapper's own variables, and what goes along with the weights."""
        super().save_own_variables(store)
        if self.holds_averages:
            for index, value in enumerate(self._beside.values):
                store[f"{_BESIDE}{index}"] = value

    def load_own_variables(self, store: Any) -> None:
        """Loads what `save_own_variables` stored."""
        beside = sum(key.startswith(_BESIDE) for key in store.keys())  # noqa: SIM118 (no mapping)
        own = [key for key in store.keys() if not key.startswith(_BESIDE)]  # noqa: SIM118
        # Keras' own store, where it will do: what other optimizers left is found from there.
        super().load_own_variables({key: store[key] for key in own} if beside else store)
        if self.built:
            values = [np.array(store[f"{_BESIDE}{index}"]) for index in range(beside)]
            self._beside.load(values)


class _Beside:
    """Remembers, in Python, what goes along while a model holds averages: no optimizer state.

    Attributes:
        digests: Of the weights as they were put, by `replicas.key`, if that was done here.
        variables: What goes along with the weights.
        values: Those that the variables had beside the weights.
    """

    def __init__(self) -> None:
        self.digests: dict[Any, bytes] = {}
        self.variables: list[Variable] = []
        self.values: list[np.ndarray] = []

    def note_weights(self, weights: Sequence[Variable]) -> None:
        self.digests = {replicas.key(weight): _digest(weight) for weight in weights}

    def is_as_put(self, weight: Variable) -> bool:
        digest = self.digests.get(replicas.key(weight))
        return digest is None or digest == _digest(weight)

    def keep_values(self) -> None:
        self.values = [ops.convert_to_numpy(variable).copy() for variable in self.variables]

    def load(self, values: list[np.ndarray]) -> None:
        self.digests, self.values = {}, values

    def put_back(self) -> None:
        shapes = [tuple(variable.shape) for variable in self.variables]
        if shapes == [value.shape for value in self.values]:  # else there are none, or others'
            _assign(self.variables, self.values)
        self.load([])


def _exchange(pairs: Sequence[tuple[Variable, Variable]]) -> None:
    """Exchanges the values of each pair, one by one for the memory; of none if interrupted."""
    done: list[tuple[Variable, Variable]] = []
    try:
        for pair in pairs:
            _exchange_pair(*pair)
            done.append(pair)
    except BaseException:
        for pair in done:
            _exchange_pair(*pair)
        raise


def _exchange_pair(weight: Variable, slot: Variable) -> None:
    values = flow.snapshot([weight, slot])
    try:
        flow.copy([weight], [slot])
        slot.assign(values[0])
    except BaseException:
        _assign([weight, slot], values)
        raise


def _assign(variables: Sequence[Variable], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _digest(variable: Variable) -> bytes:
    return hashlib.sha1(flow.read(variable).tobytes(), usedforsecurity=False).digest()
