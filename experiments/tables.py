"""Tables of results: for the terminal, in Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import rich.box
import rich.markup
import rich.table

from ..optimizers import catalogue as optimizers

if TYPE_CHECKING:
    from .comparison import Comparison

NAMES = {
    "loss": "training loss",
    "accuracy": "training accuracy",
    "val_loss": "test loss",
    "val_accuracy": "test accuracy",
    "seconds": "seconds per epoch",
}


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column, the names, is aligned left and the others right."""
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    return "".join(f"| {' | '.join(row)} |\n" for row in [columns, rule, *rows])


def terminal(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> rich.table.Table:
    """The same for `rich`; names are broken last where the terminal is narrow."""
    table = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD, title_justify="left")
    longest = max(len(row[0]) for row in rows)
    table.add_column(columns[0], overflow="fold", min_width=min(longest, 28))
    for column in columns[1:]:
        table.add_column(column, justify="right", overflow="fold")
    for row in rows:
        table.add_row(*(rich.markup.escape(cell) for cell in row))
    return table


def coded(row: Sequence[str]) -> list[str]:
    """The row with its first cell, if it is a stack's text, as code in a Markdown table."""
    name, *others = row
    is_stack = name.partition("|")[0].partition("(")[0].strip() in optimizers.names()
    return [f"`{name}`".replace("|", "\\|") if is_stack else name, *others]


def milestones(wanted: Iterable[int], last: int) -> list[int]:
    """Those of the wanted that a run reaches, and its last."""
    return sorted({step for step in wanted if step < last} | {last})


def columns(comparison: Comparison) -> list[str]:
    """The headings of `rows`."""
    return ["optimizer", *(heading(quantity) for quantity in _shown(comparison))]


def rows(comparison: Comparison) -> list[list[str]]:
    """For each optimizer its name and the final results, mean ± standard deviation."""
    return [[name, *_results(comparison, name)] for name in comparison.records]


def _results(comparison: Comparison, name: str) -> list[str]:
    *measured, seconds = _shown(comparison)
    took = comparison.by_epoch(name, seconds)
    took = took[:, 1:] if took.shape[1] > 1 else took  # the first epoch compiles
    speed = "–" if np.isnan(took).all() else f"{np.nanmedian(took):.2g}"
    if divergences := comparison.divergences(name):
        share = f" ({len(divergences)} of {comparison.seeds} seeds)" if comparison.seeds > 1 else ""
        words = f"diverged at step {min(divergences.values()):,}{share}"
        return [words, *("–" for _ in measured[1:]), speed]
    finals = (
        mean_and_deviation(quantity, comparison.final(name, quantity)) for quantity in measured
    )
    return [*finals, speed]


def _shown(comparison: Comparison) -> list[str]:
    measured = [name for name in comparison.quantities if name.startswith("val_")]
    return ["loss", *measured, "seconds"]


def heading(quantity: str) -> str:
    """What a quantity is called."""
    return NAMES.get(quantity, quantity.replace("val_", "test ").replace("_", " "))


def counted(number: int, noun: str) -> str:
    """A number of things, such as "1 seed" or "3 seeds"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def mean_and_deviation(quantity: str, values: np.ndarray) -> str:
    """Over seeds, if there are several; an accuracy in per cent, anything else to three digits."""
    several = len(values) > 1
    if quantity.endswith("accuracy"):
        return f"{100 * values.mean():.1f} %" + (f" ± {100 * values.std():.1f}" if several else "")
    return f"{values.mean():#.3g}" + (f" ± {values.std():.1g}" if several else "")


def as_csv(comparison: Comparison) -> str:
    """A row for each optimizer, seed and epoch."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(by_epoch(comparison))
    return text.getvalue()


def by_epoch(comparison: Comparison) -> Iterator[list[Any]]:
    """The headings, and a row for each optimizer, seed and epoch."""
    quantities = comparison.quantities
    yield ["optimizer", "seed", "epoch", *quantities, "diverged_at_step"]
    for name in comparison.records:
        values = [comparison.by_epoch(name, quantity) for quantity in quantities]
        for seed, record in enumerate(comparison.records[name]):
            for epoch in range(len(record.epochs["seconds"])):
                numbers = [value[seed, epoch] for value in values]
                yield [name, seed, epoch + 1, *numbers, record.diverged_at]


def as_json(comparison: Comparison, about: Mapping) -> str:
    """The settings, and for each optimizer and seed the final results."""
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
