"""The records of one cell: times, ratios, and the time of the first call of every variant."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Sequence
from typing import Any

import floor
import numpy as np
import timing
from cell import Cell
from modes import MODES
from variants import BARE_ADAM, Variant, all_variants
from workload import Workload

MEMORY = 4e9  # bytes that the variants measured together may take, about
COPIES = 5  # of the model that a variant takes, with what is temporary


def records(cell: Cell, started: float) -> list[dict[str, Any]]:
    """A record for every variant of the cell.

    Args:
        started: When the cell's time began, as `time.monotonic()` has it.
    """
    workload = Workload(cell.size, cell.kind, MODES[cell.mode].compiled)
    chosen = chosen_variants(cell.variants)
    groups = in_groups(chosen, int(MEMORY / (4 * COPIES * workload.parameters)))
    measured = []
    for index, group in enumerate(groups):
        now, end = time.monotonic(), started + cell.seconds
        deadline = now + (end - now) / (len(groups) - index)
        measured += _of_group(group, workload, cell, deadline)
    return list({record["variant"]: record for record in reversed(measured)}.values())[::-1]


def chosen_variants(patterns: Sequence[str]) -> list[Variant]:
    """The variants whose names match a pattern, in lower case or not; "headline" means those."""
    known = list(all_variants().values())
    chosen = [
        variant
        for variant in known
        if ("headline" in patterns and variant.is_headline)
        or any(fnmatch.fnmatchcase(variant.name.lower(), glob.lower()) for glob in patterns)
    ]
    if not chosen:
        raise ValueError(f"No variant matches {list(patterns)}. Known: {[v.name for v in known]}.")
    return chosen


def in_groups(variants: list[Variant], most: int) -> list[list[Variant]]:
    """Parts of at most so many variants, each with all that its members are compared with."""
    known = all_variants()
    groups = []
    step = max(1, most - 2)
    for start in range(0, len(variants), step):
        part = variants[start : start + step]
        bases = dict.fromkeys(base for variant in part for base in variant.bases)
        names = dict.fromkeys([BARE_ADAM, *bases, *(variant.name for variant in part)])
        groups.append([known[name] for name in names if name in known])
    return groups


def _of_group(
    group: list[Variant], workload: Workload, cell: Cell, deadline: float
) -> list[dict[str, Any]]:
    """What is measured together."""
    running = {variant.name: variant.start(workload).run for variant in group}
    first = {name: timing.first_call(run) for name, run in running.items()}
    running[floor.PASS] = floor.single_pass(workload)
    cycles = {variant.name: variant.cycle for variant in group} | {floor.PASS: 1}
    clock = time.process_time if cell.threads == "one" else time.perf_counter
    seconds = timing.in_turn(running, cycles, clock, cell.rounds, deadline)
    return [
        {
            "mode": cell.mode,
            "size": cell.size,
            "kind": cell.kind,
            "threads": cell.threads,
            "variant": variant.name,
            "group": variant.group,
            "rounds": len(seconds[variant.name]),
            "seconds": timing.quartiles(seconds[variant.name]),
            "first_call_seconds": first[variant.name],
            "ratios": _ratios(variant, seconds),
            "ratio_to_single_pass": timing.paired_ratios(
                seconds[variant.name], seconds[floor.PASS]
            ),
        }
        for variant in group
    ]


def _ratios(variant: Variant, seconds: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """To every base that was measured."""
    return {
        base: timing.paired_ratios(seconds[variant.name], seconds[base])
        for base in variant.bases
        if base in seconds
    }
