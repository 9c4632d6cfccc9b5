"""Which colour and dashes the line of a stack has: the same in every picture, as far as it goes.

The base optimizer decides the colour and the wrappers decide the dashes. Of stacks that differ in
arguments only, one keeps that look in a picture, and the others are dashed otherwise, or lighter or
darker. Lightness comes in few levels, far enough apart that lines with the same dashes differ in
greyscale and to the colour-blind.
"""

from __future__ import annotations

import itertools
import math
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

# CIE lightness. The lightest has a contrast of 3 to white, as graphics should.
LEVELS = (16, 27, 38, 49, 60)
LIGHTEST_TEXT = 45  # has a contrast of 5 to white
DASHES = (
    (),  # solid: without wrappers
    (5, 2),
    (1.2, 1.4),
    (7, 2, 1.4, 2),
    (12, 2.5),
    (5, 1.5, 1.2, 1.5, 1.2, 1.5),
    (2.6, 1.5),
)
SHADES = (0, -1, 1, -2, 2, -1, 1)  # levels that lines with these dashes are lighter, or darker
WRAPPERS = {  # indices of `DASHES`; other wrappers, and several, have any but the first
    "normalized": 1,
    "l4": 2,
    "gradient_noise": 2,
    "learning_rate_dropout": 3,
    "lookahead": 4,
    "coupled_weight_decay": 5,
    "gradient_dropout": 6,
}


@dataclass(frozen=True)
class Hue:
    """A colour without its lightness, and the level of lightness of an optimizer's own line.

    Args:
        angle: In degrees of CIE LCh: 30 is red, 90 yellow, 150 green, 270 blue.
        chroma: How far from grey.
        level: An index of `LEVELS`.
    """

    angle: float
    chroma: float
    level: int


HUES = {
    "sgd": Hue(270, 3, 0),
    "adam": Hue(52, 68, 4),
    "rmsprop": Hue(155, 48, 3),
    "l4adam": Hue(280, 48, 1),
    "l4mom": Hue(248, 40, 3),
    "adamw": Hue(30, 65, 2),
    "radam": Hue(315, 58, 1),
    "nadam": Hue(350, 60, 3),
    "adadelta": Hue(100, 50, 2),
    "adagrad": Hue(195, 34, 2),
    "adamax": Hue(75, 60, 4),
    "adafactor": Hue(110, 35, 1),
    "adamw_cautious": Hue(15, 55, 1),
    "schedulefreeadamw": Hue(0, 55, 4),
    "ftrl": Hue(70, 25, 1),
    "lion": Hue(85, 65, 3),
    "muon": Hue(225, 34, 1),
    "lamb": Hue(130, 50, 2),
    "keras_lamb": Hue(130, 50, 4),
    "lars": Hue(175, 36, 1),
    "ranger": Hue(330, 55, 2),
}


@dataclass(frozen=True)
class Look:
    """What a line looks like.

    Args:
        hue: Its colour.
        level: An index of `LEVELS`.
        dashes: Lengths of dashes and gaps, in widths of the line; empty for a solid one.
    """

    hue: Hue
    level: int
    dashes: tuple[float, ...]

    @property
    def color(self) -> str:
        """Return the colour of the line, as #rrggbb."""
        return _hexadecimal(LEVELS[self.level], self.hue)

    @property
    def text_color(self) -> str:
        """Return the same, or a darker one, for text on white."""
        return _hexadecimal(min(LEVELS[self.level], LIGHTEST_TEXT), self.hue)

    @property
    def linestyle(self) -> str | tuple[float, tuple[float, ...]]:
        """Return the dashes, as matplotlib has them."""
        return (0, self.dashes) if self.dashes else "solid"


def base(name: str) -> str:
    """Return the name of the optimizer that decides the hue: "adam" of "adam(1e-3) | lookahead"."""
    first, *wrappers = [_before_bracket(stage) for stage in stages(name)]
    if any(wrapper.startswith("l4") for wrapper in wrappers):
        return "l4adam" if "adam" in first else "l4mom"
    return first


