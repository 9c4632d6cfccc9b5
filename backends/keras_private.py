"""The names of Keras that are not public, each behind one function, used nowhere else.

`tests/test_keras_private.py` fails when one of them goes.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import stateless_scope

_OPTIMIZERS_OF_TORCH = "keras.src.backend.torch.optimizers."


def built_variables(optimizer: keras.optimizers.Optimizer) -> list[Any]:
    """Return the variables that an optimizer was built with.

    `_trainable_variables`: since Keras 3.0.
    """
    return optimizer._trainable_variables


def with_public_classes(config: Any) -> Any:
    """Return a copy of what Keras serialised that names no class of one backend alone.

    Keras serialises optimizers on PyTorch as classes in `keras.src.backend.torch.optimizers`,
    since Keras 3.0; other backends load these, but do not train with them. The public class
    of the same name makes such an optimizer on PyTorch by itself.
    """
    if isinstance(config, list | tuple):
        return type(config)(map(with_public_classes, config))
    if not isinstance(config, dict):
        return config
    copy = {key: with_public_classes(value) for key, value in config.items()}
    if str(copy.get("module")).startswith(_OPTIMIZERS_OF_TORCH):
        copy.update(module="keras.optimizers", registered_name=None)
    return copy


def saved_levels(store: Any) -> list[tuple[str, Callable[[], dict[str, Any]]]] | None:
    """Return what a file has of the optimizer that is loading, and of those that were inside of it.

    The entry of Keras' HDF5 store is `_h5_entry_path` and `_h5_entry_group`, since Keras 3.10;
    `path` and `group` before. That an optimizer inside is saved at `inner_optimizer`, its
    variables at `vars`, and its name among the attributes: since Keras 3.8 or earlier.

    Args:
        store: What Keras gives to `load_own_variables`.

    Returns:
        For each, from the outside in, its name, and a function that reads its values; None if
        the store is something else, or in several files.
    """
    file, path = _place_in_file(store)
    if not path:
        return None
    levels = []
    while path in file:
        saved = file[path].get("vars", {})
        name = saved.attrs.get("name", "") if saved else ""
        levels.append((str(name), functools.partial(_read, store, path)))
        path += "/inner_optimizer"
    return levels


def _place_in_file(store: Any) -> tuple[Any, str]:
    if hasattr(store, "sharding_config"):
        return None, ""
    path = getattr(store, "_h5_entry_path", getattr(store, "path", ""))
    return getattr(store, "h5_file", None), path or ""


def _read(store: Any, path: str) -> dict[str, Any]:
    if not hasattr(store, "get"):
        entry = type(store)(store.h5_file, path, mode="r")
        return {key: np.array(entry[key]) for key in list(entry.keys())}
    _, before = _place_in_file(store)
    entry = store.get(path)  # the store itself, moved there
    values = {key: entry[key] for key in list(entry.keys())}
    store.get(before)
    return values


def ignore_state_of_file(optimizer: keras.optimizers.Optimizer, store: Any) -> None:
    """Makes an optimizer inside ignore what Keras gives it next from the file of this store.

    Keras calls `load_own_variables` from the outside in: since Keras 3.0.
    """
    file, _ = _place_in_file(store)
    if file is None:
        return
    load = optimizer.load_own_variables

    def ignore(store: Any) -> None:
        del optimizer.load_own_variables
        if _place_in_file(store)[0] is not file:
            load(store)

    optimizer.load_own_variables = ignore


def check_known(optimizer: keras.optimizers.Optimizer, variables: Sequence[Any]) -> None:
    """Raises Keras' own error for a variable that the optimizer was not built with.

    `_check_variables_are_known`: since Keras 3.0. It also matches the backend's
    variables to those of Keras, and replicas to their distributed variable.
    """
    optimizer._check_variables_are_known(variables)


def averages(optimizer: keras.optimizers.Optimizer) -> list[Any]:
    """Return the averages of the weights that an optimizer keeps for `use_ema`.

    `_model_variables_moving_average`, made by `build`: since Keras 3.0. None stands for
    the average of a variable that Keras writes the gradient to.
    """
    return optimizer._model_variables_moving_average if optimizer.use_ema else []


def layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a model, and those inside of them, at any depth.

    `_flatten_layers`: since Keras 3.0.
    """
    return model._flatten_layers(include_self=False)


def variable_index(optimizer: keras.optimizers.Optimizer, variable: Any) -> int:
    """Return the place of a variable among those that the optimizer was built with.

    `_get_variable_index`: since Keras 3.0. It knows a replica's part of a variable as well.
    """
    return optimizer._get_variable_index(variable)


