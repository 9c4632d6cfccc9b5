"""The moving average of the gradients, kept by a wrapper or by the optimizer inside."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ...backends import keras_private, kernels
from ...toolkit.slots import Slots

Tensor = Any
Variable = Any


class GradientAverage(abc.ABC):
    """g̃: the average with weights that fall off e-fold within about `time_scale` steps."""

    @abc.abstractmethod
    def check(self) -> None:
        """Raises if this is not the average of the gradients any more."""

    @abc.abstractmethod
    def update(
        self, gradients: Sequence[Tensor], variables: Sequence[Variable]
    ) -> tuple[list[Tensor], Tensor]:
        """Enters the gradients of a step, which the inner optimizer has been given.

        Returns:
            Averages that start at zero, and what they are to be divided by for that.
        """


class OwnAverage(GradientAverage):
    """An average in slots of a wrapper.

    Args:
        optimizer: The wrapper.
        variables: The model's variables.
        decay: What is left of the average at a step.
        dtype: Of scalars.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer,
        variables: Sequence[Variable],
        decay: float,
        dtype: str,
    ) -> None:
        self._decay = decay
        self._dtype = dtype
        self._slots = Slots(optimizer, variables, "gradient_average")
        self._steps = optimizer.add_variable(
            (), initializer="zeros", dtype="int32", name="average_steps"
        )

    def check(self) -> None:
        """Finds nothing wrong, for nothing else writes to it."""

    def update(
        self, gradients: Sequence[Tensor], variables: Sequence[Variable]
    ) -> tuple[list[Tensor], Tensor]:
        """Return the average after this step."""
        averages = kernels.update_averages(self._slots.of(variables), gradients, self._decay)
        self._steps.assign(self._steps + 1)
        return averages, self.correction(self._decay)

    def correction(self, decay: float) -> Tensor:
        """Return what an average with that decay is to be divided by."""
        return _weight_so_far(decay, self._steps, self._dtype)


class InnerAverage(GradientAverage):
    """Adam's first moment, which is that average already.

    Args:
        optimizer: One that `keeps_average`.
        dtype: Of scalars.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer, dtype: str) -> None:
        self._optimizer = optimizer
        self._dtype = dtype
        self._decay = optimizer.beta_1

    def check(self) -> None:
        """Looks at what can be set on the optimizer at any time."""
        if not keeps_average(self._optimizer, self._decay):
            name = type(self._optimizer).__name__
            raise ValueError(
                f"Clipping or `beta_1` was set on {name} after the L4 around it was built, which "
                f"takes {name}'s average of the gradients for its own. Give it to `{name}(...)`, "
                "or set it before training."
            )

    def update(
        self, gradients: Sequence[Tensor], variables: Sequence[Variable]
    ) -> tuple[list[Tensor], Tensor]:
        """Return what the optimizer, which has run, has left."""
        averages = keras_private.first_moments(self._optimizer, variables)
        correction = _weight_so_far(self._optimizer.beta_1, self._optimizer.iterations, self._dtype)
        return [ops.convert_to_tensor(average) for average in averages], correction


def _weight_so_far(decay: float, steps: Any, dtype: str) -> Tensor:
    """Return the weight of all gradients in an average that started at zero."""
    return kernels.of_scalars(lambda _, n: 1 - decay**n, kernels.scalar(steps, dtype))


def keeps_average(optimizer: keras.optimizers.Optimizer, decay: float) -> bool:
    """Return whether it is Keras' Adam or AdamW, and averages gradients as given, with that decay.

    Nadam, too, averages them, but on some backends with a decay rounded to float32.
    """
    return (
        isinstance(optimizer, keras.optimizers.Adam)
        and keras_private.is_of_keras(optimizer)
        and math.isclose(optimizer.beta_1, decay)
        and optimizer.clipnorm is None
        and optimizer.global_clipnorm is None
        and optimizer.clipvalue is None
    )
