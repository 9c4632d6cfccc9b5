"""Loading a stack from the file of another one: wrappers were added or removed since."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from .. import checks
from ..backends import keras_private
from . import stack

Optimizer = keras.optimizers.Optimizer
Store = Mapping[str, Any]


def stored_values(optimizer: Optimizer, store: Store) -> list[tuple[Any, Any]] | None:
    """Return the variables that the optimizer itself loads, each with its value in the store.

    Those that `may_be_missing` are left out if the store has none for them. None if the store
    has other values than these: others in number or in shape.
    """
    keys = [str(index) for index in range(len(store.keys()))]
    if set(keys) != set(store.keys()):
        return None
    values = [store[key] for key in keys]
    shapes = [tuple(value.shape) for value in values]
    variables = getattr(optimizer, "own_variables", optimizer.variables)
    newer = {
        path for member in stack.walk(optimizer) for path in getattr(member, "_newer_state", ())
    }
    for expected in (variables, [one for one in variables if one.path not in newer]):
        if [tuple(one.shape) for one in expected] == shapes:
            return list(zip(expected, values, strict=True))
    return None


def take_over(optimizer: Optimizer, store: Store) -> bool:
    """Loads what fits of another stack, and warns, if it is another that was saved.

    Keras looks for an optimizer inside where it is now, so that it would find nothing of one
    that was at another depth.

    Args:
        optimizer: The outermost optimizer that is asked to load itself.
        store: What it is given to load.

    Returns:
        Whether something was loaded. If so, what Keras gives to the optimizers inside next,
        from the same file, is ignored.
    """
    members = _chain(optimizer)
    levels = keras_private.saved_levels(store)
    if levels is None:  # a single dictionary
        if stored_values(optimizer, store) is not None:
            return False
        levels = [("", lambda: store)]
    if len(levels) == len(members) and stack.parts(members[-1]):
        _fill_branches(members[-1], levels[-1][1](), store)
    if len(levels) in (0, len(members)):
        return False
    places = _places(members, [name for name, _ in levels])
    stores = {place: levels[level][1]() for place, level in places.items()}
    if stored_values(members[-1], stores[len(members) - 1]) is None:
        return False

    taken = [place for place in places if stored_values(members[place], stores[place]) is not None]
    for place in taken:
        members[place].load_own_variables(stores[place])
    for member in [*stack.walk(optimizer)][1:]:
        keras_private.ignore_state_of_file(member, store)
    _warn(
        optimizer,
        added=[one.name for place, one in enumerate(members) if place not in places],
        removed=[name for level, (name, _) in enumerate(levels) if level not in places.values()],
        changed=[members[place].name for place in sorted(set(places) - set(taken))],
        taken=[members[place].name for place in sorted(taken)],
    )
    return True


def _fill_branches(optimizer: Optimizer, saved: Store, store: Store) -> None:
    """Loads a `MultiOptimizer` if its parts have variables that may be missing.

    It stores those of its parts beside its own, so that Keras would find too few and load none.
    """
    stored = stored_values(optimizer, saved)
    if stored is None or len(stored) == len(optimizer.variables):
        return
    for variable, value in stored:
        variable.assign(value)
    keras_private.ignore_state_of_file(optimizer, store)


def _warn(optimizer: Optimizer, **names: Sequence[str]) -> None:
    listed = {what: checks.listed(map(_uncounted, some)) for what, some in names.items()}
    said = {
        "added": f" Added since it was saved: {listed['added']}.",
        "removed": f" Removed since it was saved: {listed['removed']}.",
        "changed": f" Of other shapes, so left as it is: the state of {listed['changed']}.",
        "taken": f" Taken over: the state of {listed['taken']}.",
    }
    warnings.warn(
        f"The file has other wrappers than optimizer '{optimizer.name}'."
        + "".join(sentence for what, sentence in said.items() if names[what]),
        stacklevel=4,
    )


def _chain(optimizer: Optimizer) -> list[Optimizer]:
    """Return the wrappers from the outside in, and what is inside of them."""
    members = [optimizer]
    while hasattr(members[-1], "inner_optimizer"):
        members.append(members[-1].inner_optimizer)
    return members


def _places(members: Sequence[Optimizer], saved: Sequence[str]) -> dict[int, int]:
    """Return for each member that was saved its depth then: the innermost, and namesakes."""
    names = [_uncounted(member.name) for member in members[:-1]]
    matcher = difflib.SequenceMatcher(None, names, [*map(_uncounted, saved[:-1])], autojunk=False)
    places = {
        block.a + offset: block.b + offset
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    }
    return {**places, len(members) - 1: len(saved) - 1}


def _uncounted(name: str) -> str:
    """Return a name without the number that Keras gives to the second of that name."""
    return re.sub(r"_\d+$", "", name)
