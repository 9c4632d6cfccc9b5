"""What the pictures look like: a sentence, one or two panels with paths on contours, and a key.

Sizes are chosen for a page on which a picture is 700 pixels wide. The background is white, so that
a picture can be read on a dark page, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path

from functions import Landscape
from paths import Path

# Told apart by colour-blind readers, and dark enough on white.
BARE, WRAPPED, THIRD, FOURTH = "#c65100", "#0068a8", "#00755a", "#7a3e9d"
COLORS = (BARE, WRAPPED, THIRD)
COLORS_OF_BARE = (BARE, THIRD, FOURTH)
INK, GRID, FAINT = "#333333", "#e4e4e4", "#8a8a8a"
LOW, HIGH, CONTOUR = "#d9e0e6", "#ffffff", "#b4bec7"

WIDTH, DPI = 7.3, 96  # inches, of which a browser makes 700 pixels
SIZE = 10  # points, of all text but the sentence
SENTENCE_SIZE = 11.5
PANEL = 3.2  # inches: how wide one of two panels is, and the height of one that stands alone
HEIGHTS = (1.9, 3.2)  # inches: the least and the most
TEXT_WIDTHS = {1: 480, 2: 236}  # points, above one of so many panels
CONTOURS = 12
GRID_POINTS = 58
MOST_DOTS = 130  # in a panel with a dot for every step
IN_A_ROW = 5  # entries of the key


# Whole pictures.


def side_by_side(
    sentence: str,
    landscape: Landscape,
    left: Path | Sequence[Path],
    right: Path | Sequence[Path],
    marked: str = "",
    labels: tuple[str, str] | None = None,
    extra: Sequence[Line2D] = (),
) -> Figure:
    """Return a picture with the inner optimizer at the left and the wrapped one at the right.

    Args:
        sentence: Says what is to be seen.
        landscape: The function.
        left: The path in the left panel, or several.
        right: The path in the right panel, or several.
        marked: What the marked points of paths are, for the key.
        labels: What the two weights are, where that matters.
        extra: More entries of the key.
    """
    sides = [[side] if isinstance(side, Path) else list(side) for side in (left, right)]
    figure, panels = blank(sentence, 2)
    for axes, paths, color in zip(panels, sides, (BARE, WRAPPED), strict=True):
        draw_contours(axes, landscape)
        several = _are_several(paths)
        colors = [color] * len(paths)
        if several:
            colors = COLORS if all(map(_are_several, sides)) else COLORS_OF_BARE
        draw_paths(axes, paths, colors)
        if several:
            write_texts(axes, paths, colors, TEXT_WIDTHS[2])
        else:
            text = stage_lines(paths[0].text, TEXT_WIDTHS[2])
            axes.set_title(text, color=color, fontsize=SIZE)
        if labels:
            axes.set_xlabel(labels[0], color=INK, fontsize=SIZE)
    panels[1].tick_params(labelleft=False)
    if labels:
        panels[0].set_ylabel(labels[1], color=INK, fontsize=SIZE)
    add_key(figure, landscape, sides[0] + sides[1], marked, extra)
    make_room(figure, _height(landscape))
    return figure


def on_one(
    sentence: str, landscape: Landscape, paths: Sequence[Path], extra: Sequence[Line2D] = ()
) -> Figure:
    """Return a picture with all paths on the same axes; see `side_by_side`.

    A single path is taken for that of a wrapped optimizer.
    """
    figure, [axes] = blank(sentence, 1)
    colors = [WRAPPED] if len(paths) == 1 else COLORS
    draw_contours(axes, landscape)
    draw_paths(axes, paths, colors)
    if len(paths) == 1:
        text = stage_lines(paths[0].text, TEXT_WIDTHS[1])
        axes.set_title(text, color=WRAPPED, fontsize=SIZE)
    else:
        write_texts(axes, paths, colors, TEXT_WIDTHS[1])
    add_key(figure, landscape, paths, extra=extra)
    make_room(figure, PANEL)
    return figure


def blank(
    sentence: str, panels: int, rows: int = 1, height: float = PANEL
) -> tuple[Figure, list[Axes]]:
    """Return a figure with its sentence, and its empty panels of this height in inches."""
    figure = Figure(figsize=(WIDTH, (height + 0.7) * rows + 0.6), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.set_facecolor("white")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.09)
    bold = FontProperties(size=SENTENCE_SIZE, weight="bold")
    text = lines(sentence.split(" "), " ", WIDTH * 72 - 20, bold)
    figure.suptitle(text, x=0.015, ha="left", color=INK, fontproperties=bold)
    grid = figure.subplots(rows, panels // rows, squeeze=False).ravel()
    for axes in grid:
        axes.tick_params(colors=INK, labelsize=SIZE - 1)
        axes.spines[:].set_color(CONTOUR)
    return figure, list(grid)


def sentence_of(figure: Figure) -> str:
    """Return what stands above the picture, in one line."""
    return figure.get_suptitle().replace("\n", " ")


def _are_several(paths: Sequence[Path]) -> bool:
    """Return whether these are paths of several optimizers."""
    return len({path.text for path in paths}) > 1


def _height(landscape: Landscape) -> float:
    """Return how high one of two panels should be, so that no room is wasted."""
    if not landscape.equal:
        return PANEL - 0.4
    across, upward = (np.ptp(span) for span in (landscape.across, landscape.upward))
    return float(np.clip(PANEL * upward / across, *HEIGHTS))


# What is in a panel.


def draw_contours(axes: Axes, landscape: Landscape) -> None:
    """Draw the function: the lower, the darker."""
    x, y = (np.linspace(*span, GRID_POINTS) for span in (landscape.across, landscape.upward))
    values = landscape.value(*np.meshgrid(x, y))
    heights = (values - values.min()) ** landscape.power
    levels = np.linspace(0, heights.max(), CONTOURS + 1)
    shades = LinearSegmentedColormap.from_list("shades", [LOW, HIGH])
    axes.contourf(x, y, heights, levels[::3], cmap=shades)
    axes.contour(x, y, heights, levels, colors=CONTOUR, linewidths=0.6)
    axes.set_xlim(*landscape.across)
    axes.set_ylim(*landscape.upward)
    axes.locator_params(nbins=5)
    if landscape.equal:
        axes.set_aspect("equal")
    for minimum in landscape.minima:
        axes.plot(*minimum, "+", color=INK, markersize=11, markeredgewidth=1.6, zorder=5)


def draw_paths(axes: Axes, paths: Sequence[Path], colors: Sequence[str]) -> None:
    """Draw paths with a dot for every step, if these are not too many, and their averages.

    Of several that go the same way, the first are drawn broader, so that all can be seen.
    """
    dots = sum(len(path.points) for path in paths)
    for number, (path, color) in enumerate(zip(paths, colors, strict=False)):
        alike = sum(_go_the_same_way(path, other) for other in paths[number + 1 :])
        _draw_path(axes, path, color, 1.7 + 2.6 * alike, "o" if dots <= MOST_DOTS else "")


def _go_the_same_way(path: Path, other: Path) -> bool:
    same_length = len(path.points) == len(other.points)
    return same_length and np.allclose(path.points, other.points, atol=0.02)


def _draw_path(axes: Axes, path: Path, color: str, breadth: float, marker: str) -> None:
    if path.averages is not None:
        axes.plot(*path.points.T, color=FAINT, linewidth=1, zorder=4)
        dots = {"marker": "o", "markersize": 4, "markeredgewidth": 0}
        axes.plot(*path.averages.T, color=color, linewidth=breadth, zorder=5, **dots)
        end = path.averages[-1]
    else:
        dots = {"marker": marker, "markersize": 3 + breadth / 2, "markeredgewidth": 0}
        axes.plot(*path.points.T, color=color, linewidth=breadth, zorder=4, **dots)
        end = path.points[-1]
    for number in path.marked:
        axes.plot(*path.points[number], "*", color=INK, markersize=12, zorder=6)
    start = {"markerfacecolor": "white", "markeredgewidth": 1.4, "markersize": 10}
    axes.plot(*path.points[0], "o", color=INK, zorder=6, **start)
    if path.broke:
        axes.plot(*end, "x", color=color, markersize=11, markeredgewidth=2.8, zorder=7)
    else:
        axes.plot(*end, "D", color=color, markersize=7, markeredgecolor="white", zorder=7)


def write_texts(axes: Axes, paths: Sequence[Path], colors: Sequence[str], width: float) -> None:
    """Write the stacks of several paths above the axes, in lines of this width in points."""
    lines_above = [
        (line, color)
        for path, color in zip(paths, colors, strict=False)
        for line in _with_mark(stage_lines(path.text, width - 13))
    ]
    axes.set_title("\n".join("\u00a0" for _ in lines_above), fontsize=SIZE)  # keeps room free
    for height, (line, color) in enumerate(reversed(lines_above)):
        axes.annotate(
            line,
            (0, 1),
            (0, 6 + 1.2 * SIZE * height),
            xycoords="axes fraction",
            textcoords="offset points",
            color=color,
            fontsize=SIZE,
            annotation_clip=False,
        ).set_in_layout(False)


def _with_mark(text: str) -> list[str]:
    """Return the lines of a text with the mark of a path's end before the first."""
    first, *others = text.split("\n")
    return [f"◆ {first}", *(f"\u2003{line}" for line in others)]


