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
    """Has every optimizer inside of a stack that is built decay its weights at other rates.

    Args:
        optimizer: The stack.
        scales: Return what the rates of variables are multiplied by in the step that is being
            done, 1 where nothing is said; None if there is none.
    """
    for leaf in stack.leaves(optimizer):

        def stand_in(decay: Callable, leaf: Optimizer = leaf) -> ScaledDecay:
            return ScaledDecay(leaf, decay)

        keras_private.replace_weight_decay(leaf, stand_in).scales.append(scales)


class ScaledDecay:
    """Stands in for the weight decay of one optimizer, whose rates wrappers around it scale.

    Args:
        leaf: The optimizer.
        decay: Its own, of which variables at a scale of 1 get what they would without this.
    """

    def __init__(self, leaf: Optimizer, decay: Callable[[Sequence[Variable]], None]) -> None:
        self._leaf = leaf
        self._decay = decay
        self.scales: list[Callable[[], Scales | None]] = []

    def __call__(self, variables: Sequence[Variable]) -> None:
        """Decays the variables."""
        given = [scales for scales in (function() for function in self.scales) if scales]
        as_they_are, scaled, rates = [], [], []
        for variable in variables:
            scale = _product([scales.get(replicas.key(variable), 1.0) for scales in given])
            if _is(scale, 1):
                as_they_are.append(variable)
            elif not _is(scale, 0) and (rate := self._rate_of(variable)) is not None:
                scaled.append(variable)
                rates.append(scale * rate)
        if as_they_are:
            self._decay(as_they_are)
        kernels.shrink(scaled, rates)

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
        if _is(scale, 0):
            return 0.0
        product = scale if _is(product, 1) else product * scale
    return product


def _is(scale: Any, number: float) -> bool:
    """Return whether a scale is known to be that number."""
    return isinstance(scale, float) and scale == number