def stages(name: str) -> list[str]:
    """Return the stages of a stack's text: what stands between `|`, unless that is in a string."""
    return [stage.strip() for stage in re.findall(r"(?:'[^']*'|\"[^\"]*\"|[^|])+", name)] or [""]


def looks(panels: Sequence[Iterable[str]]) -> dict[str, Look]:
    """Return the look of every stack in a picture.

    Where two in one panel would be hard to tell apart, the shorter text keeps its look, and the
    other takes the nearest that is free.

    Args:
        panels: The texts of the stacks in each panel.
    """
    panels = [set(names) for names in panels]
    chosen: dict[str, Look] = {}
    for name in sorted(set().union(*panels), key=lambda name: (len(name), name)):
        neighbours = set().union(*(names for names in panels if name in names))
        taken = [chosen[other] for other in neighbours if other in chosen]
        chosen[name] = min(_by_preference(name), key=lambda look: _clashes(look, taken))
    return chosen


def _by_preference(name: str) -> list[Look]:
    """Return every look that keeps the hue, the stack's own first."""
    hue = HUES.get(base(name)) or _hue_of_a_stranger(base(name))
    wrappers = "|".join(map(_before_bracket, stages(name)[1:]))
    any_but_solid = 1 + _hash(wrappers) % (len(DASHES) - 1)
    dashes = WRAPPERS.get(wrappers, any_but_solid) if wrappers else 0
    turns = [(dashes + turn) % len(DASHES) for turn in range(len(DASHES))]
    return [
        Look(hue, _reflected(hue.level + SHADES[turn] + more), DASHES[turn])
        for more, turn in itertools.product(range(len(LEVELS)), turns)
    ]


def _reflected(level: int) -> int:
    """Return a level that there is, as far from the end as this one is beyond it."""
    last = len(LEVELS) - 1
    return last - abs(last - abs(level) % (2 * last))


def _clashes(look: Look, taken: Iterable[Look]) -> int:
    """Return how hard it is to tell from others: a same look counts most, a neighbouring shade
    least.
    """
    same_dashes = [other for other in taken if other.dashes == look.dashes]
    same_level = [other for other in same_dashes if other.level == look.level]
    shades = [
        other
        for other in same_dashes
        if other.hue == look.hue and abs(other.level - look.level) == 1
    ]
    return 10_000 * taken.count(look) + 100 * len(same_level) + len(shades)


def _hue_of_a_stranger(name: str) -> Hue:
    return Hue(15 * (_hash(name) % 24), 50, _hash(name) // 24 % len(LEVELS))


def _before_bracket(stage: str) -> str:
    return stage.partition("(")[0].strip().lower()


def _hash(text: str) -> int:
    """Return a number for a text; Python's own differs from one process to the next."""
    return zlib.crc32(text.encode())


def _hexadecimal(lightness: float, hue: Hue) -> str:
    """Return a colour of CIE LCh in sRGB, with as much of the chroma as that can show."""
    chromas = np.linspace(hue.chroma, 0, 50)
    angle = math.radians(hue.angle)
    y = (lightness + 16) / 116
    f = np.stack(
        [
            y + chromas * math.cos(angle) / 500,
            np.full_like(chromas, y),
            y - chromas * math.sin(angle) / 200,
        ]
    )
    white = np.array([[0.95047], [1.0], [1.08883]])
    xyz = white * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = (
        np.array(
            [
                [3.2404542, -1.5371385, -0.4985314],
                [-0.9692660, 1.8760108, 0.0415560],
                [0.0556434, -0.2040259, 1.0572252],
            ]
        )
        @ xyz
    )
    shown = linear[:, np.all((linear > -1e-3) & (linear < 1 + 1e-3), axis=0)][:, 0].clip(0, 1)
    gamma = np.where(shown > 0.0031308, 1.055 * shown ** (1 / 2.4) - 0.055, 12.92 * shown)
    return "#" + "".join(f"{round(255 * part):02x}" for part in gamma)
