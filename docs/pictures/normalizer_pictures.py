"""The pictures of the normalizers: what becomes of gradients, and of a path.

All are alike, one for each name, so that they can be compared.
"""

from __future__ import annotations

import numpy as np
from keras import ops
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import functions
import stepwrap
from paths import follow
from registry import picture
from style import (
    BARE,
    FAINT,
    INK,
    PANEL,
    SIZE,
    TEXT_WIDTHS,
    WRAPPED,
    add_key,
    blank,
    draw_contours,
    draw_paths,
    line_of,
    make_room,
    mark_of,
    write_texts,
)

REACH = 2.4  # of the panel of gradients
DIRECTIONS = 24


def _figure(name: str, sentence: str) -> Figure:
    """Return the picture of a normalizer."""
    figure, [left, right] = blank(sentence, 2)
    _draw_gradients(left, name)
    ravine = functions.ravine(3, across=(-4.4, 1.4), upward=(-2.4, 3.4))
    draw_contours(right, ravine)
    start = (-3.8, 2.8)
    paths = [
        follow("sgd(0.2)", ravine, start, 20),
        follow(f"sgd(0.2) | normalized('{name}')", ravine, start, 20),
    ]
    draw_paths(right, paths, (BARE, WRAPPED))
    write_texts(right, paths, (BARE, WRAPPED), TEXT_WIDTHS[2])
    before = line_of(FAINT, "gradient before", linewidth=1, marker=".", markersize=5)
    after = mark_of(".", "gradient after", color=WRAPPED, markersize=9)
    add_key(figure, ravine, paths, extra=[before, after])
    make_room(figure, PANEL)
    return figure


def _draw_gradients(axes: Axes, name: str) -> None:
    """Draw gradients of many directions and lengths, and what is made of them."""
    normalize = stepwrap.normalizers.get(name)
    random = np.random.default_rng(4)
    angles = 2 * np.pi * (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    lengths = random.uniform(0.3, 2.2, DIRECTIONS)
    for angle, length in zip(angles, lengths, strict=True):
        gradient = length * np.array([np.cos(angle), np.sin(angle)], "float32")
        after = ops.convert_to_numpy(normalize(gradient.astype("float32")))
        axes.plot(*zip((0, 0), gradient, strict=True), color=FAINT, linewidth=1)
        axes.plot(*gradient, ".", color=FAINT, markersize=5)
        axes.plot(*after, ".", color=WRAPPED, markersize=9)
    dense = 2 * np.pi * (np.arange(720) + 0.5) / 720
    shape = np.array(
        [
            ops.convert_to_numpy(normalize(np.array([np.cos(one), np.sin(one)], "float32")))
            for one in dense
        ]
    )
    shape[np.hypot(*shape.T) > 2 * REACH] = np.nan
    axes.plot(*np.append(shape, shape[:1], axis=0).T, color=WRAPPED, linewidth=1.2, alpha=0.6)
    axes.set_xlim(-REACH, REACH)
    axes.set_ylim(-REACH, REACH)
    axes.set_aspect("equal")
    axes.locator_params(nbins=5)
    axes.axhline(0, color=INK, linewidth=0.5, alpha=0.4)
    axes.axvline(0, color=INK, linewidth=0.5, alpha=0.4)
    axes.set_title(f"gradients under '{name}'", color=INK, fontsize=SIZE)
    axes.set_xlabel("first element", color=INK, fontsize=SIZE)
    axes.set_ylabel("second element", color=INK, fontsize=SIZE)


def _enter(name: str, sentence: str) -> None:
    """Enter the picture of a normalizer under its name."""
    picture(f"normalizers/{name}")(lambda: _figure(name, sentence))


_enter(
    "l1",
    "After 'l1' the sizes of the elements add up to 1: gradients end on a diamond, and those along "
    "an axis are the longest.",
)
_enter(
    "l2",
    "After 'l2' every gradient keeps its direction and has length 1: gradients end on a circle, "
    "and all steps are equally long.",
)
_enter(
    "l1_l2",
    "'l1_l2' is the mean of two norms: gradients end on a shape between the diamond of 'l1' and "
    "the circle of 'l2'.",
)
_enter(
    "avg_l1",
    "After 'avg_l1' the mean size of the elements is 1: gradients end on the diamond of 'l1', "
    "larger by the number of elements, here twice.",
)
_enter(
    "avg_l2",
    "After 'avg_l2' the root mean square of the elements is 1, however many there are: gradients "
    "end on a circle of radius √n, here √2.",
)
_enter(
    "avg_l1_l2",
    "'avg_l1_l2' is the mean of two averages: gradients end on a shape between the diamond of "
    "'avg_l1' and the circle of 'avg_l2'.",
)
_enter(
    "max",
    "After 'max' the largest element is 1 or −1: gradients end on a square, and those between the "
    "axes are the longest.",
)
_enter(
    "linf",
    "'linf' is another name of 'max': the largest element becomes 1 or −1, and gradients end on a "
    "square.",
)
_enter(
    "min_max",
    "'min_max' divides by the middle between the largest and the smallest size of an element: with "
    "two elements, as here, that is their mean size.",
)
_enter(
    "std",
    "'std' divides by the spread of the elements: a gradient whose elements are almost equal "
    "becomes very long, and so does the step.",
)