def slots_of(optimizer: keras.optimizers.Optimizer, variable: Any) -> list[Any]:
    """Return the state that an optimizer keeps for one of the variables that it was built with.

    Optimizers have lists with a state variable for each variable, in the order of these, and None
    where there is none: all of Keras' since 3.0. Averages of the weights are no such state.
    """
    place, count = variable_index(optimizer, variable), len(built_variables(optimizer))
    others = (optimizer._trainable_variables, optimizer._variables, averages(optimizer))
    lists = [
        value
        for value in vars(optimizer).values()
        if isinstance(value, list)
        and len(value) == count
        and not any(value is one for one in others)
    ]
    return [one[place] for one in lists if isinstance(one[place], keras.Variable)]


def first_moments(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[Any]
) -> list[keras.Variable]:
    """Return the averages of the gradients that Adam and AdamW keep for these variables.

    `_momentums`, made by `build`: since Keras 3.0.
    """
    return [optimizer._momentums[variable_index(optimizer, variable)] for variable in variables]


def is_of_keras(thing: Any) -> bool:
    """Return whether it is a function of Keras itself, or an object, not of somebody's subclass.

    The package of the function or class, also of the optimizers without a public name for
    PyTorch: since Keras 3.0.
    """
    return package_of(thing) == "keras"


def package_of(thing: Any) -> str:
    """Return the package that a function comes from, or the class of an object; "" if none is
    known.
    """
    return str(getattr(thing, "__module__", "")).partition(".")[0]


def learning_rate(optimizer: keras.optimizers.Optimizer) -> Any:
    """Return what an optimizer was given as its learning rate: a schedule or a function as it is.

    `_learning_rate`: since Keras 3.0. None for a `MultiOptimizer`, which has parts.
    """
    return getattr(optimizer, "_learning_rate", None)


def has_averages(optimizer: keras.optimizers.Optimizer) -> bool:
    """Return whether an optimizer was built with `use_ema`.

    `_model_variables_moving_average`: since Keras 3.0.
    """
    return hasattr(optimizer, "_model_variables_moving_average")


class DelegatedAverages:
    """Leads `keras.callbacks.SwapEMAWeights` to the averages of an optimizer further inside.

    It looks for `use_ema` and `_model_variables_moving_average`, both since Keras 3.0, one
    wrapper deep.
    """

    builds_own_state: bool = False
    """Return whether Keras' `build` is at work, which makes averages where `use_ema` is set."""

    def build(self, variables: Sequence[Any]) -> None:
        """Makes no averages: the optimizer inside has them."""
        self.builds_own_state = True
        try:
            super().build(variables)
        finally:
            self.builds_own_state = False

    @property
    def _model_variables_moving_average(self) -> list[Any]:
        return self.inner_optimizer._model_variables_moving_average


def replace_reduction(optimizer: keras.optimizers.Optimizer, unless: Callable[[], bool]) -> None:
    """Has an optimizer on TensorFlow sum gradients over replicas only where `unless` is false.

    `_all_reduce_sum_gradients(grads_and_vars)`: since Keras 3.2.1.
    """
    if "_all_reduce_sum_gradients" in vars(optimizer):
        return  # another wrapper of the stack has done it
    reduce = optimizer._all_reduce_sum_gradients
    optimizer._all_reduce_sum_gradients = lambda pairs: pairs if unless() else reduce(pairs)


def in_stateless_scope() -> bool:
    """Return whether values of variables are those of a `keras.StatelessScope`, which keeps writes.

    `keras.src.backend.common.stateless_scope.in_stateless_scope`: since Keras 3.0.
    """
    return stateless_scope.in_stateless_scope()


def held_values(variables: Sequence[keras.Variable]) -> list[Any]:
    """Return the values of variables as PyTorch holds them, in place.

    `_value`, which `value` returns after a dozen calls where there is no `keras.StatelessScope`:
    since Keras 3.0. None there is a variable that has no value yet.
    """
    if stateless_scope.in_stateless_scope():
        return [variable.value for variable in variables]
    return [
        variable.value if variable._value is None else variable._value for variable in variables
    ]


PARALLEL_UPDATE_STEP = "_parallel_update_step"


def parallel_update_step(optimizer: keras.optimizers.Optimizer) -> Callable | None:
    """Return what updates all variables at once, in the optimizers that Keras rewrote for PyTorch.

    `_parallel_update_step(gradients, variables, learning_rate)`: since Keras 3.0. It
    writes to the weights past `assign`, `assign_add` and `assign_sub`.
    """
    return getattr(optimizer, PARALLEL_UPDATE_STEP, None)