# Below the panels.


def line_of(color: str, label: str, **look: object) -> Line2D:
    """Return an entry of the key for a line."""
    return Line2D([], [], color=color, label=label, **{"linewidth": 1.8, **look})


def mark_of(sign: str, label: str, **look: object) -> Line2D:
    """Return an entry of the key for a mark."""
    return Line2D([], [], linestyle="", marker=sign, label=label, **{"color": INK, **look})


AVERAGED = (line_of(FAINT, "weights", linewidth=1), line_of(WRAPPED, "their average"))
SLOW = (line_of(FAINT, "weights", linewidth=1), line_of(WRAPPED, "slow weights"))


def add_key(
    figure: Figure,
    landscape: Landscape,
    paths: Sequence[Path],
    marked: str = "",
    extra: Sequence[Line2D] = (),
) -> None:
    """Write below the picture what its marks are."""
    entries = [mark_of("o", "start", markerfacecolor="white", markersize=8)]
    entries.append(mark_of("D", "end", markersize=6))
    if any(path.broke and _is_shown(path.points[-1], landscape) for path in paths):
        entries.append(mark_of("x", "NaN from here", markersize=9, markeredgewidth=2.4))
    if landscape.minima:
        plural = "minima" if len(landscape.minima) > 1 else "minimum"
        entries.append(mark_of("+", plural, markersize=10, markeredgewidth=1.6))
    if marked:
        entries.append(mark_of("*", marked, markersize=10))
    entries += extra
    shade = {"color": LOW, "markeredgecolor": CONTOUR, "markersize": 9}
    entries.append(mark_of("s", "darker: lower loss", **shade))
    rows = -(-len(entries) // IN_A_ROW)
    figure.legend(
        handles=entries,
        loc="outside lower center",
        ncols=-(-len(entries) // rows),
        frameon=False,
        fontsize=SIZE,
        labelcolor=INK,
        handletextpad=0.5,
        columnspacing=1.8,
    )


def make_room(figure: Figure, height: float) -> None:
    """Make the figure as high as it must be with a row of panels of this height, in inches."""
    line = 1.25 * SIZE / 72
    above = max(axes.get_title().count("\n") + 1 for axes in figure.axes)
    labelled = any(axes.get_xlabel() for axes in figure.axes)
    [key] = figure.legends
    rows = -(-len(key.get_texts()) // IN_A_ROW)
    sentence = figure.get_suptitle().count("\n") + 1
    figure.set_figheight(height + line * (1.2 * sentence + above + labelled + 1.3 * rows) + 0.65)


def _is_shown(point: np.ndarray, landscape: Landscape) -> bool:
    spans = landscape.across, landscape.upward
    return all(low <= one <= high for one, (low, high) in zip(point, spans, strict=True))


# Text in lines.


def stage_lines(text: str, width: float) -> str:
    """Return a stack's text in lines of this width, in points, broken before stages if it can be.

    A stage that is too long is broken between its arguments, and before the first if it must be.
    """
    font = FontProperties(size=SIZE)
    first, *others = text.split(" | ")
    stages = [first, *(f"| {stage}" for stage in others)]
    parts = []
    for stage in stages:
        parts += [stage] if measured(stage, font) <= width else _pieces(stage, width, font)
    return lines(parts, " ", width, font)


def _pieces(stage: str, width: float, font: FontProperties) -> list[str]:
    """Return where a stage that is too long may be broken."""
    first, *others = re.split("(?<=,) ", stage)
    if measured(first, font) > width:
        return [*re.split(r"(?<=\()", first, maxsplit=1), *others]
    return [first, *others]


def lines(parts: Sequence[str], between: str, width: float, font: FontProperties) -> str:
    """Return parts in as few lines of this width, in points, as they fit into in their order."""
    filled = [parts[0]]
    for part in parts[1:]:
        longer = f"{filled[-1]}{between}{part}"
        if measured(longer, font) <= width:
            filled[-1] = longer
        else:
            filled.append(part)
    return "\n".join(filled)


def measured(text: str, font: FontProperties) -> float:
    """Return how wide a text is, in points."""
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
