"""A line through points by gradient descent at three learning rates, and with L4, without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from ....text import parse
from ...comparison import Comparison
from ...pictures import Panel, Published
from ...report import curves_by_step
from ...tasks.full_batch import steps
from ...tasks.linear_regression import linear_regression, random_instance
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length
from .fitted_lines import Fit, draw_fits

STACKS = ("sgd(0.01)", "sgd(0.1)", "sgd(0.5)", "sgd | l4")
FIRST_STEPS = 10  # whose lines are drawn
STEPS = 100
TABLE_STEPS = (0, 1, 2, 5, 10, 100)
# What the published code gives in NumPy: losses after these steps, slope and intercept at the end.
EXACT: Mapping[str, tuple[Sequence[float], Sequence[float]]] = {
    "sgd(0.01)": ((12.7681, 12.1465, 11.5553, 9.9499, 7.7572, 0.1460), (1.0880, 1.1898)),
    "sgd(0.1)": ((12.7681, 7.2542, 4.1346, 0.8044, 0.1047, 0.0145), (1.7600, 1.1406)),
    "sgd(0.5)": ((12.7681, 0.7980, 0.1036, 0.0441, 0.0270, 0.0099), (1.9928, 1.0227)),
}
# One more than the 100 steps: what is recorded of a step is the loss before it.
LENGTH = Length(epochs=2, seeds=1)


@reproduction("learning-rate-demo")
def learning_rate_demo(laboratory: Laboratory) -> None:
    """A hundred steps on a line through points at three learning rates, and with L4."""
    comparison = laboratory.compare(
        "linear-regression", STACKS, "linear-regression", full=LENGTH, fast=LENGTH
    )
    fits = [Fit(stack, fitted(stack)) for stack in STACKS]
    points = "y = 2x + 1 + noise, 100 points"
    laboratory.table(
        "learning_rate_demo",
        f"{points}: mean squared error after steps, and the line after {STEPS}. Below it, what "
        "follows exactly from the published code.",
        ["optimizer", *(f"loss, step {step}" for step in TABLE_STEPS), "slope", "intercept"],
        table_rows(comparison, fits),
    )
    keras.utils.set_random_seed(0)
    x, y, _ = random_instance()
    draw_fits(
        (x, y),
        fits,
        FIRST_STEPS,
        laboratory.caption(f"{points}: the line after each of {FIRST_STEPS} steps, and after 100"),
        laboratory.output / "learning_rate_demo",
    )
    laboratory.picture(
        "learning_rate_demo_loss",
        [
            Panel(
                curves_by_step(comparison, "loss"),
                "step",
                "mean squared error",
                log_x=True,
                published=exact_points(),
            ),
            Panel(
                curves_by_step(comparison, "learning_rate"),
                "step",
                "effective learning rate",
                log_x=True,
            ),
        ],
        f"{points}: the loss before each step",
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


def table_rows(comparison: Comparison, fits: Sequence[Fit]) -> list[list[str]]:
    """Return for each optimizer losses and the last line, and below it the exact ones."""
    rows = []
    for fit in fits:
        losses = comparison.by_step(fit.name, "loss")[0, list(TABLE_STEPS)]
        rows.append([fit.name, *_written(losses, fit.lines[-1])])
        if fit.name in EXACT:
            rows.append(["published code", *_written(*EXACT[fit.name])])
    return rows


def _written(losses: Sequence[float], line: Sequence[float]) -> list[str]:
    return [f"{number:.4f}" for number in (*losses, *line)]


def exact_points() -> list[Published]:
    """Return the exact losses, each beside the step before which it is recorded."""
    before = np.array(TABLE_STEPS) + 1
    return [
        Published(name, before, losses, "published code") for name, (losses, _) in EXACT.items()
    ]
