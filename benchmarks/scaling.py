"""How the cost of a step grows: with the number of weights, and with the number of variables.

    python benchmarks/scaling.py [--modes jax torch] [--axes variables] [--most 1e7] [--draw]

Writes the records as JSON, a table in Markdown and a picture into a folder; what is measured takes
the place of what was there, the rest stays. Each point is a process of its own, CPU time of one
thread. With everything it takes an hour; the largest models need 8 gigabytes.
"""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import bench
import tables
from cell import Cell
from modes import MODES
from workload import SCALES

LOOKS = {
    "Adam": ("#333333", "o"),
    "NormalizedOptimizer": ("#0072b2", "s"),
    "L4Wrapper": ("#d55e00", "^"),
    "Lookahead": ("#009e73", "D"),
}
VARIANTS = tuple(LOOKS)
AGAIN = "Adam, a second time"
ROUNDS = (3, 7)
# What is drawn and written: of which axis, which seconds, in which unit.
SHOWN = {
    "weights": ("weights", "step", 1e9, "A step, nanoseconds a weight"),
    "variables": ("variables", "step", 1e6, "A step, microseconds a variable"),
    "first": ("variables", "first_step", 1e3, "The first step, milliseconds a variable"),
}
Record = Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what the arguments say, and writes what comes of it."""
    options = _parser().parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "scaling.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    modes = [] if options.draw else [mode for mode in options.modes if bench.is_there(mode)]
    for mode in modes:
        for axis in options.axes:
            for amount, size in SCALES[axis].items():
                if amount > options.most:
                    continue
                new = points(mode, axis, amount, size)
                print(f"{mode}, {amount:,} {axis}: measured", flush=True)
                places = {_place(record) for record in new}
                found = [record for record in found if _place(record) not in places] + new
                write(found, options.output)
    write(found, options.output)
    draw(found, options.output)


def points(mode: str, axis: str, amount: int, size: str) -> list[dict[str, Any]]:
    """Return the records of one place on an axis, from a process of its own.

    The first step of the first optimizer of a process warms the backend up, too: that of the bare
    one is of a second instance.
    """
    measured = bench.measured(Cell(mode, size, "step", "one", (*VARIANTS, AGAIN), ROUNDS))
    first = {record["variant"]: record["first_call_seconds"] for record in measured}
    return [
        {
            "mode": mode,
            "axis": axis,
            "amount": amount,
            "variant": record["variant"],
            "step": record["seconds"][1],
            "first_step": first[AGAIN if record["variant"] == "Adam" else record["variant"]],
            "ratio": record["ratios"]["Adam"],
        }
        for record in measured
        if record["variant"] in VARIANTS
    ]


def _place(record: Record) -> tuple[Any, ...]:
    return tuple(record[key] for key in ("mode", "axis", "amount", "variant"))


def write(found: Sequence[Record], folder: pathlib.Path) -> None:
    """Writes the records and the table."""
    lines = ",\n".join(map(json.dumps, found))
    (folder / "scaling.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    (folder / "scaling_table.md").write_text(table(found), encoding="utf-8")


def draw(found: Sequence[Record], folder: pathlib.Path) -> None:
    """Draws the picture."""
    figure = figure_of(found)
    figure.savefig(folder / "scaling.png")
    with matplotlib.rc_context({"svg.hashsalt": "scaling"}):  # else identifiers would change
        figure.savefig(folder / "scaling.svg", metadata={"Date": None, "Title": "How cost grows"})


def table(found: Sequence[Record]) -> str:
    """Return the cost of one weight or variable, wherever it was measured."""
    parts = []
    for axis, seconds, unit, title in SHOWN.values():
        of_axis = [record for record in found if record["axis"] == axis]
        amounts = sorted({record["amount"] for record in of_axis})
        cells = {_place(record): record for record in of_axis}
        rows = [
            [
                f"`{variant}`, {MODES[mode].title}",
                *(
                    f"{unit * record[seconds] / amount:.3g}" if record else ""
                    for amount in amounts
                    for record in [cells.get((mode, axis, amount, variant))]
                ),
            ]
            for mode, variant in dict.fromkeys((one["mode"], one["variant"]) for one in of_axis)
        ]
        heads = [f"{amount:,} {axis}" for amount in amounts]
        parts.append(f"{title}:\n\n{tables.markdown(['', *heads], rows)}")
    return "\n".join(parts)


def figure_of(found: Sequence[Record]) -> Figure:
    """Return a figure with a row for each mode and a column for each cost.

    Where a line is level, cost is in proportion.
    """
    modes = [mode for mode in MODES if any(record["mode"] == mode for record in found)]
    figure = Figure(figsize=(11.5, 2.6 * max(len(modes), 1) + 0.8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(max(len(modes), 1), len(SHOWN), squeeze=False, sharex="col")
    for row, mode in zip(panels, modes, strict=False):
        for axes, shown in zip(row, SHOWN.values(), strict=True):
            _panel(axes, [record for record in found if record["mode"] == mode], *shown)
        row[0].set_ylabel(MODES[mode].title)
    for axes, (axis, *_, title) in zip(panels[0], SHOWN.values(), strict=True):
        axes.set_title(title, loc="left", fontsize=11)
        panels[-1][list(panels[0]).index(axes)].set_xlabel(axis)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(VARIANTS), frameon=False)
    return figure


def _panel(
    axes: Axes, found: Sequence[Record], axis: str, seconds: str, unit: float, title: str
) -> None:
    axes.set_xscale("log")
    for variant, (color, marker) in LOOKS.items():
        records = [one for one in found if (one["axis"], one["variant"]) == (axis, variant)]
        line = sorted((one["amount"], unit * one[seconds] / one["amount"]) for one in records)
        if line:
            axes.plot(*zip(*line, strict=True), color=color, marker=marker, ms=4, label=variant)
    axes.set_ylim(bottom=0)
    axes.grid(color="#e4e4e4", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--axes", nargs="+", choices=SCALES, default=list(SCALES))
    parser.add_argument("--most", type=float, default=1e9, help="weights or variables")
    parser.add_argument("--draw", action="store_true", help="only table and picture, again")
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("output", "bench"),
        help="folder (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    main()
