"""Normalised gradients on a convex quadratic function, at six learning rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...comparison import Comparison
from ...pictures import Curve, Panel
from ...report import over_seeds
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length

LEARNING_RATES = (0.001, 0.005, 0.01, 0.03, 0.05, 0.1)
NORMALIZED_SGD = "sgd(LR, momentum=0.9, nesterov=True) | normalized('std')"
NORMALIZED_ADAM = "adam(LR) | normalized('std')"
STACKS = (NORMALIZED_SGD, NORMALIZED_ADAM, "adam(LR)", "rmsprop(LR)", "sgd(LR, momentum=0.9)")

# The least value of the published function, which is that of seed 0.
PUBLISHED_MINIMUM = -453.0821
# Its value after 1,000 steps at each learning rate, read off the published pictures. Curves that
# are called normalised Adam there were made with another optimizer: see the page.
PUBLISHED = {
    NORMALIZED_SGD: ("≈ −285", "≈ −404", "≈ −406", "≈ −404", "≈ −380…−409", "≈ −295…−402"),
    "adam(LR)": ("≈ −8", "≈ −102", "≈ −154", "≈ −256", "≈ −310", "≈ −382"),
    "rmsprop(LR)": ("≈ −36", "≈ −151", "≈ −201", "≈ −243", "≈ −246", "≈ −242"),
}
STRETCH = 10  # steps, of which a picture has the lowest and the highest value


@reproduction("normalized-convex")
def normalized_convex(laboratory: Laboratory) -> None:
    """Normalised SGD and Adam on a convex quadratic function, at six learning rates."""
    rates = laboratory.choose(full=LEARNING_RATES, fast=LEARNING_RATES[::2])
    comparison = laboratory.compare(
        "quadratic",
        [at(template, rate) for template in STACKS for rate in rates],
        "quadratic",
        full=Length(epochs=10),
        fast=Length(epochs=10, seeds=1),
    )
    function = "A convex quadratic function of 100 variables"
    laboratory.table(
        "normalized_convex",
        f"{function}, value above the minimum after 1,000 steps, "
        f"{over_seeds(comparison, 'mean ± standard deviation')}. "
        "Below it, on the published scale, the value for seed 0, which is the published function, "
        "and the published one. Two numbers are what two successive steps go between.",
        ["optimizer", *(f"LR = {rate:g}" for rate in rates)],
        table_rows(comparison, rates),
    )
    laboratory.picture(
        "normalized_convex",
        [convergence(comparison, rate) for rate in rates],
        f"{function}: the published one, which is that of seed 0; range over {STRETCH} steps",
    )
    laboratory.picture(
        "normalized_convex_learning_rates",
        [dependence(comparison, seed, rates) for seed in range(comparison.seeds)],
        f"{function} after 1,000 steps; every seed has another function",
    )


def at(template: str, rate: float) -> str:
    """The stack with that learning rate."""
    return template.replace("LR", f"{rate:g}")


def table_rows(comparison: Comparison, rates: Sequence[float]) -> list[list[str]]:
    """For each optimizer: all seeds, seed 0 on the published scale, and what was published."""
    rows = []
    for template in STACKS:
        stacks = [at(template, rate) for rate in rates]
        rows.append([template, *(_all_seeds(comparison, stack) for stack in stacks)])
        rows.append(
            ["seed 0, published scale", *(_first_seed(comparison, stack) for stack in stacks)]
        )
        if template in PUBLISHED:
            published = dict(zip(LEARNING_RATES, PUBLISHED[template], strict=True))
            rows.append(["published", *(published[rate] for rate in rates)])
    return rows


def _all_seeds(comparison: Comparison, stack: str) -> str:
    if comparison.divergences(stack):
        return "diverged"
    values = comparison.final(stack, "loss")
    return f"{values.mean():.1f}" + (f" ± {values.std():.1f}" if len(values) > 1 else "")


def _first_seed(comparison: Comparison, stack: str) -> str:
    """The value at the last step, and that at the last but one if the two are far apart."""
    if 0 in comparison.divergences(stack):
        return "diverged"
    last = comparison.by_step(stack, "loss")[0, -2:] + PUBLISHED_MINIMUM
    if np.ptp(last) > 2:
        return f"{_signed(last.max())}…{_signed(last.min())}"
    return _signed(last[-1])


def _signed(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")


def convergence(comparison: Comparison, rate: float) -> Panel:
    """The course of all optimizers at one learning rate, on the published function and scale."""
    curves = []
    for template in STACKS:
        stack = at(template, rate)
        values = comparison.by_step(stack, "loss")[0]
        if 0 in comparison.divergences(stack):
            values[values > 2 * values[0]] = np.nan  # so that the others are seen
        starts = np.arange(0, len(values), STRETCH)
        ranges = [reduce.reduceat(values, starts) for reduce in (np.minimum, np.maximum)]
        curves.append(Curve(template, starts + 1, np.stack(ranges) + PUBLISHED_MINIMUM))
    return Panel(curves, "step", "value", f"LR = {rate:g}", log_y=False)


def dependence(comparison: Comparison, seed: int, rates: Sequence[float]) -> Panel:
    """The last value of each optimizer by learning rate, on the function of one seed."""
    curves = []
    for template in STACKS:
        last = [comparison.final(at(template, rate), "loss")[seed] for rate in rates]
        curves.append(Curve(template, np.array(rates), np.array([last])))
    return Panel(
        curves,
        "learning rate",
        "value above the minimum",
        f"Seed {seed}, the published function" if seed == 0 else f"Seed {seed}",
        log_x=True,
        sweep=True,
    )
