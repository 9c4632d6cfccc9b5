"""The picture of the demo: training loss by epoch, one panel for each base optimizer."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Protocol

import matplotlib.ticker
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WRAPPED = "#0b6e99"
BARE = "#c2571a"
INK = "#333333"


class Curves(Protocol):
    """Somebody's losses: a list of epochs for each seed."""

    base: str
    wrapped: bool
    losses: list[list[float]]


def draw(contestants: Sequence[Curves], path: pathlib.Path) -> None:
    """Draws the mean over the seeds as a line and their range as a band, and saves a PNG."""
    bases = list(dict.fromkeys(contestant.base for contestant in contestants))
    figure = Figure(figsize=(9.6, 3.7), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(bases), sharey=True, squeeze=False)[0]
    for panel, base in zip(panels, bases, strict=True):
        for contestant in contestants:
            if contestant.base == base:
                _draw_curve(panel, contestant)
        panel.set_title(base, color=INK, fontsize=13, fontweight="bold")
        panel.set_xlabel("epoch", color=INK, fontsize=11)
        panel.set_yscale("log")
        panel.grid(which="major", color="#dddddd", linewidth=0.7)
        panel.xaxis.set_major_locator(
            matplotlib.ticker.MaxNLocator(4, steps=[1, 2, 5, 10], integer=True)
        )
        panel.yaxis.set_major_formatter("{x:g}")
        panel.tick_params(which="both", colors=INK, labelsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("training loss", color=INK, fontsize=11)
    seeds = len(contestants[0].losses)
    legend = figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=2,
        frameon=False,
        fontsize=11,
        title=f"Handwritten digits, mean and range over {seeds} seeds, default learning rates",
        title_fontsize=11,
    )
    legend.get_title().set_color(INK)
    figure.savefig(path)


def _draw_curve(panel, contestant: Curves) -> None:  # noqa: ANN001 (matplotlib's axes)
    losses = np.array(contestant.losses)
    epochs = np.arange(1, losses.shape[1] + 1)
    color = WRAPPED if contestant.wrapped else BARE
    panel.fill_between(epochs, losses.min(axis=0), losses.max(axis=0), color=color, alpha=0.2, lw=0)
    panel.plot(
        epochs,
        losses.mean(axis=0),
        color=color,
        linestyle="solid" if contestant.wrapped else "dashed",
        linewidth=2,
        marker="o" if len(epochs) == 1 else None,
        label="wrapped: NormalizedOptimizer(..., 'l2')" if contestant.wrapped else "bare",
    )
