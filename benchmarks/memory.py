"""Memory of a step, in copies of the model: the state, and what is needed beside it meanwhile."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable
from typing import Any

import variants
from cell import Cell
from modes import MODES
from steps import Step
from workload import Workload

PROCESS = pathlib.Path("/proc/self")


def records(cell: Cell) -> list[dict[str, Any]]:
    """For every variant its state and its temporary memory, both over those of what it wraps."""
    workload = Workload(cell.size, "step", MODES[cell.mode].compiled)
    known, chosen = variants.known(), variants.chosen(cell.variants)
    wanted = dict.fromkeys(name for variant in chosen for name in (variant.bases[0], variant.name))
    model = 4 * workload.parameters
    found: dict[str, dict[str, Any]] = {}
    for name in wanted:
        variant = known[name]
        step = variant.start(workload)
        state, temporary = step.state_bytes, temporary_bytes(step, variant.cycle)
        del step
        found[name] = {
            "mode": cell.mode,
            "size": cell.size,
            "kind": cell.kind,
            "threads": cell.threads,
            "variant": name,
            "group": variant.group,
            "state": state / model,
            "temporary": None if temporary is None else temporary / model,
        }
    for name, record in found.items():
        base = found[known[name].bases[0]]
        record["state_over_base"] = record["state"] - base["state"]
        both = (record["temporary"], base["temporary"])
        record["temporary_over_base"] = None if None in both else both[0] - both[1]
    return list(found.values())


def temporary_bytes(step: Step, cycle: int) -> int | None:
    """What a step needs beside its state, as the backend says, or as the system has seen.

    None where neither tells: the system's peak can be reset on Linux alone.
    """
    if step.temporary_bytes is not None:
        return step.temporary_bytes()
    try:
        for _ in range(2):
            _run(step.run, cycle)
        before = _status("VmRSS")
        (PROCESS / "clear_refs").write_text("5")  # the peak starts anew
        _run(step.run, cycle)
        return max(0, _status("VmHWM") - before)
    except OSError:
        return None


def _run(function: Callable[[], None], times: int) -> None:
    for _ in range(times):
        function()


def _status(field: str) -> int:
    """Bytes, from what the system knows of this process."""
    [kilobytes] = re.findall(rf"{field}:\s+(\d+) kB", (PROCESS / "status").read_text())
    return 1024 * int(kilobytes)
