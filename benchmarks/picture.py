"""The ratios as a picture: a row for each wrapper, a panel for each mode."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from modes import MODES

Record = Mapping[str, Any]
INK, GRID, BAND, GREY = "#333333", "#e4e4e4", "#f5f5f5", "#8a8a8a"
# From the top of a row to its bottom; colour and shape, to be told apart in greyscale, too.
LOOKS = {
    ("step", "S"): ("#0072b2", "o"),
    ("step", "L"): ("#d55e00", "s"),
    ("train", "L"): ("#009e73", "^"),
}
MEANINGS = {"step": "step alone", "train": "whole train step"}
SIZES = {"S": "0.27 million weights", "L": "10 million weights"}
GROUPS = {
    "gradients": "of gradients",
    "steps": "of steps",
    "weights": "of weights",
    "others": "others",
    "stacks": "stacks",
}
LOW, HIGH = 0.34, 4.6  # of the ratio; what is beyond is written at the edge
WIDTH, ROW = 11.5, 0.31  # inches
LANE, GAP = 0.27, 0.35  # rows


def draw(result: Mapping[str, Any], path: pathlib.Path) -> list[pathlib.Path]:
    """Draws and saves a picture.

    Args:
        result: What `bench.py` has measured.
        path: Where the picture goes, without a suffix.

    Returns:
        The files: path.png and path.svg.
    """
    figure = figure_of(result)
    png, svg = (path.with_name(path.name + suffix) for suffix in (".png", ".svg"))
    figure.savefig(png)
    with matplotlib.rc_context({"svg.hashsalt": "bench"}):  # else every file has other identifiers
        figure.savefig(svg, metadata={"Date": None, "Title": "What wrapping costs"})
    return [png, svg]


def figure_of(result: Mapping[str, Any]) -> Figure:
    """Return the figure that `draw` saves."""
    shown = [
        record
        for record in result["records"]
        if (record["kind"], record["size"]) in LOOKS and record["threads"] == "one"
    ]
    found = {(record["kind"], record["size"]) for record in shown}
    lanes = [place for place in LOOKS if place in found]
    rows = _rows(shown)
    modes = [mode for mode in MODES if any(record["mode"] == mode for record in shown)]
    figure = Figure(
        figsize=(WIDTH, ROW * max(rows.values(), default=4) + 2), dpi=130, layout="constrained"
    )
    figure.get_layout_engine().set(wspace=0.02)
    FigureCanvasAgg(figure)
    figure.suptitle(
        "Time of a step with a wrapper, as a ratio to the bare optimizer's: median, quartiles",
        x=0.01,
        ha="left",
        color=INK,
        fontsize=14,
    )
    panels = figure.subplots(1, max(len(modes), 1), sharey=True, squeeze=False)[0]
    for axes, mode in zip(panels, modes, strict=False):
        _frame(axes, MODES[mode].title, rows)
        for record in shown:
            if record["mode"] == mode:
                _mark(axes, record, rows, lanes)
    figure.legend(
        handles=_legend(lanes),
        loc="outside lower left",
        ncols=3,
        frameon=False,
        labelcolor=INK,
        fontsize=11,
    )
    return figure


def _rows(shown: Sequence[Record]) -> dict[str, float]:
    """Return the names of the wrappers with their places from the top, a gap between groups."""
    groups = {r["variant"]: r["group"] for r in shown if r["group"] in GROUPS}
    order = list(GROUPS)
    names = sorted(groups, key=lambda name: (order.index(groups[name]), name))
    gaps = {group: GAP * index for index, group in enumerate(dict.fromkeys(map(groups.get, names)))}
    return {name: place + gaps[groups[name]] for place, name in enumerate(names)}


def _frame(axes: Axes, title: str, rows: Mapping[str, float]) -> None:
    axes.set_title(title, color=INK, fontsize=12, loc="left")
    axes.set_xscale("log")
    axes.set_xlim(LOW, HIGH)
    axes.set_xticks([0.5, 1, 1.5, 2, 3, 4])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(list(rows.values()), list(rows))
    axes.set_ylim(max(rows.values(), default=0) + 0.6, -0.6)
    axes.tick_params(colors=INK, labelsize=10.5, length=0)
    axes.grid(axis="x", color=GRID, linewidth=0.7)
    for place in rows.values():
        axes.axhspan(place - 0.46, place + 0.46, color=BAND, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.axvline(1, color=INK, linewidth=1.2, zorder=1)


def _mark(
    axes: Axes, record: Record, rows: Mapping[str, float], lanes: Sequence[tuple[str, str]]
) -> None:
    """Marks a wrapper in its own row, others in grey in that of the wrapper like them."""
    is_ours = record["variant"] in rows
    row = rows.get(record["variant"] if is_ours else record["like"])
    if row is None:
        return
    place = (record["kind"], record["size"])
    y = row + LANE * (lanes.index(place) - (len(lanes) - 1) / 2)
    color, marker = LOOKS[place]
    color = color if is_ours else GREY
    if is_ours and record["floor"]:
        axes.plot([record["floor"]] * 2, [y - 0.19, y + 0.19], color=INK, linewidth=2, zorder=2)
    low, median, high = next(iter(record["ratios"].values()))
    if LOW < median < HIGH:
        axes.plot([low, high], [y, y], color=color, linewidth=1.4, solid_capstyle="butt", zorder=3)
        axes.plot(
            median,
            y,
            marker=marker,
            color=color,
            markersize=5 if is_ours else 4.2,
            markerfacecolor="white" if record["group"] == "keras" else color,
            zorder=4 if is_ours else 3,
        )
    elif is_ours:
        _at_edge(axes, median, y, color)


def _at_edge(axes: Axes, median: float, y: float, color: str) -> None:
    right = median >= HIGH
    axes.text(
        0.995 if right else 0.005,
        y,
        f"{median:.3g} ▸" if right else f"◂ {median:.2f}",
        transform=axes.get_yaxis_transform(),
        ha="right" if right else "left",
        va="center_baseline",
        color=color,
        fontsize=7,
    )


def _legend(lanes: Sequence[tuple[str, str]]) -> list[Line2D]:
    def mark(label: str, color: str, marker: str, **look: Any) -> Line2D:
        return Line2D([], [], color=color, marker=marker, markersize=6.5, label=label, **look)

    ours = [
        mark(f"{MEANINGS[kind]}, {SIZES[size]}", *LOOKS[kind, size], linewidth=1.6)
        for kind, size in lanes
    ]
    return [
        *ours,
        mark("the same by Keras itself", GREY, "o", markerfacecolor="white", linewidth=1.6),
        mark("the same by a peer", GREY, "o", linewidth=1.6),
        mark("floor: bytes moved at least", INK, "|", markeredgewidth=2, linestyle="none"),
    ]
