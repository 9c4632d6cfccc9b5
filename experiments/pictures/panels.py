"""What a picture shows: curves in panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .line_styles import base, stages


@dataclass(frozen=True)
class Curve:
    """What one stack did.

    Args:
        name: The stack's text.
        x: The horizontal positions.
        values: A row for each seed. Those that are not finite are not drawn.
        diverged: Whether to say that seeds whose last value is not finite diverged. Default:
            None, for yes where there are any.
    """

    name: str
    x: np.ndarray
    values: np.ndarray
    diverged: bool | None = None

    @property
    def lost(self) -> int:
        """Return how many seeds end in what is not finite."""
        return int(np.sum(~np.isfinite(self.values[:, -1])))

    @property
    def end(self) -> str:
        """Return what to say of its end: "diverged", "1 of 3 diverged", or nothing."""
        if self.diverged is False or not (self.lost or self.diverged):
            return ""
        some = 0 < self.lost < len(self.values)
        return f"{self.lost} of {len(self.values)} diverged" if some else "diverged"


@dataclass(frozen=True)
class Published:
    """Published values of one stack, drawn as points beside our line.

    Args:
        name: The text of the stack whose colour they have; of no curve in the panel: grey.
        x: The horizontal positions.
        y: The published values. Those that are not finite are not drawn.
        source: What the legend says, such as "L4 paper": each source has a marker of its own.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    source: str = "published"


@dataclass(frozen=True)
class Panel:
    """Curves in one frame. Panels of one picture that have the same axes have the same limits.

    Args:
        curves: What is drawn, in colours and with names.
        xlabel: What is on the horizontal axis: "epoch", "step", "learning rate".
        ylabel: What is on the vertical one.
        title: What stands above. Default: nothing.
        log_x: Whether the horizontal axis is logarithmic. Default: False.
        log_y: Whether the vertical one is, if anything is above zero. Default: True.
        sweep: Whether `x` is something chosen, such as the learning rate, rather than time: points
            are marked, and where a seed diverged a cross stands at the upper edge. Default: False.
        background: What is drawn in grey, for comparison. Default: nothing.
        published: Points of the source, with a legend. Default: none.
        limits: What of the vertical axis is shown, lowest and highest. Default: None, for what
            holds every curve that is ordinary.
    """

    curves: Sequence[Curve]
    xlabel: str
    ylabel: str
    title: str = ""
    log_x: bool = False
    log_y: bool = True
    sweep: bool = False
    background: Sequence[Curve] = ()
    published: Sequence[Published] = ()
    limits: tuple[float, float] | None = None

    @property
    def axes(self) -> tuple:
        """Return what makes its axes the same as those of another panel."""
        return self.xlabel, self.ylabel, self.log_x, self.log_y, self.sweep, self.limits


def grouped(panel: Panel, most: int = 9, together: int = 4) -> list[Panel]:
    """Return a panel for each base optimizer, with the other curves behind in grey.

    An optimizer that has only one curve shares a panel with those before or after it.

    Args:
        panel: What to take apart.
        most: How many curves stay in one panel. Default: 9.
        together: How many a panel has otherwise, at most. Default: 4.
    """
    if len(panel.curves) <= most:
        return [panel]
    by_base: dict[str, list[Curve]] = {}
    for curve in panel.curves:
        by_base.setdefault(base(curve.name), []).append(curve)
    groups: list[list[Curve]] = []
    for curves in by_base.values():
        curves.sort(key=lambda curve: len(stages(curve.name)))
        alone = groups and 1 in (len(groups[-1]), len(curves))
        if alone and len(groups[-1]) + len(curves) <= together:
            groups[-1] += curves
        else:
            groups += [curves[i : i + together] for i in range(0, len(curves), together)]
    return [
        replace(
            panel,
            curves=group,
            background=_without(panel.curves, group),
            published=_of(group, panel.published),
        )
        for group in groups
    ]


def _without(curves: Sequence[Curve], group: Sequence[Curve]) -> list[Curve]:
    return [curve for curve in curves if all(curve is not other for other in group)]


def _of(group: Sequence[Curve], published: Sequence[Published]) -> list[Published]:
    names = {curve.name for curve in group}
    return [points for points in published if points.name in names]
