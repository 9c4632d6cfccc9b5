"""The time of a wrapped Adam step as a ratio to the bare one, measured in turn in one process.

    KERAS_BACKEND=tensorflow python benchmarks/adam_step.py [--whole] [--repeats N]

With --whole it is the time of a whole train step, forward and backward pass included: an epoch of
`fit` with batches of 64, divided by its steps.

Variants run in random order within each round; a ratio is taken within its round, so that a
drift of the machine's speed cancels. Printed: the median ratio and its quartiles.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import time
from collections.abc import Callable

import keras
import numpy as np
import rich.console
import rich.table

import stepwrap

BACKEND = keras.backend.backend()
SIZES = {
    "small: 784-300-100-10": [784, 300, 100, 10],
    "deep: 784, 30 of 128, 10": [784, *[128] * 30, 10],
    "large: three of 1826": [1826, 1826, 1826, 1826],
}
VARIANTS = {
    "Adam": lambda: keras.optimizers.Adam(),
    "Adam(clipnorm=1.0)": lambda: keras.optimizers.Adam(clipnorm=1.0),
    "OptimizerWrapper": lambda: stepwrap.OptimizerWrapper(keras.optimizers.Adam()),
    "NormalizedOptimizer": lambda: stepwrap.NormalizedOptimizer(keras.optimizers.Adam()),
    "ClippedOptimizer": lambda: stepwrap.ClippedOptimizer(keras.optimizers.Adam()),
    "L4Wrapper": lambda: stepwrap.L4Wrapper(keras.optimizers.Adam()),
    "L4Adam": stepwrap.L4Adam,
    "L4Mom": stepwrap.L4Mom,
}
BATCH_SIZE, BATCHES = 64, 20


def variables_of(widths: list[int]) -> list[keras.Variable]:
    """The kernels and biases of dense layers of these widths."""
    random = np.random.default_rng(0)
    shapes = [
        shape
        for rows, columns in itertools.pairwise(widths)
        for shape in ((rows, columns), (columns,))
    ]
    return [keras.Variable(random.normal(size=shape).astype("float32")) for shape in shapes]


def fitter(
    optimizer: keras.optimizers.Optimizer, widths: list[int], jit_compile: bool
) -> Callable[[], None]:
    """A function that trains a ReLU network of these widths for an epoch of a few batches."""
    model = keras.Sequential([keras.Input((widths[0],))])
    for width in widths[1:-1]:
        model.add(keras.layers.Dense(width, "relu"))
    model.add(keras.layers.Dense(widths[-1]))
    model.compile(optimizer, loss="mse", jit_compile=jit_compile)
    random = np.random.default_rng(1)
    x, y = (
        random.normal(size=(BATCH_SIZE * BATCHES, width)).astype("float32")
        for width in (widths[0], widths[-1])
    )
    return lambda: model.fit(x, y, batch_size=BATCH_SIZE, shuffle=False, verbose=0)


def stepper(
    optimizer: keras.optimizers.Optimizer, widths: list[int], jit_compile: bool
) -> Callable[[], None]:
    """A function that does one step as Keras' trainers do it, and waits for its end."""
    if isinstance(optimizer, stepwrap.OptimizerWrapper):
        # The loss is a constant here, and is given when the step is traced or run.
        given = {"loss": keras.ops.convert_to_tensor(1.0)}
    else:
        given = {}
    variables = variables_of(widths)
    optimizer.build(variables)
    random = np.random.default_rng(1)
    gradients = [
        keras.ops.convert_to_tensor(random.normal(size=variable.shape).astype("float32"))
        for variable in variables
    ]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        @tf.function(jit_compile=jit_compile)
        def step(gradients):  # noqa: ANN001 (traced tensors)
            optimizer.apply(gradients, variables, **given)

        return lambda: step(gradients)
    if BACKEND == "jax":
        return _jax_stepper(optimizer, variables, gradients, given)
    import torch

    def torch_step() -> None:
        with torch.no_grad():
            optimizer.apply(gradients, variables, **given)

    return torch_step


def _jax_stepper(optimizer, variables, gradients, given) -> Callable[[], None]:  # noqa: ANN001
    import jax

    # Donated buffers are paired with results in order: the same in and out, as in Keras' trainer.
    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def apply(weights, slots, gradients):  # noqa: ANN001 (traced tensors)
        return optimizer.stateless_apply(slots, gradients, weights, **given)

    state = [
        [variable.value for variable in variables],
        [variable.value for variable in optimizer.variables],
    ]

    def step() -> None:
        state[:] = apply(*state, gradients)
        jax.block_until_ready(state)

    return step


def measure(
    variants: dict[str, Callable[[], keras.optimizers.Optimizer]],
    widths: list[int],
    jit_compile: bool,
    repeats: int,
    whole: bool = False,
) -> dict[str, np.ndarray]:
    """Seconds a step: for every variant an array over the rounds."""
    make_runner = fitter if whole else stepper
    steppers = {name: make_runner(make(), widths, jit_compile) for name, make in variants.items()}
    for step in steppers.values():
        for _ in range(2 if whole else 5):
            step()
    calls = 1 if whole else 20 if sum(widths) < 5000 else 4
    steps = BATCHES if whole else calls
    seconds: dict[str, list[float]] = {name: [] for name in steppers}
    random = np.random.default_rng(2)
    for _ in range(repeats):
        for name in random.permutation(list(steppers)):
            start = time.perf_counter()
            for _ in range(calls):
                steppers[name]()
            seconds[name].append((time.perf_counter() - start) / steps)
    return {name: np.array(values) for name, values in seconds.items()}


def main() -> None:
    """Measures and prints one table for each compilation setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=40, help="rounds (default: %(default)s)")
    parser.add_argument("--whole", action="store_true", help="whole train steps, by `fit`")
    options = parser.parse_args()
    console = rich.console.Console(width=110)
    for jit_compile in (False, True) if BACKEND == "tensorflow" else (BACKEND == "jax",):
        table = rich.table.Table(
            title=f"{BACKEND}, {'compiled' if jit_compile else 'not compiled'}: median ratio to "
            f"bare Adam (quartiles), {'whole train step' if options.whole else 'step alone'}"
        )
        table.add_column("optimizer")
        columns = []
        for size, widths in SIZES.items():
            seconds = measure(VARIANTS, widths, jit_compile, options.repeats, options.whole)
            microseconds = 1e6 * np.median(seconds["Adam"])
            table.add_column(f"{size}\nbare: {microseconds:,.0f} µs", justify="right")
            columns.append(seconds)
        for name in VARIANTS:
            quartiles = [
                np.percentile(seconds[name] / seconds["Adam"], (50, 25, 75)) for seconds in columns
            ]
            table.add_row(name, *(f"{q[0]:.2f} ({q[1]:.2f} to {q[2]:.2f})" for q in quartiles))
        console.print(table)


if __name__ == "__main__":
    main()
