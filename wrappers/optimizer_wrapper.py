"""The contract of a wrapper: what it delegates, what it may change, how it is saved."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import keras
from keras import ops

from .. import checks, keras_private
from ..backends import current as backend

Tensor = Any
Variable = Any


@keras.saving.register_keras_serializable(package="stepwrap")
class OptimizerWrapper(keras.optimizers.Optimizer):
    """A Keras optimizer around another one; by itself it changes nothing.

    A subclass overrides the hook `transform_gradients`. It stores every argument
    of its `__init__` under the argument's own name; saving and loading follow
    from that. State is made in `build` with `add_variable` or
    `add_variable_from_reference`, behind `if self.built: return`, and saved,
    loaded and resumed by itself.

    Learning rate, iterations and everything else that training loops and
    callbacks use are the inner optimizer's.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a Keras name such as
            "adam", or a config as `keras.optimizers.serialize` writes it. It may
            be a wrapper itself.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError: If `inner_optimizer` is no Keras optimizer, or an argument is
            not known.
        ValueError: If `inner_optimizer` names no optimizer, scales the loss or
            accumulates gradients.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuses unknown arguments before any `__init__`, so that no wrapper needs `**kwargs`."""
        checks.arguments(cls, args, kwargs)
        return super().__new__(cls)

    def __init__(self, inner_optimizer: Any, name: str | None = None) -> None:
        inner_optimizer = checks.optimizer(inner_optimizer)
        checks.wrappable(type(self).__name__, inner_optimizer)
        # A callable makes no learning rate variable beside the inner one.
        super().__init__(learning_rate=lambda: inner_optimizer.learning_rate, name=name)
        # What Keras has made by now is a step counter; the inner optimizer has its own.
        self._unused_variables = tuple(super().variables)
        self.inner_optimizer = inner_optimizer

    # The hook.

    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """What the inner optimizer is given in place of the gradients.

        Args:
            gradients: Dense tensors; variables without a gradient are left out.
            variables: The variable of each gradient.

        Returns:
            As many tensors, of the same shapes and dtypes.
        """
        return gradients

    # One step.

    def apply(
        self, grads: Iterable[Tensor], trainable_variables: Iterable[Variable] | None = None
    ) -> None:
        """Does one step of the inner optimizer on the transformed gradients."""
        gradients = list(grads)
        if not gradients:
            return
        variables = self._variables_of_step(gradients, trainable_variables)
        places = [
            place
            for place, (gradient, variable) in enumerate(zip(gradients, variables, strict=True))
            if gradient is not None and not _is_overwritten(variable)
        ]
        if places:
            seen = [self._true_gradient(gradients[place], variables[place]) for place in places]
            transformed = self.transform_gradients(seen, [variables[place] for place in places])
            checks.same_form(f"{type(self).__name__}.transform_gradients", transformed, seen)
            for place, gradient in zip(places, transformed, strict=True):
                gradients[place] = gradient
        self.inner_optimizer.apply(gradients, variables)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Tensor, Variable]]) -> Variable:
        """Does one step on (gradient, variable) pairs, and returns `iterations`."""
        super().apply_gradients(grads_and_vars)
        return self.iterations

    def _variables_of_step(
        self, gradients: Sequence[Tensor], variables: Iterable[Variable] | None
    ) -> list[Variable]:
        if variables is None:
            if not self.built:
                raise ValueError(
                    "`apply` needs `trainable_variables` as long as the optimizer is not built. "
                    "Pass them, or call `optimizer.build(trainable_variables)` first."
                )
            variables = keras_private.built_variables(self)
        variables = list(variables)
        if len(gradients) != len(variables):
            raise ValueError(
                "`apply` needs one gradient for each variable, None where there is none. "
                f"Received {len(gradients)} gradients and {len(variables)} variables."
            )
        self.build(variables)
        keras_private.check_known(self, variables)
        return variables

    def _true_gradient(self, gradient: Tensor, variable: Variable) -> Tensor:
        """The gradient of the unscaled loss, as a dense tensor."""
        gradient = backend.dense(gradient, variable)
        if self.loss_scale_factor is not None:
            gradient = gradient / self.loss_scale_factor
        return gradient

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the state of the inner optimizer and of the wrapper; once is enough."""
        if self.built:
            return
        backend.refuse_replicas(type(self).__name__)
        if not self.inner_optimizer.built:
            self.inner_optimizer.build(variables)
        keras_private.check_known(self.inner_optimizer, variables)
        # Checkpoints of the backend follow attributes, not the list in which Keras'
        # MultiOptimizer keeps its parts: without these their state would be lost.
        for index, part in enumerate(getattr(self, "optimizers", ())):
            setattr(self, f"_part_{index}", part)
        super().build(variables)

    # What belongs to the inner optimizer.

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate; may be set."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self) -> Variable:
        """The number of steps the inner optimizer has done."""
        return self.inner_optimizer.iterations

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """The parts of an inner `MultiOptimizer`, for the callbacks that look for them."""
        return self.inner_optimizer.optimizers

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Lets the inner optimizer set the final weights, at the end of `fit`."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Excludes variables from the inner optimizer's weight decay."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    # State.

    @property
    def variables(self) -> list[Variable]:
        """The wrapper's own variables, then the inner optimizer's."""
        return [*self._own_variables(), *self.inner_optimizer.variables]

    def _own_variables(self) -> list[Variable]:
        unused = {id(variable) for variable in self._unused_variables}
        return [variable for variable in super().variables if id(variable) not in unused]

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

    def save_own_variables(self, store: Any) -> None:
        """Stores the wrapper's own variables; Keras saves the inner optimizer beside them."""
        for index, variable in enumerate(self._own_variables()):
            store[str(index)] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        """Loads what `save_own_variables` stored; on a mismatch, warns and leaves all as it is."""
        variables = self._own_variables()
        if len(store.keys()) != len(variables):
            unbuilt = "" if self.built else " It is not built yet: build the model first."
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}': it has {len(variables)} "
                f"variables of its own, the saved one has {len(store.keys())}.{unbuilt}",
                stacklevel=2,
            )
            return
        for index, variable in enumerate(variables):
            variable.assign(store[str(index)])

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`, read from the attributes of the same names."""
        return {
            name: keras.saving.serialize_keras_object(self._argument(name))
            for name in _arguments_of(type(self).__init__)
        }

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
        """The wrapper that `get_config` described."""
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)
                for name, value in config.items()
            }
        )


def _arguments_of(function: Callable) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD]


def _is_overwritten(variable: Variable) -> bool:
    """Whether Keras writes the gradient to the variable as it is, as for float8 scales."""
    return getattr(variable, "overwrite_with_gradient", False)
