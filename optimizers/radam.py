"""Rectified Adam."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
from keras import ops

from .. import checks
from ..backends import keras_private, kernels
from ..toolkit.slots import scalar, scalar_dtype
from .catalogue import base_optimizer
from .unknown_arguments import refuse_unknown_arguments

Tensor = Any
Variable = Any


@base_optimizer("radam")
class RAdam(keras.optimizers.Optimizer):
    """Adam without the large steps at the start, when it has seen few squared gradients.

        m   ← beta_1 · m + (1 − beta_1) · g
        v   ← beta_2 · v + (1 − beta_2) · g²
        m̂   = m / (1 − beta_1ᵗ)
        ρ_∞ = 2 / (1 − beta_2) − 1
        ρ_t = ρ_∞ − 2 · t · beta_2ᵗ / (1 − beta_2ᵗ)
        r_t = sqrt((ρ_t − 4) · (ρ_t − 2) · ρ_∞ / ((ρ_∞ − 4) · (ρ_∞ − 2) · ρ_t))
        w   ← w − η · m̂ · r_t · sqrt(1 − beta_2ᵗ) / (sqrt(v) + epsilon)    where ρ_t > 5
        w   ← w − η · m̂                                                    elsewhere

    t counts the steps from 1. The bound of 5 is that of the authors' code and of
    `torch.optim.RAdam`; Algorithm 2 of the paper has 4. With beta_2 of 0.84 or more
    they differ at step 5 only. With beta_2 of 2/3 or less ρ_t never exceeds 5, and
    this is SGD with bias-corrected momentum.

    `weight_decay` is decoupled, as in all of Keras: w ← w − η · weight_decay · w before
    the step. So it is in `torch.optim.RAdam(decoupled_weight_decay=True)`; without that
    argument, PyTorch adds weight_decay · w to the gradient.

    Args:
        learning_rate: η: a number of at least 0, a schedule
            (`keras.optimizers.schedules`) or a function without arguments. Default: 0.001.
        beta_1: Decay of the average of the gradient, in [0, 1). Default: 0.9.
        beta_2: Decay of the average of the squared gradient, in [0, 1). Default: 0.999.
        epsilon: Added to the root of that average, in units of the gradient; at
            least 0. Default: 1e-7.
        weight_decay: Rate of the decoupled weight decay, at least 0, or None for none.
            Default: None.
        clipnorm: As in every Keras optimizer. Default: None.
        clipvalue: As in every Keras optimizer. Default: None.
        global_clipnorm: As in every Keras optimizer. Default: None.
        use_ema: As in every Keras optimizer. Default: False.
        ema_momentum: As in every Keras optimizer. Default: 0.99.
        ema_overwrite_frequency: As in every Keras optimizer. Default: None.
        loss_scale_factor: As in every Keras optimizer. Default: None.
        gradient_accumulation_steps: As in every Keras optimizer. Default: None.
        name: The optimizer's name. Default: "radam".

    Raises:
        TypeError: If an argument is no number where it must be one.
        ValueError: If an argument is out of its range.

    References:
        Liu, Jiang, He, Chen, Liu, Gao, Han: "On the Variance of the Adaptive Learning
        Rate and Beyond", ICLR 2020, arXiv 1908.03265, Algorithm 2.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuses unknown arguments, with what they are called here."""
        refuse_unknown_arguments(cls, args, kwargs)
        return super().__new__(cls)

    def __init__(
        self,
        learning_rate: float | Callable = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = "radam",
    ) -> None:
        if not callable(learning_rate):  # schedules are
            learning_rate = checks.number("learning_rate", learning_rate, least=0)
        if weight_decay is not None:
            weight_decay = checks.number("weight_decay", weight_decay, least=0)
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
        )
        self.beta_1 = checks.number("beta_1", beta_1, least=0, below=1)
        self.beta_2 = checks.number("beta_2", beta_2, least=0, below=1)
        self.epsilon = checks.number("epsilon", epsilon, least=0)

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the averages of the gradient and of its square."""
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = (
            [self.add_variable_from_reference(variable, name) for variable in variables]
            for name in ("momentum", "velocity")
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Any) -> None:
        """Does one step of one variable, in float32 if the variable has 16 bits."""
        dtype = scalar_dtype([variable])
        gradient = ops.cast(kernels.dense(gradient, variable), dtype)
        index = keras_private.variable_index(self, variable)
        momentum = self._average(self._momentums[index], gradient, self.beta_1)
        velocity = self._average(self._velocities[index], ops.square(gradient), self.beta_2)

        step = ops.cast(self.iterations + 1, dtype)
        direction = momentum / _bias_correction(step, self.beta_1)
        if _final_length(self.beta_2) > 5:
            direction = self._rectified(direction, velocity, step)
        rate = ops.cast(learning_rate, dtype)
        self.assign_sub(variable, ops.cast(rate * direction, variable.dtype))

    def _rectified(self, direction: Tensor, velocity: Tensor, step: Tensor) -> Tensor:
        """Return the direction, from the step on at which ρ_t > 5 as an adaptive one."""
        length = _length(step, self.beta_2)
        long_enough = length > 5
        # What is not chosen must be a number, too: no root of a negative one, no zero divisor.
        final_length = scalar(_final_length(self.beta_2), length.dtype)
        length = ops.where(long_enough, length, final_length)
        root_of_correction = ops.sqrt(_bias_correction(step, self.beta_2))
        scale = _rectification(length, self.beta_2) * root_of_correction
        divisor = ops.sqrt(velocity) + self.epsilon
        return (
            direction
            * ops.where(long_enough, scale, ops.ones_like(scale))
            / ops.where(long_enough, divisor, ops.ones_like(divisor))
        )

    def _average(self, slot: Variable, value: Tensor, decay: float) -> Tensor:
        """Moves the slot's average towards the value, and returns it."""
        average = ops.cast(ops.convert_to_tensor(slot), value.dtype)
        average = average + (1 - decay) * (value - average)  # 0.999 itself would be rounded
        self.assign(slot, ops.cast(average, slot.dtype))
        return average

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of `__init__`."""
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


def _bias_correction(step: Tensor, decay: float) -> Tensor:
    """Return 1 − decayᵗ, without the cancellation for decays near 1."""
    return -ops.expm1(step * math.log(decay)) if decay > 0 else ops.ones_like(step)


def _final_length(decay: float) -> float:
    """Return ρ_∞: over how many steps a moving average extends in the end."""
    return 2 / (1 - decay) - 1


def _length(step: Tensor, decay: float) -> Tensor:
    """Return ρ_t: over how many steps it extends at step t.

    At first both terms of the formula are near ρ_∞, and float32 would lose their
    difference. There ρ_t = t + h(λ) − t · h(t · λ) with λ = −ln(decay) / 2.
    """
    half_rate = -math.log(decay) / 2
    early = step + _langevin(half_rate) - step * _langevin(step * half_rate)
    late = _final_length(decay) - 2 * step / ops.expm1(2 * half_rate * step)
    return ops.where(step * half_rate < 1, early, late)


def _langevin(x: Any) -> Any:
    """Return h(x) = coth(x) − 1/x for x in [0, 1], by Lambert's continued fraction."""
    denominator = 17  # enough for float64
    for odd in range(15, 1, -2):
        denominator = odd + x * x / denominator
    return x / denominator


def _rectification(length: Tensor, decay: float) -> Tensor:
    """Return r_t, in an order that does not overflow."""
    final = _final_length(decay)
    return ops.sqrt((length - 4) / (final - 4) * ((length - 2) / (final - 2)) * (final / length))
