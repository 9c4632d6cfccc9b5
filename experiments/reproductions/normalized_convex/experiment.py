"""Normalised gradients on a convex quadratic function, at six learning rates."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from ...comparison import Comparison
from ...pictures import Curve, Panel, Published
from ...report import over_seeds
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length
from .adaptive import AdaptiveNormalizedSGD

LEARNING_RATES = (0.001, 0.005, 0.01, 0.03, 0.05, 0.1)
NORMALIZED_SGD = "sgd(LR, momentum=0.9, nesterov=True) | normalized('std')"
NORMALIZED_ADAM = "adam(LR) | normalized('std')"
ADAPTIVE = "AdaptiveNormalizedSGD(LR)"
MOMENTUM_SGD = "sgd(LR, momentum=0.9)"
STACKS = (NORMALIZED_SGD, NORMALIZED_ADAM, ADAPTIVE, "adam(LR)", "rmsprop(LR)", MOMENTUM_SGD)

# The least value of the published function, which is that of seed 0.
PUBLISHED_MINIMUM = -453.0821
# Its value after 1,000 steps at each learning rate, read off the pictures simple_optm_sgd.png and
# lr_dependency_*.png of keras-normalized-optimizers; two numbers where the curve goes back and
# forth. What is called normalised Adam there was made with another optimizer: see the page.
PUBLISHED: Mapping[str, Sequence[Sequence[float]]] = {
    NORMALIZED_SGD: ((-285,), (-404,), (-406,), (-404,), (-380, -409), (-295, -402)),
    "adam(LR)": ((-8,), (-102,), (-154,), (-256,), (-310,), (-382,)),
    "rmsprop(LR)": ((-36,), (-151,), (-201,), (-243,), (-246,), (-242,)),
}
# The same of another function, that of max-normed-optimizer, whose seed is not known: read off
# opt_cmp1.png and opt_cmp2_lr.png; nothing where a curve does not converge.
ORIGINAL: Mapping[str, Sequence[Sequence[float]]] = {
    ADAPTIVE: ((-662,), (-665,), (-668,), (-670,), (-668,), (-670,)),
    "adam(LR)": ((-27,), (-136,), (-204,), (-385,), (-494,), (-613,)),
    MOMENTUM_SGD: ((-196,), (-397,), (-514,), (-662,), (), ()),
}
# The first run of simple_optimization.ipynb: what it prints at each of these iterations.
FIRST_RUN = "sgd(0.1, momentum=0.9, nesterov=True) | normalized('l2')"
PRINTED = {
    1: 94.4129,
    100: -186.5157,
    199: -248.3905,
    298: -288.8245,
    397: -318.6800,
    496: -341.8467,
    595: -360.2666,
    694: -375.1227,
    793: -387.2202,
    892: -397.1454,
    991: -405.3398,
    1090: -412.1411,
    1189: -417.8142,
    1288: -422.5672,
    1387: -426.5627,
    1486: -429.9427,
}
FIRST_RUN_LENGTH = Length(epochs=15, seeds=1)  # of 100 steps each
SOURCE = "published, read off the picture"
STRETCH = 10  # steps, of which a picture has the lowest and the highest value


@reproduction("normalized-convex")
def normalized_convex(laboratory: Laboratory) -> None:
    """Normalised SGD and Adam on a convex quadratic function, at six learning rates."""
    rates = laboratory.choose(full=LEARNING_RATES, fast=LEARNING_RATES[::2])
    comparison = laboratory.compare(
        "quadratic",
        {at(template, rate): maker(template, rate) for template in STACKS for rate in rates},
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
        "and the published one; the original's is of another function, with a minimum near −670. "
        "Two numbers are what two successive steps go between.",
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
    first_run = laboratory.compare(
        "first-run", [FIRST_RUN], "quadratic", full=FIRST_RUN_LENGTH, fast=FIRST_RUN_LENGTH
    )
    laboratory.table(
        "normalized_convex_first_run",
        f"{function}, the published one of seed 0: value at iterations of the first run, and what "
        "the notebook prints there.",
        ["optimizer", *map(str, PRINTED)],
        first_run_rows(first_run),
    )
    laboratory.picture(
        "normalized_convex_first_run",
        [printed_values(first_run)],
        f"{function}, the published one of seed 0, and what the notebook prints",
    )


def at(template: str, rate: float) -> str:
    """The stack with that learning rate."""
    return template.replace("LR", f"{rate:g}")


def maker(template: str, rate: float) -> str | Callable[[], keras.optimizers.Optimizer]:
    """Return what makes the optimizer with that learning rate: a text, but for the adaptive one."""
    if template == ADAPTIVE:
        return functools.partial(AdaptiveNormalizedSGD, rate)
    return at(template, rate)


def table_rows(comparison: Comparison, rates: Sequence[float]) -> list[list[str]]:
    """For each optimizer: all seeds, seed 0 on the published scale, and what was published."""
    rows = []
    for template in STACKS:
        stacks = [at(template, rate) for rate in rates]
        rows.append([template, *(_all_seeds(comparison, stack) for stack in stacks)])
        rows.append(
            ["seed 0, published scale", *(_first_seed(comparison, stack) for stack in stacks)]
        )
        for source, there in (("published", PUBLISHED), ("original", ORIGINAL)):
            if template in there:
                values = dict(zip(LEARNING_RATES, there[template], strict=True))
                rows.append([source, *(_read_off(values[rate]) for rate in rates)])
    return rows


def _read_off(values: Sequence[float]) -> str:
    if not values:
        return "not converged"
    return "≈ " + "…".join(f"{value:g}".replace("-", "−") for value in values)


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
    steps = comparison.by_step(at(STACKS[0], rate), "loss").shape[1]
    published = [
        Published(template, [steps] * len(values), values, SOURCE)
        for template, by_rate in PUBLISHED.items()
        for values in [by_rate[LEARNING_RATES.index(rate)]]
    ]
    return Panel(curves, "step", "value", f"LR = {rate:g}", log_y=False, published=published)


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
        published=[] if seed else _above_the_minimum(),
    )


def _above_the_minimum() -> list[Published]:
    return [
        Published(
            template,
            [rate for rate, values in zip(LEARNING_RATES, by_rate, strict=True) for _ in values],
            [value - PUBLISHED_MINIMUM for values in by_rate for value in values],
            SOURCE,
        )
        for template, by_rate in PUBLISHED.items()
    ]


def first_run_rows(comparison: Comparison) -> list[list[str]]:
    """Return the values at the iterations of the notebook, and the printed ones."""
    values = comparison.by_step(FIRST_RUN, "loss")[0] + PUBLISHED_MINIMUM
    own = [values[iteration - 1] for iteration in PRINTED]
    return [
        [name, *(f"{value:.4f}".replace("-", "−") for value in numbers)]
        for name, numbers in ((FIRST_RUN, own), ("printed", PRINTED.values()))
    ]


def printed_values(comparison: Comparison) -> Panel:
    """Return the first run with the printed values."""
    values = comparison.by_step(FIRST_RUN, "loss") + PUBLISHED_MINIMUM
    curve = Curve(FIRST_RUN, np.arange(1, values.shape[1] + 1), values)
    printed = Published(FIRST_RUN, list(PRINTED), list(PRINTED.values()), "printed")
    return Panel([curve], "iteration", "value", log_y=False, published=[printed])
