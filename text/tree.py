"""A stack as a tree, outermost at the top."""

from __future__ import annotations

import textwrap

import keras

from .hyperparameters import hyperparameters, parts
from .literals import shown

_WIDTH = 88


def tree(optimizer: keras.optimizers.Optimizer) -> list[str]:
    """Return the lines of the tree: each optimizer with its arguments, above those inside."""
    inside = parts(optimizer)
    edge = "│   " if inside else "    "
    values = ", ".join(
        f"{name}={shown(value)}"
        for name, value in hyperparameters(optimizer).items()
        if name != "name"
    )
    lines = [type(optimizer).__name__]
    lines += [edge + line for line in textwrap.wrap(values, _WIDTH, break_on_hyphens=False)]
    for number, (label, part) in enumerate(inside, start=1):
        branch, below = ("└── ", "    ") if number == len(inside) else ("├── ", "│   ")
        first, *rest = tree(part)
        lines.append(branch + label + first)
        lines += [below + line for line in rest]
    return lines
