"""The times of one cell: ratios to the bare optimizer, and the first call of every variant."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import floor
import timing
import variants
from cell import Cell
from modes import MODES
from variants import BARE_ADAM, Variant
from workload import Workload, workload

MEMORY = 7e9  # bytes that variants measured together may take
COPIES = 4  # of the model that one of them takes, about


def records(cell: Cell, started: float) -> list[dict[str, Any]]:
    """Return a record for every variant of the cell.

    Args:
        started: When the cell's time began, as `time.monotonic()` has it.
    """
    problem = workload(cell.size, cell.kind, MODES[cell.mode].compiled)
    most = int(MEMORY / (4 * COPIES * problem.parameters))
    groups = list(in_groups(variants.chosen(cell.variants), most))
    end = math.inf if cell.seconds is None else started + cell.seconds
    found: dict[str, dict[str, Any]] = {}
    for index, group in enumerate(groups):
        now = time.monotonic()
        deadline = now + (end - now) / (len(groups) - index)
        for record in _of_group(group, problem, cell, deadline):
            found.setdefault(record["variant"], record)
    return list(found.values())


def in_groups(chosen: list[Variant], most: int) -> Iterator[list[Variant]]:
    """Parts of about so many variants at most, each with all that its members are compared with."""
    known = variants.known()
    group: dict[str, Variant] = {}
    for variant in chosen:
        names = [BARE_ADAM, *variant.compared_with, variant.name]
        if group and len(group | dict.fromkeys(names)) > most:
            yield list(group.values())
            group = {}
        group |= {name: known[name] for name in names}
    yield list(group.values())


def _of_group(
    group: list[Variant], workload: Workload, cell: Cell, deadline: float
) -> Iterator[dict[str, Any]]:
    """Yield what is measured together, in one process and in turn."""
    running = {variant.name: variant.start(workload).run for variant in group}
    first = {name: timing.first_call(run) for name, run in running.items()}
    running[floor.PASS] = floor.single_pass(workload)
    cycles = {variant.name: variant.cycle for variant in group} | {floor.PASS: 1}
    clock = time.process_time if cell.threads == "one" else time.perf_counter
    seconds = timing.in_turn(running, cycles, clock, cell.rounds, deadline)
    for variant in group:
        own = seconds[variant.name]
        yield {
            "mode": cell.mode,
            "size": cell.size,
            "kind": cell.kind,
            "threads": cell.threads,
            "variant": variant.name,
            "group": variant.group,
            "like": variant.like,
            "floor": floor.ratio(variant) if cell.kind == "step" else None,
            "rounds": len(own),
            "seconds": timing.quartiles(own),
            "first_call_seconds": float(f"{first[variant.name]:.3g}"),
            "ratios": {
                base: timing.quartiles(own / seconds[base]) for base in variant.compared_with
            },
            "ratio_to_single_pass": timing.quartiles(own / seconds[floor.PASS]),
        }
