"""Writes what a page says about cost: memory, counted here, and time, from the records."""

from __future__ import annotations

import functools
import importlib.util
import json
import pathlib
import re
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import keras
import numpy as np

import stepwrap

from .entries import Entry

ROOT = pathlib.Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
WHAT = {
    ("step", "S"): "the step alone, 0.27 million weights",
    ("step", "L"): "the step alone, 10 million weights",
    ("train", "S"): "a whole train step, 0.27 million weights",
    ("train", "L"): "a whole train step, 10 million weights",
}
Record = Mapping[str, Any]


def section(entry: Entry) -> str:
    """Return the section of a page, or nothing where nothing is kept and nothing was measured."""
    paragraphs = [text for text in (memory(entry), time(entry)) if text]
    return "## Cost\n\n" + "\n\n".join(paragraphs) + "\n" if paragraphs else ""


def memory(entry: Entry) -> str:
    """Return a sentence on the state that it keeps, in copies of the model."""
    if entry.kind == "wrappers" and entry.name in stepwrap.wrappers.names():
        copies = _catalogue_page().memory(entry.name)
        return f"**Memory.** {_kept(copies)}, beside what the optimizer inside keeps."
    if entry.kind in ("presets", "optimizers"):
        own, adam = _state(entry.name), _state("adam")
        return f"**Memory.** {_kept(own)}; Adam keeps {_copies(adam)}."
    if entry.kind == "normalizers":
        return "**Memory.** A norm keeps nothing."
    return ""


def _kept(copies: float) -> str:
    return f"It keeps {_copies(copies)}" if copies else "It keeps no copy of the model"


def _copies(number: float) -> str:
    return "one copy of the model" if number == 1 else f"{number:g} copies of the model"


def _state(name: str) -> float:
    """Return the size of an optimizer's whole state, in copies of a model of 10,000 weights."""
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(100, use_bias=False)])
    is_in_texts = name in stepwrap.optimizers.names()
    optimizer = stepwrap.parse(name) if is_in_texts else getattr(stepwrap.presets, name)(model, 100)
    optimizer.build(model.trainable_variables)
    return round(sum(np.prod(variable.shape) for variable in optimizer.variables) / 1e4, 2)


@functools.cache
def _catalogue_page() -> ModuleType:
    path = ROOT / "docs" / "catalogue.py"
    spec = importlib.util.spec_from_file_location("catalogue_page", path)
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    return page


def time(entry: Entry) -> str:
    """Return a table of the measured times, for each variant of it that was measured."""
    variants = _variants(entry)
    if not variants:
        return "" if entry.kind == "callbacks" else "**Time.** No benchmark measures it yet."
    return (
        "**Time**, as a ratio to the bare optimizer that is wrapped: the median of the benchmark's "
        f"rounds, processor time of one thread. {_about()}\n\n"
        + "\n\n".join(_table(variant, records) for variant, records in variants.items())
    )


def _about() -> str:
    about = measured()["about"]
    return (
        f"Measured with stepwrap {about['stepwrap']} and Keras {about['keras']} on "
        f"{about['machine']}."
    )


@functools.cache
def measured() -> dict[str, Any]:
    """Return what the benchmark wrote."""
    return json.loads((ROOT / "images" / "bench.json").read_text(encoding="utf-8"))


def _variants(entry: Entry) -> dict[str, list[Record]]:
    """Return the records of the entry's class, by what it was measured with."""
    cls = "NormalizedOptimizer" if (entry.kind, entry.name) == ("normalizers", "l2") else None
    cls = cls or entry.path.rpartition(".")[2]
    found: dict[str, list[Record]] = {}
    for record in measured()["records"]:
        is_time = record["threads"] == "one" and (record["kind"], record["size"]) in WHAT
        if is_time and record["group"] != "peers" and _is_of(cls, record["variant"]):
            found.setdefault(record["variant"], []).append(record)
    return found


def _is_of(cls: str, variant: str) -> bool:
    return bool(cls) and bool(re.fullmatch(rf"{cls}(\(.*\))?", variant))


def _table(variant: str, records: Iterable[Record]) -> str:
    medians = {
        (record["kind"], record["size"], record["mode"]): next(iter(record["ratios"].values()))[1]
        for record in records
    }
    modes = _modes()
    lines = [f"| `{variant}` | {' | '.join(modes.values())} |", "| --- |" + " ---: |" * len(modes)]
    for (kind, size), what in WHAT.items():
        cells = [medians.get((kind, size, mode)) for mode in modes]
        if any(cells):
            shown = ("" if cell is None else f"{cell:.2f}" for cell in cells)
            lines.append(f"| {what} | {' | '.join(shown)} |")
    return "\n".join(lines)


@functools.cache
def _modes() -> dict[str, str]:
    """Return the titles of what was measured on, in the benchmark's own words."""
    sys.path.append(str(BENCHMARKS))
    from modes import MODES

    return {name: mode.title for name, mode in MODES.items()}
