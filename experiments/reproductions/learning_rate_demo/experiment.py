"""Ten steps of gradient descent at three learning rates, and with L4, which needs none."""

from __future__ import annotations

import keras

from ....text import parse
from ... import tables
from ...comparison import Comparison
from ...pictures import Panel
from ...report import curves_by_step, over_seeds
from ...tasks.full_batch import steps
from ...tasks.linear_regression import linear_regression, random_points
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length
from .fitted_lines import Fit, draw_fits

STACKS = ("sgd(0.01)", "sgd(0.1)", "sgd(0.5)", "sgd | l4")
STEPS = 10
TABLE_STEPS = (1, 2, 5, 10, 100, 500)


@reproduction("learning-rate-demo")
def learning_rate_demo(laboratory: Laboratory) -> None:
    """Ten steps on a line through points at three learning rates, and with L4."""
    comparison = laboratory.compare(
        "linear-regression",
        STACKS,
        "linear-regression",
        full=Length(epochs=10),
        fast=Length(epochs=6, seeds=1),
    )
    points = "y = 2x + 1 + noise, 100 points"
    laboratory.table(
        "learning_rate_demo",
        f"{points}: mean squared error, {over_seeds(comparison, 'mean ± standard deviation')}.",
        ["optimizer", *(f"step {step}" for step in TABLE_STEPS)],
        table_rows(comparison),
    )
    keras.utils.set_random_seed(0)
    draw_fits(
        random_points(),
        [Fit(stack, fitted(stack)) for stack in STACKS],
        laboratory.caption(f"{points}: the line after each of {STEPS} steps"),
        laboratory.output / "learning_rate_demo",
    )
    laboratory.picture(
        "learning_rate_demo_loss",
        [
            Panel(curves_by_step(comparison, "loss"), "step", "mean squared error", log_x=True),
            Panel(
                curves_by_step(comparison, "learning_rate"),
                "step",
                "effective learning rate",
                log_x=True,
            ),
        ],
        f"{points}, {over_seeds(comparison, 'mean and range')}",
    )


def fitted(stack: str) -> list[tuple[float, float]]:
    """(slope, intercept) after each step, from seed 0."""
    keras.utils.set_random_seed(0)
    optimizer = parse(stack)
    keras.utils.set_random_seed(0)  # again: wrappers may have drawn seeds
    model = linear_regression().model(optimizer)
    reader = WeightReader()
    model.fit(*steps(1), epochs=STEPS, callbacks=[reader], verbose=0)
    return reader.weights


class WeightReader(keras.callbacks.Callback):
    """Reads slope and intercept after every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[tuple[float, float]] = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Reads them."""
        slope, intercept = map(float, self.model.get_weights())
        self.weights.append((slope, intercept))


def table_rows(comparison: Comparison) -> list[list[str]]:
    """For each optimizer the loss after some of the steps."""
    at = list(TABLE_STEPS)  # what is recorded of a step is the loss before it
    rows = []
    for name in comparison.records:
        losses = comparison.by_step(name, "loss")[:, at]
        rows.append([name, *(tables.mean_and_deviation("loss", column) for column in losses.T)])
    return rows
