"""The optimizers of mix-mnist and mix-cifar, and what their results have in common.

Published in github.com/nicklashansen/neural-net-optimization.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import tables
from ..comparison import Comparison
from ..pictures import Panel, Published
from ..report import curves_by_epoch
from . import cells

MOMENTUM = "sgd(1e-3, momentum=0.99)"
ADAM = "adam(1e-3)"
RADAM = "radam(1e-3)"

# By what they are called there. Arguments that are not written are our defaults and the published
# ones alike.
STACKS = {
    "SGD": "sgd(1e-3)",
    "SGD w/ momentum": MOMENTUM,
    "SGD w/ Nesterov momentum": "sgd(1e-3, momentum=0.99, nesterov=True)",
    "SGDW": "sgd(1e-3, momentum=0.99, weight_decay=1e-6)",
    "SGD w/ momentum + LRD": f"{MOMENTUM} | learning_rate_dropout",
    "Lookahead (SGD)": f"{MOMENTUM} | lookahead(5, 0.5)",
    "RMSprop": "rmsprop(1e-3)",
    "Adam": ADAM,
    "AdamL2": f"{ADAM} | coupled_weight_decay(1e-4)",
    "AdamW": "adamw(1e-3, weight_decay=1e-4)",
    "Adam w/ LRD": f"{ADAM} | learning_rate_dropout",
    "Lookahead (Adam)": f"{ADAM} | lookahead(5, 0.5)",
    "Gradient Noise (Adam)": f"{ADAM} | gradient_noise",
    "Gradient Dropout (Adam)": f"{ADAM} | gradient_dropout",
    "Nadam": "nadam(1e-3)",
    "RAdam": RADAM,
    "RAdamW": "radam(1e-3, weight_decay=1e-4)",
    "RAdam w/ LRD": f"{RADAM} | learning_rate_dropout",
}


def columns(shown: list[int]) -> list[str]:
    """Return the headings of `rows`."""
    losses = (f"loss, epoch {epoch}" for epoch in shown)
    return ["optimizer", "called there", *losses, "test accuracy (%)"]


def label(stack: str) -> str:
    """Return what an optimizer is called there."""
    return next(label for label, text in STACKS.items() if text == stack)


def rows(comparison: Comparison, shown: list[int]) -> list[list[str]]:
    """Return for each optimizer its training losses at these epochs, and the last test accuracy."""
    return [
        [
            name,
            label(name),
            *map(
                cells.number, comparison.by_epoch(name, "loss")[:, [epoch - 1 for epoch in shown]].T
            ),
            cells.percentage(comparison.final(name, "val_accuracy")),
        ]
        for name in comparison.records
    ]


def panel(comparison: Comparison, published: Sequence[Published], title: str = "") -> Panel:
    """Return the training loss, with points of the published curves."""
    curves = curves_by_epoch(comparison, "loss")
    return Panel(curves, "epoch", tables.NAMES["loss"], title, published=published)