_UPDATED_IN_PARTS = ("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "RMSprop")


def replace_parallel_update_step(
    optimizer: keras.optimizers.Optimizer, function: Callable[..., None]
) -> None:
    """Has a function of the optimizer and its arguments stand in for `_parallel_update_step`.

    Only in an optimizer of Keras itself that treats every variable by itself, writes to nothing
    else there, and makes tensors on the way: all those for PyTorch but Nadam, which counts its
    updates, and SGD, which writes to its momentum and the weights alone. Since Keras 3.0.
    """
    of_keras = is_of_keras(optimizer) and type(optimizer).__name__ in _UPDATED_IN_PARTS
    if of_keras and PARALLEL_UPDATE_STEP not in vars(optimizer):
        setattr(optimizer, PARALLEL_UPDATE_STEP, types.MethodType(function, optimizer))


def update_parts(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Any],
    variables: Sequence[Any],
    learning_rate: Any,
    elements: Sequence[slice] | None = None,
) -> None:
    """Does what `_parallel_update_step` of its class does, whatever stands in for it.

    Args:
        optimizer: One in which `replace_parallel_update_step` has replaced it.
        gradients: The gradients.
        variables: The variable of each gradient.
        learning_rate: The learning rate.
        elements: Which elements of each variable, flat, the gradients are of; all, if not given.
    """
    update = getattr(type(optimizer), PARALLEL_UPDATE_STEP)
    if elements is None:
        update(optimizer, gradients, variables, learning_rate)
    else:
        parts = [_Part(*pair) for pair in zip(variables, elements, strict=True)]
        update(_OfParts(optimizer), gradients, parts, learning_rate)


class _Part:
    """Some elements of a variable, as what updates it reads and writes them."""

    def __init__(self, variable: Any, elements: slice) -> None:
        self.variable = variable
        self.elements = elements
        self.value = variable.value.view(-1)[elements]


class _OfParts:
    """An optimizer whose slots, which are lists of variables, are for parts as well."""

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        self._optimizer = optimizer

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._optimizer, name)
        return _SlotsOfParts(self._optimizer, value) if isinstance(value, list) else value

    def _get_variable_index(self, part: _Part) -> _Part:
        return part


class _SlotsOfParts:
    def __init__(self, optimizer: keras.optimizers.Optimizer, slots: Sequence[Any]) -> None:
        self._optimizer = optimizer
        self._slots = slots

    def __getitem__(self, part: _Part) -> _Part:
        slot = self._slots[variable_index(self._optimizer, part.variable)]
        return _Part(slot, part.elements)


VARIABLE_INDEX = "_get_variable_index"


def index_look_up(
    optimizer: keras.optimizers.Optimizer, for_which: Callable[[Any], Any]
) -> Callable[[Any], int]:
    """Return what finds the slots of a variable also for what `for_which` says stands for one.

    `_get_variable_index(variable)`: since Keras 3.0. Every `_parallel_update_step` finds its
    slots through it.
    """
    look_up = getattr(optimizer, VARIABLE_INDEX)
    return lambda variable: look_up(for_which(variable))


def weight_decay_of(optimizer: keras.optimizers.Optimizer, variable: Any) -> float | None:
    """Return the rate at which an optimizer decays a variable beside its step, or None.

    `_use_weight_decay(variable)`, which knows what `exclude_from_weight_decay` was given, and
    `_should_use_adamw(variable)` of Muon, which has two rates: since Keras 3.0, and where there is
    a Muon.
    """
    if not optimizer._use_weight_decay(variable):
        return None
    has_two = hasattr(optimizer, "adam_weight_decay") and optimizer._should_use_adamw(variable)
    return optimizer.adam_weight_decay if has_two else optimizer.weight_decay


def replace_weight_decay(
    optimizer: keras.optimizers.Optimizer, make: Callable[[Callable], Callable]
) -> Any:
    """Has what `make` returns decay the weights of an optimizer; returns what does so already.

    `_apply_weight_decay(variables)`: since Keras 3.0. It is called before the step.

    Args:
        optimizer: The optimizer.
        make: Is given what decays the weights of these variables in Keras, and called once.
    """
    own = vars(optimizer)
    if "_apply_weight_decay" not in own:
        own["_apply_weight_decay"] = make(optimizer._apply_weight_decay)
    return own["_apply_weight_decay"]


def graph_of(model: keras.Model) -> list[tuple[Any, list[int]]] | None:
    """Return the calls in a functional model, each with the places of those that take its output.

    What comes later in the list stands nearer to the inputs. `_nodes_by_depth`, and a node's
    `operation`, `parent_nodes` and `is_input`: since Keras 3.0.

    Returns:
        Pairs of a layer, or another operation, and places in this list; None for a model that is
        not functional.
    """
    if not hasattr(model, "_nodes_by_depth"):
        return None
    by_depth = model._nodes_by_depth
    nodes = [node for depth in sorted(by_depth) for node in by_depth[depth] if not node.is_input]
    place = {id(node): number for number, node in enumerate(nodes)}
    used_by: list[list[int]] = [[] for _ in nodes]
    for node in nodes:
        for parent in node.parent_nodes:
            if id(parent) in place:
                used_by[place[id(parent)]].append(place[id(node)])
    return [(node.operation, users) for node, users in zip(nodes, used_by, strict=True)]
