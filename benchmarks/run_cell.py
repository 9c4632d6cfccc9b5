"""Measures one cell in a process of its own: one backend, size and kind of step.

    python benchmarks/run_cell.py CELL.json RECORDS.json

`bench.py` starts it, with the environment that the cell needs.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time

from cell import Cell


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
