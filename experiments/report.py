"""Results of a run, written to its folder and shown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping

import numpy as np
import rich.console

from . import tables
from .comparison import Comparison, final_rows, headings, rows_by_epoch
from .pictures import Center, Curve, Panel, draw, grouped
from .run_folder import RunFolder

POINTS = 150  # of a curve of single steps
STRETCHES = 60  # whose means are a curve


def report(comparison: Comparison, folder: RunFolder, console: rich.console.Console) -> None:
    """Shows the table of final results; writes it, all results, and the pictures."""
    columns, rows = headings(comparison), final_rows(comparison)
    console.print(tables.Terminal(caption(comparison, "mean ± deviation"), columns, rows))
    folder.write("table.md", tables.markdown(columns, map(tables.coded, rows)))
    write_results(comparison, folder)
    panels = [part for panel in result_panels(comparison) for part in grouped(panel)]
    draw(panels, caption(comparison), folder.path / "results")
    draw(step_panels(comparison), caption(comparison), folder.path / "steps")
    show_files(folder, console)


def write_results(comparison: Comparison, folder: RunFolder) -> None:
    """Writes results.csv, by epoch, and results.json, at the end."""
    folder.write("results.csv", _as_csv(comparison))
    folder.write("results.json", _as_json(comparison, folder.settings))


def _as_csv(comparison: Comparison) -> str:
    """Return a row for each optimizer, seed and epoch."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows_by_epoch(comparison))
    return text.getvalue()


def _as_json(comparison: Comparison, about: Mapping) -> str:
    """Return the settings, and for each optimizer and seed the final results."""
    results = {
        name: [
            {
                **{
                    quantity: _finite(comparison.final(name, quantity)[seed])
                    for quantity in comparison.quantities
                },
                "diverged_at_step": record.diverged_at,
                "stopped": record.stopped,
            }
            for seed, record in enumerate(records)
        ]
        for name, records in comparison.records.items()
    }
    return json.dumps({"settings": about, "results": results}, indent=2) + "\n"


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def show_files(folder: RunFolder, console: rich.console.Console) -> None:
    """Says what is in the folder."""
    names = sorted(path.name for path in folder.path.iterdir())
    console.print(f"In {folder.path}: {', '.join(names)}", soft_wrap=True, highlight=False)


def caption(comparison: Comparison, words: str = "mean and range") -> str:
    """Return what the results are of, and what is shown of the seeds."""
    epochs = tables.counted(comparison.epochs, "epoch")
    return f"{comparison.task}, {epochs}, {over_seeds(comparison, words)}"


def over_seeds(comparison: Comparison, words: str) -> str:
    """Return what is shown of the seeds, if there are several."""
    seeds = tables.counted(comparison.seeds, "seed")
    return seeds if comparison.seeds == 1 else f"{words} over {seeds}"


def result_panels(comparison: Comparison) -> list[Panel]:
    """Return panels of the training loss, and of the first metric of the test data or its loss."""
    if comparison.full_batch:
        panels = [Panel(curves_by_step(comparison, "loss"), "step", "training loss", log_x=True)]
    else:
        panels = [Panel(curves_by_epoch(comparison, "loss"), "epoch", "training loss")]
    measured = [quantity for quantity in comparison.quantities if quantity.startswith("val_")]
    measured.sort(key=lambda quantity: quantity == "val_loss")
    for quantity in measured[:1]:
        curves = curves_by_epoch(comparison, quantity)
        heading = tables.heading(quantity)
        panels.append(Panel(curves, "epoch", heading, log_y=quantity == "val_loss"))
    return panels


def step_panels(comparison: Comparison) -> list[Panel]:
    """Return what the steps were."""
    quantities = {
        "loss": "loss of the batch",
        "learning_rate": "effective learning rate",
        "gradient_norm": "norm of the gradient",
        "step_norm": "norm of the step",
    }
    return [
        Panel(curves_by_step(comparison, quantity), "step", heading, log_x=comparison.full_batch)
        for quantity, heading in quantities.items()
    ]


def curves_by_epoch(comparison: Comparison, quantity: str) -> list[Curve]:
    """Return the course of a quantity for each optimizer."""
    return [
        Curve(
            name,
            np.arange(1, comparison.epochs + 1),
            comparison.by_epoch(name, quantity),
            bool(comparison.divergences(name)),
        )
        for name in comparison.records
    ]


def curves_by_step(comparison: Comparison, quantity: str, mean: Center = np.mean) -> list[Curve]:
    """Return the same by step: means of stretches of equal length.

    If the loss of a single step means something, values of single steps, ever further apart.

    Args:
        comparison: The results.
        quantity: One of those that are recorded of every step.
        mean: What is drawn of the steps of a stretch, such as `geometric_mean`. Default: `np.mean`.
    """
    if not comparison.full_batch:
        return curves_of_stretches(comparison, quantity, mean)
    curves = []
    for name in comparison.records:
        rows = comparison.by_step(name, quantity)
        x = np.unique(np.geomspace(1, rows.shape[1], POINTS).round().astype(int))
        curves.append(Curve(name, x, rows[:, x - 1], bool(comparison.divergences(name))))
    return curves


def curves_of_stretches(
    comparison: Comparison, quantity: str, mean: Center = np.mean, stretches: int = STRETCHES
) -> list[Curve]:
    """Return means of stretches of equal length, whether or not a single step means something.

    Args:
        comparison: The results.
        quantity: One of those that are recorded of every step.
        mean: What is drawn of the steps of a stretch, such as `geometric_mean`. Default: `np.mean`.
        stretches: How many there are, at most. Default: 60.
    """
    curves = []
    for name in comparison.records:
        rows = comparison.by_step(name, quantity)
        parts = np.array_split(np.arange(rows.shape[1]), min(rows.shape[1], stretches))
        x = np.array([part.mean() + 1 for part in parts])
        values = np.stack([mean(rows[:, part], axis=1) for part in parts], axis=1)
        curves.append(Curve(name, x, values, bool(comparison.divergences(name))))
    return curves
