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
INK, GRID, GREY = "#333333", "#e4e4e4", "#8c8c8c"
# Where a mark stands in its row, its colour and its shape: told apart in greyscale, too.
MARKS = {
    ("step", "S"): {"y": -0.24, "color": "#0072b2", "marker": "o"},
    ("step", "L"): {"y": 0.0, "color": "#d55e00", "marker": "s"},
    ("train", "L"): {"y": 0.24, "color": "#009e73", "marker": "^"},
}
MEANINGS = {"step": "step alone", "train": "whole train step"}
LOW, HIGH = 0.5, 4.0  # of the ratio; what is beyond is written at the edge
GROUPS = ("gradients", "steps", "weights", "others", "stacks")
WIDTH, ROW = 11, 0.29  # inches


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
    """The figure that `draw` saves."""
    shown = [
        record
        for record in result["records"]
        if (record["kind"], record["size"]) in MARKS and record["threads"] == "one"
    ]
    rows = _rows(shown)
    modes = [mode for mode in MODES if any(record["mode"] == mode for record in shown)]
    height = ROW * max(len(rows), 4) + 1.5
    figure = Figure(figsize=(WIDTH, height), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(
        "Time of a step as a ratio to the bare optimizer's: median and quartiles",
        x=0.01,
        ha="left",
        color=INK,
        fontsize=13,
    )
    panels = figure.subplots(1, max(len(modes), 1), sharey=True, squeeze=False)[0]
    for axes, mode in zip(panels, modes, strict=False):
        _frame(axes, MODES[mode].title, rows)
        for record in shown:
            if record["mode"] == mode:
                _mark(axes, record, rows)
    figure.legend(
        handles=_legend(),
        loc="outside lower center",
        ncols=4,
        frameon=False,
        labelcolor=INK,
        fontsize=10,
    )
    return figure


def _rows(shown: Sequence[Record]) -> dict[str, int]:
    """The names of the wrappers, with their places from the top, a gap between groups."""
    groups = {r["variant"]: r["group"] for r in shown if r["group"] in GROUPS}
    names = sorted(groups, key=lambda name: GROUPS.index(groups[name]))
    return {name: place + GROUPS.index(groups[name]) for place, name in enumerate(names)}


def _frame(axes: Axes, title: str, rows: Mapping[str, int]) -> None:
    axes.set_title(title, color=INK, fontsize=11, loc="left")
    axes.set_xscale("log")
    axes.set_xlim(LOW, HIGH)
    axes.set_xticks([0.5, 1, 2, 4])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(list(rows.values()), list(rows))
    axes.set_ylim(max(rows.values(), default=0) + 0.7, -0.7)
    axes.tick_params(colors=INK, labelsize=9.5, length=0)
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.axvline(1, color=INK, linewidth=1.1, zorder=1)


def _mark(axes: Axes, record: Record, rows: Mapping[str, int]) -> None:
    """A wrapper in its own row, Keras' own and peers in grey in that of the same formula."""
    place = rows.get(record["variant"], rows.get(record["like"]))
    if place is None:
        return
    style = MARKS[record["kind"], record["size"]]
    y = place + style["y"]
    is_ours = record["variant"] in rows
    color = style["color"] if is_ours else GREY
    low, median, high = next(iter(record["ratios"].values()))
    if is_ours and record["floor"] and record["kind"] == "step":
        axes.plot([record["floor"]] * 2, [place - 0.36, place + 0.12], color=INK, linewidth=1.6)
    if not LOW < median < HIGH:
        if is_ours:
            _at_edge(axes, median, y, color)
        return
    axes.plot([low, high], [y, y], color=color, linewidth=1.2, solid_capstyle="butt")
    axes.plot(
        median,
        y,
        marker=style["marker"],
        color=color,
        markersize=4.2 if is_ours else 3.6,
        markerfacecolor=color if is_ours else "white",
        linestyle="none",
        zorder=4 if is_ours else 3,
    )


def _at_edge(axes: Axes, median: float, y: float, color: str) -> None:
    right = median >= HIGH
    text = f"{median:.0f} ▸" if right else f"◂ {median:.2f}"
    axes.text(
        0.99 if right else 0.01,
        y,
        text,
        transform=axes.get_yaxis_transform(),
        ha="right" if right else "left",
        va="center",
        color=color,
        fontsize=7.5,
    )


def _legend() -> list[Line2D]:
    ours = [
        Line2D([], [], marker=style["marker"], color=style["color"], markersize=6, label=label)
        for style, label in (
            (style, f"{MEANINGS[kind]}, {size}") for (kind, size), style in MARKS.items()
        )
    ]
    peers = [
        Line2D(
            [],
            [],
            marker=style["marker"],
            color=GREY,
            markerfacecolor="white",
            linestyle="none",
            markersize=5,
            label="the same by Keras itself or a peer" if index == 0 else "",
        )
        for index, style in enumerate(MARKS.values())
    ][:1]
    lines = [
        Line2D([], [], color=INK, linewidth=1.1, label="the bare optimizer"),
        Line2D(
            [],
            [],
            color=INK,
            marker="|",
            markersize=9,
            markeredgewidth=1.6,
            linestyle="none",
            label="the floor: bytes moved",
        ),
    ]
    return [*ours, *peers, *lines]
