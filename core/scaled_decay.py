"""Scaling the decoupled weight decay of the optimizers inside, variable by variable.

An optimizer of Keras decays its weights beside its step, w ← w − learning rate · rate · w, before
it updates them. A wrapper that scales steps as a learning rate would scales that, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from ..backends import keras_private, kernels, replicas
from ..toolkit.slots import scalar, scalar_dtype
from . import stack

Tensor = Any
Variable = Any
Scales = dict[Any, Any]  # numbers or scalar tensors by `replicas.key`
Optimizer = keras.optimizers.Optimizer


def scale_decay(optimizer: Optimizer, scales: Callable[[], Scales | None]) -> None:
    """Has all that decays weights inside of a stack that is built do so at other rates.

    Args:
        optimizer: The stack.
        scales: Return what the rates of variables are multiplied by in the step that is being
            done, 1 where nothing is said; None if there is none.
    """
    for member in stack.walk(optimizer):
        if hasattr(member, "decay_scales"):
            member.decay_scales.add(scales)
    for leaf in stack.leaves(optimizer):

        def stand_in(decay: Callable, leaf: Optimizer = leaf) -> ScaledDecay:
            return ScaledDecay(leaf, decay)

        keras_private.replace_weight_decay(leaf, stand_in).scales.add(scales)


class DecayScales:
    """What wrappers around an optimizer, or around a wrapper, multiply its rates of decay by."""

    def __init__(self) -> None:
        self._functions: list[Callable[[], Scales | None]] = []

    def add(self, scales: Callable[[], Scales | None]) -> None:
        """Has what the function returns, at each step, be one of the factors."""
        self._functions.append(scales)

    def of(self, variables: Sequence[Variable]) -> list[Any]:
        """Return the scale of each variable in this step: a float, or a tensor."""
        given = [scales for scales in (function() for function in self._functions) if scales]
        keys = map(replicas.key, variables)
        return [_product([scales.get(key, 1.0) for scales in given]) for key in keys]


class ScaledDecay:
    """Stands in for the weight decay of one optimizer, whose rates wrappers around it scale.

    Args:
        leaf: The optimizer.
        decay: Its own, of which variables at a scale of 1 get what they would without this.
    """

    def __init__(self, leaf: Optimizer, decay: Callable[[Sequence[Variable]], None]) -> None:
        self._leaf = leaf
        self._decay = decay
        self.scales = DecayScales()

    def __call__(self, variables: Sequence[Variable]) -> None:
        """Decays the variables."""
        scales = self.scales.of(variables)
        pairs = list(zip(variables, scales, strict=True))
        as_they_are = [variable for variable, scale in pairs if is_known(scale, 1)]
        if as_they_are:
            self._decay(as_they_are)
        for variable, scale in pairs:
            if is_known(scale, 0) or is_known(scale, 1):
                continue
            rate = self._rate_of(variable)
            if rate is not None:
                kernels.decay([variable], scale * rate)

    def _rate_of(self, variable: Variable) -> Tensor | None:
        """Return which part of the variable decays in this step at a scale of 1."""
        rate = keras_private.weight_decay_of(self._leaf, variable)
        if not rate:
            return None
        learning_rate = ops.convert_to_tensor(self._leaf.learning_rate)
        return scalar(learning_rate, scalar_dtype([variable])) * rate


def _product(scales: Sequence[Any]) -> Any:
    """Return the product; 0 if one of them is known to be 0."""
    product = 1.0
    for scale in scales:
        if is_known(scale, 0):
            return 0.0
        product = scale if is_known(product, 1) else product * scale
    return product


def is_known(scale: Any, number: float) -> bool:
    """Return whether a scale is known to be that number."""
    return isinstance(scale, float) and scale == number
