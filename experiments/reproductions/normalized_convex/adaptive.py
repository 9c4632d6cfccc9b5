"""Normalised SGD whose learning rate and momentum follow the angle between successive gradients.

Reference:
    Kolasiński: github.com/kmkolasinski/deep-learning-notes, max-normed-optimizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

EPSILON = 1e-6
Tensor = Any


class AdaptiveNormalizedSGD(keras.optimizers.Optimizer):
    """The published optimizer, for a single variable x and with the norm 'std':

        m ← μ m + g
        x ← x − η m / (std(m) + 1e-6)
        c = cosine of the angle between g and the gradient of the step before
        η ← η (1 + rate_update · c), from 1e-6 to 0.5
        μ ← (1 − momentum_update) μ − momentum_update · c, from 0 to 1

    Args:
        learning_rate: η at first.
        rate_update: How fast η follows the angle. Default: 0.05.
        momentum: μ at first. Default: 0.9.
        momentum_update: How fast μ follows it. Default: 1e-5.
    """

    def __init__(
        self,
        learning_rate: float,
        rate_update: float = 0.05,
        momentum: float = 0.9,
        momentum_update: float = 1e-5,
    ) -> None:
        super().__init__(learning_rate)
        self._at_first = learning_rate, momentum
        self._rate_update, self._momentum_update = rate_update, momentum_update

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the state."""
        if self.built:
            return
        super().build(variables)
        [variable] = variables
        self._average, self._before = (
            self.add_variable_from_reference(variable, name) for name in ("average", "before")
        )
        self._rate, self._momentum = (
            self.add_variable((), keras.initializers.Constant(value), variable.dtype, name=name)
            for name, value in zip(("rate", "momentum"), self._at_first, strict=True)
        )

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """One step; then the learning rate and the momentum of the next one."""
        rate, momentum, average, before = map(
            ops.convert_to_tensor, (self._rate, self._momentum, self._average, self._before)
        )
        average = momentum * average + gradient
        cosine = ops.sum(_of_length_one(gradient) * _of_length_one(before))
        self.assign_sub(variable, rate * average / (ops.std(average) + EPSILON))
        self.assign(self._rate, ops.clip(rate * (1 + self._rate_update * cosine), 1e-6, 0.5))
        followed = momentum - self._momentum_update * (momentum + cosine)
        self.assign(self._momentum, ops.clip(followed, 0, 1))
        self.assign(self._average, average)
        self.assign(self._before, gradient)


def _of_length_one(vector: Tensor) -> Tensor:
    return vector / ops.sqrt(ops.maximum(ops.sum(ops.square(vector)), 1e-12))
