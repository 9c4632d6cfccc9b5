"""Which learning rate for a stack?"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence

import numpy as np
import rich.console

from . import tables
from .comparison import Comparison
from .pictures import Curve, Panel, draw
from .plan import Plan
from .report import caption, show_files, write_results
from .task import Task

PLACEHOLDER = re.compile(r"\bLR\b")


def sweep(
    templates: Sequence[str],
    learning_rates: Sequence[float],
    task: str | Task = "digits-mlp",
    *,
    output: str | os.PathLike = "output/sweep",
    quiet: bool = False,
    **options: object,
) -> Comparison:
    """Trains each stack at several learning rates, and shows which is best.

        sweep(["adam(LR)", "adam(LR) | normalized('std')"], [1e-4, 1e-3, 1e-2], "digits-mlp")

    Args:
        templates: The stacks, with `LR` where the learning rate stands.
        learning_rates: Which.
        task: What is learnt, as in `compare`.
        output: The folder for the results. Default: "output/sweep".
        quiet: Whether to show neither progress nor results. Default: False.
        **options: Those of `compare`: `epochs`, `seeds`, `samples`, `data`, `jobs`, `force`.

    Returns:
        The results of all stacks at all learning rates.

    Raises:
        ValueError: If a template has no `LR`, or there is no learning rate; and as `compare`.
    """
    stacks = _filled(templates, learning_rates)
    plan = Plan(
        [text for texts in stacks.values() for text in texts], task, output=output, **options
    )
    console = rich.console.Console(quiet=quiet)
    comparison = plan.run(console)

    columns, rows = table(comparison, stacks, learning_rates)
    console.print(tables.terminal(caption(comparison, "mean"), columns, rows))
    plan.folder.write("table.md", tables.markdown(columns, map(tables.coded, rows)))
    write_results(comparison, plan.folder)
    panel = Panel(
        curves(comparison, stacks, learning_rates),
        "learning rate",
        "final training loss",
        log_x=True,
        sweep=True,
    )
    draw([panel], caption(comparison), plan.folder.path / "results")
    show_files(plan.folder, console)
    return comparison


def parse_learning_rates(text: str) -> list[float]:
    """The learning rates of "1e-4:1e-1:log7", "0.1:0.5:lin5" or "1e-3,1e-2".

    Raises:
        ValueError: If the text is nothing of these.
    """
    wanted = (
        "Learning rates are written as FROM:TO:logN or FROM:TO:linN, such as 1e-4:1e-1:log7, or "
        f"with commas, such as 1e-3,1e-2. Received: {text!r}"
    )
    spaced = re.fullmatch(r"([^:,]+):([^:,]+):(log|lin)([0-9]{1,3})", text)
    try:
        if spaced is None:
            return _checked([float(part) for part in text.split(",")])
        spacing = np.geomspace if spaced[3] == "log" else np.linspace
        ends = _checked([float(spaced[1]), float(spaced[2])])
        return _checked([float(f"{rate:.4g}") for rate in spacing(*ends, int(spaced[4]))])
    except ValueError as error:
        raise ValueError(f"{wanted}. {error}") from None


def _checked(learning_rates: Sequence[float]) -> list[float]:
    if not learning_rates:
        raise ValueError("There must be at least one learning rate.")
    for rate in learning_rates:
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"A learning rate must be a finite number above 0, not {rate}.")
    return list(dict.fromkeys(learning_rates))


def _filled(templates: Sequence[str], learning_rates: Sequence[float]) -> dict[str, list[str]]:
    """The texts of each template, one for each learning rate."""
    rates = _checked(learning_rates)
    for template in templates:
        if not PLACEHOLDER.search(template):
            raise ValueError(
                f"{template!r} has no `LR`. Write it where the learning rate stands: 'adam(LR)'."
            )
    return {
        template: [PLACEHOLDER.sub(repr(float(rate)), template) for rate in rates]
        for template in templates
    }


def table(
    comparison: Comparison, stacks: dict[str, list[str]], learning_rates: Sequence[float]
) -> tuple[list[str], list[list[str]]]:
    """Columns and rows: final training loss, mean over the seeds, and the best learning rate."""
    rows = []
    for template, texts in stacks.items():
        means = np.array([comparison.final(text, "loss").mean() for text in texts])
        best = "–" if np.isnan(means).all() else f"{learning_rates[int(np.nanargmin(means))]:g}"
        losses = ["diverged" if np.isnan(mean) else f"{mean:#.3g}" for mean in means]
        rows.append([template, best, *losses])
    return ["optimizer", "best", *(f"LR = {rate:g}" for rate in learning_rates)], rows


def curves(
    comparison: Comparison, stacks: dict[str, list[str]], learning_rates: Sequence[float]
) -> list[Curve]:
    """Final training loss by learning rate, for each stack."""
    return [
        Curve(
            template,
            np.array(learning_rates),
            np.stack([comparison.final(text, "loss") for text in texts], axis=1),
        )
        for template, texts in stacks.items()
    ]
