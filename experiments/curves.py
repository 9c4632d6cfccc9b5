"""Lines with a band over the seeds, labelled at their ends, and tables in Markdown."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.isotonic import isotonic_regression

INK = "#333333"
# Colour and line styles by class: apart in lightness or style, so that grey prints can be read.
STYLES = {
    "L4Adam": ("#0b3c6f", ("solid", "dashed")),
    "L4Mom": ("#2a8fbd", ("solid", "dashed")),
    "Adam": ("#b8460e", ("dotted", "dashdot", (0, (5, 1, 1, 1, 1, 1)))),
    "SGD": ("#757575", ((0, (1, 1)), (0, (8, 2)))),
}


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column, the names, is aligned left and the others right."""
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    return "".join(f"| {' | '.join(row)} |\n" for row in [columns, rule, *rows])


def milestones(wanted: Iterable[int], last: int) -> list[int]:
    """Those of the wanted that a run reaches, and its last."""
    return sorted({step for step in wanted if step < last} | {last})


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that can be saved without a display."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def style(panel: Axes, xlabel: str) -> None:
    """A logarithmic y axis, with a quiet grid."""
    panel.set_xlabel(xlabel, color=INK, fontsize=11)
    panel.set_yscale("log")
    panel.grid(which="major", color="#dddddd", linewidth=0.7)
    panel.tick_params(which="both", colors=INK, labelsize=10)
    panel.spines[["top", "right"]].set_visible(False)


def style_epochs(panel: Axes) -> None:
    """An x axis of whole epochs."""
    style(panel, "epoch")
    panel.xaxis.set_major_locator(
        matplotlib.ticker.MaxNLocator(4, steps=[1, 2, 5, 10], integer=True)
    )


def draw_band(
    panel: Axes,
    x: np.ndarray,
    values: np.ndarray,
    color: str,
    center: Callable[..., np.ndarray] = np.mean,
    band_alpha: float = 0.2,
    **line: Any,
) -> None:
    """The mean, or another center, over the rows as a line and their range as a band."""
    panel.fill_between(
        x, values.min(axis=0), values.max(axis=0), color=color, alpha=band_alpha, lw=0
    )
    marker = "o" if len(x) == 1 else None
    panel.plot(x, center(values, axis=0), color=color, marker=marker, **line)


def draw_labelled(
    panel: Axes,
    x: np.ndarray,
    values: Mapping[str, np.ndarray],
    center: Callable[..., np.ndarray] = np.mean,
    label_height: float = 0.055,
) -> None:
    """Draws a line for each optimizer, and writes its name where the line ends.

    Args:
        panel: Where.
        x: The horizontal positions.
        values: For each optimizer, by its name in code, a row for each seed.
        center: What of the rows is the line; their range is a band.
        label_height: The least distance of two names, as a share of the panel's height.
    """
    colors = []
    for name, rows in values.items():
        color, linestyles = STYLES[name.partition("(")[0]]
        linestyle = linestyles[colors.count(color)]
        colors.append(color)
        draw_band(panel, x, rows, color, center, 0.12, linestyle=linestyle, linewidth=1.8)
    panel.margins(x=0.02)
    panel.get_ylim()  # settles the scale
    ends = [(x[-1], center(rows[:, -1], axis=0)) for rows in values.values()]
    heights = panel.transLimits.transform(panel.transScale.transform(ends))[:, 1]
    heights = spread(heights, label_height)
    for name, color, end, height in zip(values, colors, ends, heights, strict=True):
        panel.annotate(
            name,
            xy=end,
            xytext=(1.04, height),
            textcoords="axes fraction",
            color=color,
            fontsize=10,
            va="center",
            arrowprops={"arrowstyle": "-", "color": color, "lw": 0.7, "relpos": (0, 0.5)},
        )


def spread(positions: np.ndarray, gap: float) -> np.ndarray:
    """The positions, moved as little as possible until no two are closer than the gap."""
    order = np.argsort(positions)
    ladder = gap * np.arange(len(positions))
    moved = np.empty_like(positions)
    moved[order] = isotonic_regression(positions[order] - ladder) + ladder
    return moved


def draw_epochs(
    values: Mapping[str, np.ndarray], title: str, ylabel: str, path: pathlib.Path
) -> None:
    """Saves a PNG with a line for each optimizer, by epoch."""
    figure = new_figure(9.6, 5.4)
    panel = figure.subplots()
    style_epochs(panel)
    epochs = next(iter(values.values())).shape[1]
    draw_labelled(panel, np.arange(1, epochs + 1), values)
    panel.set_ylabel(ylabel, color=INK, fontsize=11)
    figure.suptitle(title, color=INK, fontsize=11)
    figure.savefig(path)
