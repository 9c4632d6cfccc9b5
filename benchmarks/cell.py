"""Measures one cell in a process of its own: one backend, size and kind of step.

    python benchmarks/cell.py CELL.json RECORDS.json

`bench.py` starts it, with the environment that the cell needs.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """What is measured in one process.

    Args:
        mode: A name in `modes.MODES`.
        size: A name in `workload.SIZES`.
        kind: "step" alone, whole "train" step, or "memory" of the step.
        threads: "one", for CPU time on one processor, or "all", for wall time.
        variants: Patterns of names; "headline" means those that stand for the others.
        rounds: The least and the largest number of rounds.
        seconds: How long it may take, or None.
    """

    mode: str
    size: str
    kind: str
    threads: str = "one"
    variants: Sequence[str] = ("headline",)
    rounds: Sequence[int] = (5, 40)
    seconds: float | None = None

    def __str__(self) -> str:
        return f"{self.mode}, {self.size}, {self.kind}, threads: {self.threads}"


def pin() -> None:
    """Keeps this process on one processor, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main() -> None:
    """Reads the cell, measures, and writes the records."""
    started = time.monotonic()
    cell = Cell(**json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")))
    if cell.threads == "one":
        pin()  # before the backend counts the processors
    import measure
    import memory

    records = memory.records(cell) if cell.kind == "memory" else measure.records(cell, started)
    pathlib.Path(sys.argv[2]).write_text(json.dumps(records), encoding="utf-8")


if __name__ == "__main__":
    main()
