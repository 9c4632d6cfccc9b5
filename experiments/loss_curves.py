"""The picture of the demo: training loss by epoch, one panel for each base optimizer."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from .curves import INK, draw_band, new_figure, style_epochs

WRAPPED = "#0b6e99"
BARE = "#c2571a"


class Curves(Protocol):
    """Somebody's losses: a row of epochs for each seed."""

    base: str
    wrapped: bool
    losses: np.ndarray


def draw(contestants: Sequence[Curves], path: pathlib.Path) -> None:
    """Draws the mean over the seeds as a line and their range as a band, and saves a PNG."""
    bases = list(dict.fromkeys(contestant.base for contestant in contestants))
    figure = new_figure(9.6, 3.7)
    panels = figure.subplots(1, len(bases), sharey=True, squeeze=False)[0]
    for panel, base in zip(panels, bases, strict=True):
        for contestant in contestants:
            if contestant.base == base:
                _draw_curve(panel, contestant)
        panel.set_title(base, color=INK, fontsize=13, fontweight="bold")
        style_epochs(panel)
        panel.yaxis.set_major_formatter("{x:g}")
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
    draw_band(
        panel,
        np.arange(1, contestant.losses.shape[1] + 1),
        contestant.losses,
        color=WRAPPED if contestant.wrapped else BARE,
        linestyle="solid" if contestant.wrapped else "dashed",
        linewidth=2,
        label="wrapped: NormalizedOptimizer(..., 'l2')" if contestant.wrapped else "bare",
    )
