"""Paths: the weights that an optimizer goes through on a function, step by step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

import stepwrap
from functions import Landscape

Measure = Callable[[int, np.ndarray], tuple[float, np.ndarray]]
"""Returns the loss and the gradient of a batch: that of step 0, 1, ... where the weights are."""

VECTOR = ((2,),)
KERNEL = ((2, 1),)
"""One variable, the weights of one unit with two inputs."""
TWO_KERNELS = ((1, 1), (1, 1))
"""Two layers of one weight each, which are called layer_1 and layer_2."""

FAR = 1e4
"""Weights as large as this are out of every picture."""


@dataclasses.dataclass
class Path:
    """The places of an optimizer, step by step.

    Args:
        text: The optimizer, as `stepwrap.describe` writes it.
        points: The weights, of shape (steps + 1, 2). They end before `broke`.
        averages: Those that a wrapper kept of the weights, each once; or nothing.
        broke: Whether the weights were NaN after these points, or far out of any picture.
        marked: Numbers of points to be marked.
    """

    text: str
    points: np.ndarray
    averages: np.ndarray | None = None
    broke: bool = False
    marked: Sequence[int] = ()


# What a step sees of the function.


def exactly(landscape: Landscape) -> Measure:
    """Return what measures the function itself."""

    def measure(step: int, point: np.ndarray) -> tuple[float, np.ndarray]:
        return float(landscape.value(*point)), landscape.gradient(*point)

    return measure


def minibatches(landscape: Landscape, deviation: Any, seed: int) -> Measure:
    """Return what measures batches: each has the function at another place.

    Args:
        landscape: The function, which is that of all batches together only where it is a parabola.
        deviation: How far the places of batches are apart, a number or one for each weight.
        seed: Decides where they are: equal seeds give equal batches.
    """

    def measure(step: int, point: np.ndarray) -> tuple[float, np.ndarray]:
        offset = deviation * np.random.default_rng([seed, step]).normal(size=2)
        return exactly(landscape)(step, point - offset)

    return measure


def with_bad_batches(measure: Measure, factor: float, steps: Sequence[int]) -> Measure:
    """Return what measures the same, with gradients times a factor, such as NaN, at some steps."""

    def spoilt(step: int, point: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = measure(step, point)
        return (loss, factor * gradient) if step in steps else (loss, gradient)

    return spoilt


# Paths.


def follow(
    stack: str | keras.optimizers.Optimizer,
    measure: Measure | Landscape,
    start: Sequence[float],
    steps: int,
    shapes: Sequence[Sequence[int]] = VECTOR,
    marked: Sequence[int] = (),
    half: bool = False,
) -> Path:
    """Return the path of an optimizer.

    Args:
        stack: The optimizer, or its text.
        measure: What every step sees: a function, or batches of it.
        start: The first weights.
        steps: How many steps there are.
        shapes: Those of the variables that have the two weights.
        marked: Numbers of points to be marked.
        half: Whether gradients are computed in 16 bits, those of the scaled loss.
    """
    optimizer = stepwrap.parse(stack) if isinstance(stack, str) else stack
    measure = exactly(measure) if isinstance(measure, Landscape) else measure
    parts = enumerate(_parts(np.array(start), shapes), start=1)
    variables = [keras.Variable(part, name=f"layer_{number}") for number, part in parts]
    optimizer.build(variables)
    points, averages = [_joined(variables)], [_joined(variables)]
    broke = False
    for step in range(steps):
        loss, gradient = measure(step, points[-1])
        if half:
            gradient = np.float16(gradient * float(optimizer.scale_loss(ops.ones(()))))
        _step(optimizer, variables, shapes, loss, gradient)
        points.append(_joined(variables))
        broke = not np.all(np.abs(points[-1]) < FAR)
        if broke:
            break
        if hasattr(optimizer, "averages_of"):
            averages.append(_joined(optimizer.averages_of(variables)))
    return Path(
        stepwrap.describe(optimizer),
        np.array(points[:-1] if broke else points),
        _each_once(np.array(averages), np.array(points)) if len(averages) > 1 else None,
        broke,
        marked,
    )


def _each_once(averages: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the averages that differ, from the first on; before it the weights are their own."""
    differ = np.any(averages != points[: len(averages)], axis=1)
    averages = averages[max(np.argmax(differ) - 1, 0) :]
    changed = np.any(np.diff(averages, axis=0) != 0, axis=1)
    return averages[np.append(True, changed)]


def _step(
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[Any],
    shapes: Sequence[Sequence[int]],
    loss: float,
    gradient: np.ndarray,
) -> None:
    """Do one step."""
    gradients = [ops.convert_to_tensor(part) for part in _parts(gradient, shapes)]
    if isinstance(optimizer, stepwrap.wrappers.OptimizerWrapper):
        optimizer.apply(gradients, variables, loss=ops.convert_to_tensor(np.float32(loss)))
    elif keras.backend.backend() == "jax":  # where Keras' loss scaler cannot step otherwise
        _stateless_step(optimizer, variables, gradients)
    else:
        optimizer.apply(gradients, variables)


def _stateless_step(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[Any], gradients: Sequence[Any]
) -> None:
    """Do one step by `stateless_apply`."""
    state = [ops.convert_to_tensor(variable) for variable in optimizer.variables]
    weights = [ops.convert_to_tensor(variable) for variable in variables]
    weights, state = optimizer.stateless_apply(state, gradients, weights)
    for variable, value in zip([*variables, *optimizer.variables], [*weights, *state], strict=True):
        variable.assign(value)


def _parts(point: np.ndarray, shapes: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Return the two numbers in as many arrays as there are shapes."""
    parts = np.split(np.asarray(point, "float32"), len(shapes))
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _joined(variables: Sequence[Any]) -> np.ndarray:
    """Return both weights in one array."""
    return np.concatenate([np.ravel(ops.convert_to_numpy(variable)) for variable in variables])
