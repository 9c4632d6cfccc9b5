"""Memory of a step, in copies of the model: the state, and what is needed beside it meanwhile."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import keras

import variants
from cell import Cell
from modes import MODES
from steps import Step
from workload import Workload

PROCESS = pathlib.Path("/proc/self")


def records(cell: Cell) -> list[dict[str, Any]]:
    """Return each variant's state and temporary memory, both over those of what it wraps."""
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
            "state": round(state / model, 4),
            "temporary": None if temporary is None else round(temporary / model, 4),
        }
    for name, record in found.items():
        base = found[known[name].bases[0]]
        record["state_over_base"] = round(record["state"] - base["state"], 4)
        known_both = None not in (record["temporary"], base["temporary"])
        over = round(record["temporary"] - base["temporary"], 4) if known_both else None
        record["temporary_over_base"] = over
        record["peak_ratio"] = round(peak(record) / peak(base), 4) if known_both else None
    return list(found.values())


def peak(record: Mapping[str, Any]) -> float:
    """Return all that is there at the peak of a step: weights and gradients, too."""
    return 2 + record["state"] + record["temporary"]


def temporary_bytes(step: Step, cycle: int) -> int | None:
    """Return what a step needs beside its state: as the backend says, or as the system has seen.

    None where neither tells: the system's peak can be reset on Linux alone.
    """
    if step.compiled_bytes is not None:
        return step.compiled_bytes()
    for _ in range(2 * cycle):
        step.run()
    peak = {"tensorflow": _tensorflow_peak, "torch": _process_peak}[keras.backend.backend()]
    return peak(lambda: [step.run() for _ in range(cycle)])


def _tensorflow_peak(run: Callable[[], Any]) -> int:
    """Return the peak by the allocator's own count, for it keeps what is freed from the system."""
    import tensorflow as tf

    memory = tf.config.experimental
    before = memory.get_memory_info("CPU:0")["current"]
    memory.reset_memory_stats("CPU:0")
    run()
    return memory.get_memory_info("CPU:0")["peak"] - before


def _process_peak(run: Callable[[], Any]) -> int | None:
    try:
        before = _status("VmRSS")
        (PROCESS / "clear_refs").write_text("5")  # the peak starts anew
    except OSError:
        return None
    run()
    return max(0, _status("VmHWM") - before)


def _status(field: str) -> int:
    """Bytes, from what the system knows of this process."""
    [kilobytes] = re.findall(rf"{field}:\s+(\d+) kB", (PROCESS / "status").read_text())
    return 1024 * int(kilobytes)
