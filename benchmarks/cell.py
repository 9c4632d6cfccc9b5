"""Measures one cell of the table, in a process of its own: one backend, size and kind of step.

    python benchmarks/cell.py CELL.json RECORDS.json

`bench.py` starts it, with the environment that the cell needs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cell:
    """What is measured in one process.

    Args:
        mode: A name in `modes.MODES`.
        size: A name in `workload.SIZES`.
        kind: "step", "train", or "memory".
        threads: "one", for CPU time on one processor, or "all", for wall time.
        variants: Patterns of names; "headline" means those that stand for the others.
        seconds: How long it may take.
        rounds: The least and the largest number of rounds.
    """

    mode: str
    size: str
    kind: str
    threads: str = "one"
    variants: Sequence[str] = ("headline",)
    seconds: float = 60
    rounds: Sequence[int] = (5, 40)


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

    records: list[dict[str, Any]] = measure.records(cell, started)
    pathlib.Path(sys.argv[2]).write_text(json.dumps(records), encoding="utf-8")


def as_json(cell: Cell) -> str:
    """What `main` reads."""
    return json.dumps(dataclasses.asdict(cell))


if __name__ == "__main__":
    main()
