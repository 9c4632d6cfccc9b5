"""Which learning rate for a stack?"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import numpy as np
import rich.console

from ..command.arguments import checked_learning_rates
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

    The best is that of `Comparison.deciding`: a metric of the test data if there is one, else
    their loss, else the training loss. Table and pictures say which. The folder takes more stacks
    and learning rates later, as that of `compare` does.

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
    measured = tables.heading(comparison.deciding)
    title = f"Final {measured}: {caption(comparison, 'mean ± deviation')}"
    console.print(tables.Terminal(title, columns, rows))
    text = tables.markdown(columns, map(tables.coded, rows))
    plan.folder.write("table.md", f"{title}\n\n{text}")
    write_results(comparison, plan.folder)
    panels = [
        panel(comparison, quantity, stacks, learning_rates)
        for quantity in dict.fromkeys([comparison.deciding, "loss"])
    ]
    draw(panels, caption(comparison), plan.folder.path / "results")
    show_files(plan.folder, console)
    return comparison


def _filled(templates: Sequence[str], learning_rates: Sequence[float]) -> dict[str, list[str]]:
    """Return the texts of each template, one for each learning rate."""
    rates = checked_learning_rates(learning_rates)
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
    """Columns and rows: the deciding quantity at the end, and the best learning rate by it."""
    rows = []
    for template, texts in stacks.items():
        try:
            best = f"{learning_rates[texts.index(comparison.best(among=texts))]:g}"
        except ValueError:  # all diverged
            best = "–"
        rows.append([template, best, *(_result(comparison, text) for text in texts)])
    return ["optimizer", "best LR", *(f"LR = {rate:g}" for rate in learning_rates)], rows


def _result(comparison: Comparison, text: str) -> str:
    quantity, diverged = comparison.deciding, len(comparison.divergences(text))
    if not diverged:
        return tables.mean_and_deviation(quantity, comparison.final(text, quantity))
    return "diverged" if diverged == comparison.seeds else f"{diverged}/{comparison.seeds} diverged"


def panel(
    comparison: Comparison,
    quantity: str,
    stacks: dict[str, list[str]],
    learning_rates: Sequence[float],
) -> Panel:
    """Return a quantity at the end by learning rate, a curve for each stack."""
    curves = [
        Curve(
            template,
            np.array(learning_rates),
            np.stack([comparison.final(text, quantity) for text in texts], axis=1),
        )
        for template, texts in stacks.items()
    ]
    heading, is_loss = f"final {tables.heading(quantity)}", quantity.endswith("loss")
    return Panel(curves, "learning rate", heading, log_x=True, log_y=is_loss, sweep=True)
