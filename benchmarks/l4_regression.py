"""L4 on regression with a badly conditioned linear map, learnt by two linear layers.

    KERAS_BACKEND=tensorflow python benchmarks/l4_regression.py
        [--output DIR] [--iterations N] [--seeds N]

Minimises the mean of ‖W1 W2 x − A x‖² over 1,000 normal x at once, with W1 10×6, W2 6×6 and a
fixed A, in float64, on TensorFlow. Writes a table of the loss and a picture.

The task is Rahimi and Recht's (github.com/benjamin-recht/shallow-linear-net). In their code the
rows of A fall from 1 to a small number; that makes its condition number about 20, however small
the number is. So there is also an A whose singular values fall from 1 to 1e-10, evenly on a
logarithmic scale. Their loss is the sum over the samples: SGD(4e-5) there is SGD(0.04) here. To
Adam and L4, but for their epsilons, the scale of the loss makes no difference.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Callable

import keras
import numpy as np
import rich.console
import tensorflow as tf

import stepwrap
from stepwrap.experiments import command_line, curves, training

SAMPLES, INPUTS, OUTPUTS = 1000, 6, 10
OPTIMIZERS = {
    "L4Adam(fraction=0.25)": lambda: stepwrap.L4Adam(fraction=0.25),
    "L4Mom(fraction=0.25)": lambda: stepwrap.L4Mom(fraction=0.25),
    "Adam(1e-3)": lambda: keras.optimizers.Adam(1e-3),
    "SGD(4e-5)": lambda: keras.optimizers.SGD(4e-5),
    "SGD(0.04)": lambda: keras.optimizers.SGD(0.04),
}
TABLE_ITERATIONS = (100, 1_000, 10_000, 30_000)
DRAWN_POINTS = 150


def falling_rows(random: np.random.Generator) -> np.ndarray:
    """Rahimi and Recht's A, with 1e-10 for their small number."""
    return np.linspace(1, 1e-10, OUTPUTS)[:, None] * random.random((OUTPUTS, INPUTS))


def falling_singular_values(random: np.random.Generator) -> np.ndarray:
    """An A with singular values from 1 to 1e-10."""
    left, _ = np.linalg.qr(random.normal(size=(OUTPUTS, INPUTS)))
    right, _ = np.linalg.qr(random.normal(size=(INPUTS, INPUTS)))
    return left * np.logspace(0, -10, INPUTS) @ right


MATRICES = {
    "rows of A fall to 1e-10, condition number about 20": falling_rows,
    "condition number 1e10": falling_singular_values,
}


def stepper(
    optimizer: keras.optimizers.Optimizer,
    matrix: Callable[[np.random.Generator], np.ndarray],
    seed: int,
) -> Callable[[], tf.Tensor]:
    """A compiled function that makes one step and returns the loss before it."""
    random = np.random.default_rng(seed)
    target = matrix(random)
    x = random.normal(size=(INPUTS, SAMPLES))
    y = target @ x
    first = keras.Variable(random.normal(size=(OUTPUTS, INPUTS)), dtype="float64")
    second = keras.Variable(random.normal(size=(INPUTS, INPUTS)), dtype="float64")
    optimizer.build([first, second])

    @tf.function(jit_compile=True)
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(first @ (second @ x) - y)) / SAMPLES
            scaled_loss = optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, [first.value, second.value])
        optimizer.apply(gradients, [first, second])
        return loss

    return step


def train_all(
    matrix: Callable[[np.random.Generator], np.ndarray],
    iterations: int,
    seeds: int,
    console: rich.console.Console,
) -> dict[str, np.ndarray]:
    """The losses of every optimizer: a row for each seed."""
    losses = {name: np.empty((seeds, iterations)) for name in OPTIMIZERS}
    with training.progress_bar(console) as progress:
        task = progress.add_task("", total=len(OPTIMIZERS) * seeds)
        for name, make in OPTIMIZERS.items():
            for seed in range(seeds):
                progress.update(task, description=f"{name}, seed {seed}")
                step = stepper(make(), matrix, seed)
                losses[name][seed] = [step() for _ in range(iterations)]
                progress.advance(task)
        progress.update(task, description="done")
    return losses


def table(losses: dict[str, np.ndarray], heading: str) -> str:
    """The results on one matrix in Markdown, with a caption."""
    seeds, iterations = next(iter(losses.values())).shape
    shown = curves.milestones(TABLE_ITERATIONS, iterations)
    columns = ["optimizer", *(f"iteration {iteration:,}" for iteration in shown), "lowest"]
    rows = []
    for name, values in losses.items():
        quoted = [values[:, iteration - 1] for iteration in shown] + [values.min(axis=1)]
        rows.append([f"`{name}`", *(f"{np.median(value):.1e}" for value in quoted)])
    return (
        f"Regression on two linear layers, {heading}: loss, the median of {seeds} seeds, and the "
        "lowest of the run.\n\n" + curves.markdown_table(columns, rows)
    )


def draw(losses: dict[str, dict[str, np.ndarray]], path: pathlib.Path) -> None:
    """Saves a PNG with a panel for each matrix: the loss at iterations ever further apart."""
    figure = curves.new_figure(9.6, 7.5)
    panels = figure.subplots(len(losses), sharex=True)
    for panel, (heading, values) in zip(panels, losses.items(), strict=True):
        seeds, iterations = next(iter(values.values())).shape
        drawn = np.unique(np.geomspace(1, iterations, DRAWN_POINTS).round().astype(int))
        curves.style(panel, "iteration")
        panel.set_xscale("log")
        at_drawn = {name: rows[:, drawn - 1] for name, rows in values.items()}
        curves.draw_labelled(panel, drawn, at_drawn, center=np.median, label_height=0.085)
        panel.set_title(heading, color=curves.INK, fontsize=11)
        panel.set_ylabel("loss", color=curves.INK, fontsize=11)
        panel.label_outer()
    figure.suptitle(
        f"Regression on two linear layers, median and range over {seeds} seeds",
        color=curves.INK,
        fontsize=11,
    )
    figure.savefig(path)


def main() -> None:
    """Trains, prints the tables, and writes tables and picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    command_line.add_options(parser, "l4_regression", unit="iterations", length=30_000)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    console = rich.console.Console()

    losses = {}
    for heading, matrix in MATRICES.items():
        console.print(heading)
        losses[heading] = train_all(matrix, options.iterations, options.seeds, console)

    text = "\n".join(table(values, heading) for heading, values in losses.items())
    print(text)
    (options.output / "l4_regression_table.md").write_text(text, encoding="utf-8")
    draw(losses, options.output / "l4_regression_loss.png")


if __name__ == "__main__":
    main()
