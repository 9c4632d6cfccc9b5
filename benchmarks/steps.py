"""Functions that do one step of a Keras optimizer, as Keras' own trainers do it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

import stepwrap
from workload import Workload


@dataclass(frozen=True)
class Step:
    """A step that can be done again and again.

    Args:
        run: Does it, and returns when it is done.
        state_bytes: What the optimizer keeps from one step to the next.
        compiled_bytes: What it needs beside that while it runs, where the compiler knows.
    """

    run: Callable[[], None]
    state_bytes: int
    compiled_bytes: Callable[[], int] | None = None


def of_optimizer(optimizer: keras.optimizers.Optimizer, workload: Workload) -> Step:
    """Return the step alone or the whole train step, on the backend that there is."""
    make = {
        ("tensorflow", "step"): _tensorflow_step,
        ("tensorflow", "train"): _tensorflow_train_step,
        ("jax", "step"): _jax_step,
        ("jax", "train"): _jax_train_step,
        ("torch", "step"): _torch_step,
        ("torch", "train"): _torch_train_step,
    }
    return make[keras.backend.backend(), workload.kind](optimizer, workload)


def size_of(variables: Sequence[Any]) -> int:
    """Bytes of variables or arrays."""
    return sum(
        int(np.prod(variable.shape))
        * np.dtype(keras.backend.standardize_dtype(variable.dtype)).itemsize
        for variable in variables
    )


def _built(
    optimizer: keras.optimizers.Optimizer, workload: Workload
) -> tuple[list[keras.Variable], dict[str, Any]]:
    """Return the variables of the step alone, and the loss, for optimizers that take one."""
    variables = [keras.Variable(weight) for weight in workload.weights()]
    optimizer.build(variables)
    takes_loss = isinstance(optimizer, stepwrap.OptimizerWrapper)
    return variables, {"loss": workload.loss} if takes_loss else {}


def _tensorflow_step(optimizer: keras.optimizers.Optimizer, workload: Workload) -> Step:
    import tensorflow as tf

    variables, loss = _built(optimizer, workload)

    @tf.function(jit_compile=workload.compiled)
    def step(gradients: list[tf.Tensor], loss: dict[str, tf.Tensor]) -> None:
        optimizer.apply(gradients, variables, **loss)

    return Step(lambda: step(workload.gradients, loss), size_of(optimizer.variables))


def _tensorflow_train_step(optimizer: keras.optimizers.Optimizer, workload: Workload) -> Step:
    import tensorflow as tf

    model = workload.model(optimizer)
    optimizer.build(model.trainable_variables)
    model.make_train_function()
    batches = iter(tf.data.Dataset.from_tensors(workload.batch).repeat())
    return Step(lambda: model.train_function(batches), size_of(optimizer.variables))


def _jax_step(optimizer: keras.optimizers.Optimizer, workload: Workload) -> Step:
    variables, loss = _built(optimizer, workload)

    def step(weights: list, slots: list, gradients: list, loss: dict) -> tuple[list, list]:
        return optimizer.stateless_apply(slots, gradients, weights, **loss)

    state = [
        [variable.value for variable in variables],
        [variable.value for variable in optimizer.variables],
    ]
    return donating(step, state, (workload.gradients, loss), size_of(optimizer.variables))


def donating(function: Callable, state: Sequence[Any], given: Sequence[Any], size: int) -> Step:
    """Return a step from a function on JAX: (*state, *given) → state, which takes the state's
    memory.

    Donated buffers are paired with results in order: the same in and out, as in Keras' trainer.
    """
    import jax

    compiled = jax.jit(function, donate_argnums=tuple(range(len(state))))
    state = list(state)

    def run() -> None:
        state[:] = compiled(*state, *given)
        jax.block_until_ready(state)

    def compiled_bytes() -> int:
        analysis = compiled.lower(*state, *given).compile().memory_analysis()
        new_outputs = analysis.output_size_in_bytes - analysis.alias_size_in_bytes
        return analysis.temp_size_in_bytes + new_outputs

    return Step(run, size, compiled_bytes)


def _jax_train_step(optimizer: keras.optimizers.Optimizer, workload: Workload) -> Step:
    import jax

    model = workload.model(optimizer)
    optimizer.build(model.trainable_variables)
    model.make_train_function()
    batches = itertools.repeat(workload.batch)
    state = tuple(
        [variable.value for variable in variables]
        for variables in (
            model.trainable_variables,
            model.non_trainable_variables,
            optimizer.variables,
            model.metrics_variables,
        )
    )

    def run() -> None:
        nonlocal state
        _, state = model.train_function(state, batches)
        jax.block_until_ready(state)

    return Step(run, size_of(optimizer.variables))


def _torch_step(optimizer: keras.optimizers.Optimizer, workload: Workload) -> Step:
    import torch

    variables, loss = _built(optimizer, workload)

    def run() -> None:
        with torch.no_grad():
            optimizer.apply(workload.gradients, variables, **loss)

    return Step(run, size_of(optimizer.variables))


def _torch_train_step(optimizer: keras.optimizers.Optimizer, workload: Workload) -> Step:
    model = workload.model(optimizer)
    optimizer.build(model.trainable_variables)
    model.make_train_function()
    run = functools.partial(model.train_function, [workload.batch])
    return Step(run, size_of(optimizer.variables))
