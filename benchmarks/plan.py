"""Which cells are measured, in which order, and how the time is shared among them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from cell import Cell
from modes import MODES
from workload import TABLES

SIZES = ("S", "D", "N", "L", "XL", "M", *TABLES)
KINDS = ("step", "train", "memory")
THREADS = ("one", "all")
HEADLINE, EVERY = ("headline",), ("*",)
# Five deep, from the inside out: of gradients, steps and weights.
FIVE = "cautious | gradient_centralization | normalized | clipped | lookahead"
ON_TABLES = ("SGD", "*(SGD)")  # what leaves sparse gradients sparse
QUICK = (
    "NormalizedOptimizer",
    "ClippedOptimizer",
    "L4Wrapper",
    "L4Adam",
    "Lookahead",
    "Adam(clipnorm=1)",
    "optax.clip_by_global_norm",
    "optax.lookahead",
    "torch.nn.utils.clip_grad_norm_",
    "pytorch_optimizer.Lookahead",
)
DEEP = ("NormalizedOptimizer", "L4Wrapper", FIVE)  # few, for they compile for long
# (kind, threads, size) → what is measured there; nowhere else is anything.
USUAL = {
    ("step", "one", "S"): EVERY,
    ("step", "one", "D"): HEADLINE,
    ("step", "one", "N"): DEEP,
    ("step", "one", "L"): EVERY,
    ("step", "one", "XL"): QUICK,
    ("step", "all", "L"): QUICK,
    ("train", "one", "S"): HEADLINE,
    ("train", "one", "D"): QUICK,
    ("train", "one", "N"): DEEP,
    ("train", "one", "L"): HEADLINE,
    ("train", "all", "L"): QUICK,
    ("memory", "one", "M"): EVERY,
    ("step", "one", "T"): ON_TABLES,
    ("train", "one", "T"): ON_TABLES,
}
FAST = {
    ("step", "one", "S"): QUICK,
    ("step", "one", "L"): QUICK,
    ("train", "one", "S"): QUICK,
}
WEIGHTS = {EVERY: 4, HEADLINE: 2, QUICK: 1, DEEP: 1, ON_TABLES: 1}  # shares of the time
MINUTES = {"usual": 23, "fast": 3.5, "all": None}  # of 30 and of 5
ROUNDS = {"usual": (3, 40), "fast": (3, 15), "all": (10, 40)}


def cells(
    depth: str, modes: Sequence[str] = tuple(MODES), variants: Sequence[str] | None = None
) -> list[Cell]:
    """Return the cells of a "fast", "usual" or complete run ("all").

    Those whose steps compile fast come first: what they leave of their time goes to the others.

    Args:
        variants: Patterns of names, which are measured everywhere then.
    """
    if variants is not None:
        contents = everything(tuple(variants))
    else:
        contents = {"usual": USUAL, "fast": FAST, "all": everything(EVERY)}[depth]
    return [
        Cell(mode, size, kind, threads, patterns, ROUNDS[depth])
        for (kind, threads, size), patterns in contents.items()
        for mode in reversed(MODES)
        if mode in modes
        # Elsewhere gradients of tables are like any others.
        and (size not in TABLES or MODES[mode].backend == "tensorflow")
    ]


def everything(patterns: Sequence[str]) -> dict[tuple[str, str, str], Sequence[str]]:
    """Return the same variants everywhere.

    Copies of the model do not depend on its size or on threads.
    """
    timed = itertools.product(("step", "train"), THREADS, ("S", "D", "N", "L", "XL"))
    contents = dict.fromkeys((*timed, ("memory", "one", "M")), patterns)
    on_tables = ON_TABLES if patterns == EVERY else patterns
    return contents | dict.fromkeys(
        itertools.product(("step", "train"), ("one",), TABLES), on_tables
    )


def with_share(cells: Sequence[Cell], index: int, seconds: float) -> Cell:
    """Return a cell with its share of the time that is left for it and those after it."""
    weights = [WEIGHTS.get(tuple(cell.variants), 1) for cell in cells[index:]]
    return dataclasses.replace(cells[index], seconds=max(0.0, seconds) * weights[0] / sum(weights))
