"""Walking through a stack of optimizers, from the outside in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from ..backends import keras_private, kernels, replicas
from .batch import Batch

Optimizer = keras.optimizers.Optimizer


def parts(optimizer: Optimizer) -> list[Optimizer]:
    """Return the optimizers directly inside: one in a wrapper, several in a `MultiOptimizer`."""
    if hasattr(optimizer, "inner_optimizer"):
        return [optimizer.inner_optimizer]
    return list(getattr(optimizer, "optimizers", ()))


def walk(optimizer: Optimizer) -> Iterator[Optimizer]:
    """Yield the optimizer, and all that are inside."""
    yield optimizer
    for part in parts(optimizer):
        yield from walk(part)


def leaves(optimizer: Optimizer) -> list[Optimizer]:
    """Return the optimizers that have none inside."""
    return [member for member in walk(optimizer) if not parts(member)]


class LeafOfVariable:
    """Which innermost optimizer trains which variable, in a stack that is built."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._leaves = {
            replicas.key(variable): leaf
            for leaf in leaves(optimizer)
            for variable in keras_private.built_variables(leaf)
        }

    def __getitem__(self, variable: Any) -> Optimizer:
        return self._leaves[replicas.key(variable)]


def set_loss(optimizer: Optimizer, loss: Any) -> None:
    """Hands the loss of the next step to the optimizer if it is a wrapper, else to its parts.

    None takes back one that was handed over.
    """
    if hasattr(optimizer, "set_loss"):
        optimizer.set_loss(loss)
    else:
        for part in parts(optimizer):
            set_loss(part, loss)


def hand_over(optimizer: Optimizer, batch: Batch) -> None:
    """Has any optimizer do a step: a wrapper at once, any other by its `apply`."""
    if hasattr(optimizer, "step_on") and not optimizer.overrides("apply"):
        optimizer.step_on(batch)
        return
    gradients = batch.gradients
    if kernels.knows_rows and not hasattr(optimizer, "set_loss"):
        gradients = [kernels.slices(gradient) for gradient in gradients]
    if batch.loss is None:
        optimizer.apply(gradients, batch.variables)
        return
    set_loss(optimizer, batch.loss)
    try:
        optimizer.apply(gradients, batch.variables)
    finally:
        set_loss(optimizer, None)  # parts without a variable in this step have it still


def decays_weights(optimizer: Optimizer) -> bool:
    """Return whether decoupled weight decay writes to the weights beside the step."""
    return any(getattr(member, "decays_weights", False) for member in walk(optimizer)) or any(
        map(own_weight_decay, leaves(optimizer))
    )


def own_weight_decay(member: Optimizer) -> dict[str, float]:
    """Return the arguments by which this one optimizer, or wrapper, decays weights, if any."""
    arguments = ("weight_decay", "adam_weight_decay")  # the latter is Muon's
    rates = {name: vars(member).get(name) for name in arguments}
    return {name: rate for name, rate in rates.items() if rate}
