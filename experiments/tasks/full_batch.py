"""Functions that are minimised as they are, without batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from ..task import Arrays
from .compiling import compiled


class FullBatchModel(keras.Model):
    """A function of some variables, as a model: its output, and its loss, is the value.

    Its inputs and targets mean nothing, there are as many as there are steps. It computes in
    float64 where the backend can; JAX cannot unless `jax_enable_x64` is set. What `fit` reports
    is a float32.

    Args:
        function: Takes the variables as tensors, in the order of `start`, and returns a scalar.
        start: The values that the variables have at first, by name, as float64.
    """

    def __init__(self, function: Callable[..., Any], start: dict[str, np.ndarray]) -> None:
        super().__init__()
        self._function = function
        self._variables = [
            self.add_weight(
                shape=np.shape(value),
                initializer=lambda shape, dtype, value=value: ops.convert_to_tensor(value, dtype),
                dtype=float_dtype(),
                name=name,
                autocast=False,
            )
            for name, value in start.items()
        ]
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The value of the function."""
        return self._function(*(ops.convert_to_tensor(variable) for variable in self._variables))

    def compute_loss(self, x: Any, y: Any, y_pred: Any, *_: Any, **__: Any) -> Any:
        """The output itself: Keras' losses would compute it in float32."""
        return y_pred


def float_dtype() -> str:
    """The dtype in which the backend has NumPy's float64."""
    return keras.backend.standardize_dtype(ops.convert_to_tensor(np.zeros(1)).dtype)


def constant(value: np.ndarray) -> Any:
    """A tensor of that dtype."""
    return ops.convert_to_tensor(value, float_dtype())


def steps(count: int) -> Arrays:
    """What `fit` goes through in this many steps with batches of 1."""
    return np.zeros((count, 1), "float32"), np.zeros((count, 1), "float32")


def compiled_full_batch(
    model: FullBatchModel, optimizer: keras.optimizers.Optimizer, steps: int
) -> keras.Model:
    """The model, compiled for epochs of so many steps."""
    return compiled(model, optimizer, steps_per_execution=steps)
