"""What came of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .record import Record


@dataclass(frozen=True)
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

    @property
    def seeds(self) -> int:
        """How many seeds there are."""
        return len(next(iter(self.records.values())))

    @property
    def quantities(self) -> list[str]:
        """What was measured by epoch, "loss" first."""
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
        """For each seed the value at the end; NaN where training diverged."""
        if quantity == "loss" and self.full_batch:
            values = self.by_step(name, "loss")[:, -1]
        else:
            values = self.by_epoch(name, quantity)[:, -1]
        diverged = [record.diverged_at is not None for record in self.records[name]]
        return np.where(diverged, np.nan, values)

    def divergences(self, name: str) -> dict[int, int]:
        """The step at which training diverged, by seed."""
        return {
            seed: record.diverged_at
            for seed, record in enumerate(self.records[name])
            if record.diverged_at is not None
        }
