"""What came of a comparison."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import listed
from . import tables
from .record import Record

# Parts of names of metrics, and whether more is better.
BETTER = {
    **dict.fromkeys(("loss", "error", "crossentropy", "divergence", "hinge", "poisson"), False),
    **dict.fromkeys(("mse", "mae", "rmse", "mape", "msle", "cosh", "perplexity"), False),
    **dict.fromkeys(("accuracy", "acc", "auc", "precision", "recall", "score", "f1", "r2"), True),
    **dict.fromkeys(("sensitivity", "specificity", "similarity", "correlation", "iou"), True),
}


@dataclass(frozen=True, repr=False)
class Comparison:
    """Several optimizers on one task.

    Args:
        task: The task's name.
        epochs: How many epochs there were to train.
        full_batch: Whether the loss of a single step means something, as in `Task`.
        records: By optimizer, a record for each seed.
    """

    task: str
    epochs: int
    full_batch: bool
    records: Mapping[str, Sequence[Record]]

    def __repr__(self) -> str:
        optimizers = tables.counted(len(self.records), "optimizer")
        seeds = tables.counted(self.seeds, "seed")
        epochs = tables.counted(self.epochs, "epoch")
        return f"<Comparison on {self.task}: {optimizers}, {epochs}, {seeds}>"

    @property
    def seeds(self) -> int:
        """Return how many seeds there are."""
        return len(next(iter(self.records.values())))

    @property
    def quantities(self) -> list[str]:
        """Return what was measured by epoch, "loss" first."""
        names = {
            name: None
            for records in self.records.values()
            for one in records
            for name in one.epochs
        }
        return sorted(names, key=lambda name: (name != "loss", name))

    def by_epoch(self, name: str, quantity: str) -> np.ndarray:
        """Seeds × epochs; NaN where training had ended early."""
        rows = np.full((self.seeds, self.epochs), np.nan)
        for row, record in zip(rows, self.records[name], strict=True):
            values = record.epochs.get(quantity, ())
            row[: len(values)] = values
        return rows

    def by_step(self, name: str, quantity: str) -> np.ndarray:
        """Seeds × steps; NaN where training had ended early."""
        most = max(
            len(record.steps[quantity]) for records in self.records.values() for record in records
        )
        rows = np.full((self.seeds, most), np.nan)
        for row, record in zip(rows, self.records[name], strict=True):
            values = record.steps[quantity]
            row[: len(values)] = values
        return rows

    def final(self, name: str, quantity: str) -> np.ndarray:
        """Return for each seed the value at the end; NaN where training diverged."""
        if quantity == "loss" and self.full_batch:
            values = self.by_step(name, "loss")[:, -1]
        else:
            values = self.by_epoch(name, quantity)[:, -1]
        diverged = [record.diverged_at is not None for record in self.records[name]]
        return np.where(diverged, np.nan, values)

    def best(
        self,
        quantity: str | None = None,
        highest: bool | None = None,
        among: Sequence[str] | None = None,
    ) -> str:
        """Return the optimizer with the best mean at the end; one that diverged from any seed is
        none.

        Of equals it is that with the lowest training loss.

        Args:
            quantity: By what. Default: None, for `deciding`: a metric of the test data if there is
                one, else the loss of them, else the training loss.
            highest: Whether more is better. Default: None, for what the quantity's name tells: an
                accuracy is to be high, a loss or an error low.
            among: Which optimizers. Default: None, for all.

        Raises:
            ValueError: If nothing of that name was measured, its name does not tell whether it is
                to be high, or all diverged.
        """
        quantity = quantity or self.deciding
        if quantity not in self.quantities:
            raise ValueError(
                f"`quantity` must be one of {listed(self.quantities)}. Received: {quantity!r}"
            )
        highest = _is_better_high(quantity) if highest is None else highest
        if highest is None:
            raise ValueError(
                f"Whether {quantity!r} is to be high or low is not known. Pass `highest=True` or "
                "`highest=False`."
            )
        means = {name: self.final(name, quantity).mean() for name in among or self.records}
        finite = {name: mean for name, mean in means.items() if np.isfinite(mean)}
        if not finite:
            raise ValueError(f"There is no best: no optimizer reached the end with a {quantity}.")
        sign = 1 if highest else -1
        return max(finite, key=lambda name: (sign * finite[name], -self.final(name, "loss").mean()))

    @property
    def deciding(self) -> str:
        """Return the quantity that tells which optimizer is best, unless another is named."""
        of_test_data = [name for name in self.quantities if name.startswith("val_")]
        of_test_data.sort(key=lambda name: (name.endswith("loss"), name != "val_loss"))
        known = [name for name in of_test_data if _is_better_high(name) is not None]
        return [*known, "loss"][0]

    def table(self) -> str:
        """Return the results at the end, mean ± standard deviation over the seeds, in Markdown."""
        return tables.markdown(headings(self), map(tables.coded, final_rows(self)))

    def to_dataframe(self) -> Any:
        """Return a pandas data frame with a row for each optimizer, seed and epoch, as in
        results.csv.

        Raises:
            ModuleNotFoundError: If pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "`to_dataframe` needs pandas. Run: pip install pandas", name="pandas"
            ) from error
        columns, *rows = rows_by_epoch(self)
        return pandas.DataFrame(rows, columns=columns)

    def divergences(self, name: str) -> dict[int, int]:
        """Return the step at which training diverged, by seed."""
        return {
            seed: record.diverged_at
            for seed, record in enumerate(self.records[name])
            if record.diverged_at is not None
        }


def headings(comparison: Comparison) -> list[str]:
    """Return the headings of `final_rows`."""
    return ["optimizer", *(tables.heading(quantity) for quantity in _shown(comparison))]


def final_rows(comparison: Comparison) -> list[list[str]]:
    """Return for each optimizer its name and the final results, mean ± standard deviation."""
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
        tables.mean_and_deviation(quantity, comparison.final(name, quantity))
        for quantity in measured
    )
    return [*finals, speed]


def _shown(comparison: Comparison) -> list[str]:
    measured = [name for name in comparison.quantities if name.startswith("val_")]
    return ["loss", *measured, "seconds"]


def rows_by_epoch(comparison: Comparison) -> Iterator[list[Any]]:
    """Yield the headings, and a row for each optimizer, seed and epoch."""
    quantities = comparison.quantities
    yield ["optimizer", "seed", "epoch", *quantities, "diverged_at_step"]
    for name in comparison.records:
        values = [comparison.by_epoch(name, quantity) for quantity in quantities]
        for seed, record in enumerate(comparison.records[name]):
            for epoch in range(len(record.epochs["seconds"])):
                numbers = [value[seed, epoch] for value in values]
                yield [name, seed, epoch + 1, *numbers, record.diverged_at]


def _is_better_high(quantity: str) -> bool | None:
    """Return whether more of it is better, as far as its name tells, by its last known part."""
    parts = re.sub("io_u", "iou", quantity.lower()).split("_")
    return next((BETTER[part] for part in reversed(parts) if part in BETTER), None)
