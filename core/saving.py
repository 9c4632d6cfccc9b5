"""Saving a wrapper: its arguments as a config, its state as variables."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, Self

import keras
from keras import ops

from ..backends import keras_private
from . import saved_stacks

Variable = Any


class SavedState:
    """Saves and loads `own_variables`; Keras does so with the inner optimizer's beside them."""

    _newer_state: frozenset[str] | set[str] = frozenset()

    def save_own_variables(self, store: Any) -> None:
        """Stores the wrapper's own variables; Keras saves the inner optimizer beside them."""
        for index, variable in enumerate(self.own_variables):
            store[str(index)] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        """Loads what `save_own_variables` stored; on a mismatch, warns and leaves all as it is.

        If the file is of a stack with other wrappers, or with none, what fits is taken over,
        also into the optimizers inside, and a warning says what was added or removed.
        """
        if self.built and saved_stacks.take_over(self, store):
            return
        stored = saved_stacks.stored_values(self, store)
        if stored is None:
            unbuilt = "" if self.built else " It is not built yet: build the model first."
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}': it has "
                f"{len(self.own_variables)} variables of its own, the saved one has "
                f"{len(store.keys())}, or they have other shapes.{unbuilt}",
                stacklevel=2,
            )
            return
        for variable, value in stored:
            variable.assign(value)


class SavedArguments:
    """The arguments of `__init__` as a config, each kept as an attribute of the same name."""

    arguments_of_all: tuple[str, ...] = ()
    """What every wrapper takes; in the config where it is not at its default."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of `__init__`, read from the attributes of the same names."""
        config = {
            parameter.name: keras.saving.serialize_keras_object(self._argument(parameter.name))
            for parameter in _arguments_of(type(self).__init__)
            if not self.leaves_out(parameter)
        }
        return keras_private.with_public_classes(config)

    def leaves_out(self, parameter: inspect.Parameter) -> bool:
        """Return whether an argument is one that all wrappers take, and at its default."""
        name = parameter.name
        return name in self.arguments_of_all and self._argument(name) == parameter.default

    def _argument(self, name: str) -> Any:
        if not hasattr(self, name):
            raise AttributeError(
                f"{type(self).__name__} takes the argument `{name}` but does not keep it, so it "
                f"cannot be saved. Add `self.{name} = {name}` to its `__init__`, or override "
                "`get_config`."
            )
        return getattr(self, name)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None) -> Self:
        """Return the wrapper that `get_config` described."""
        config = keras_private.with_public_classes(config)
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)
                for name, value in config.items()
            }
        )


def _arguments_of(function: Callable) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [p for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD]
