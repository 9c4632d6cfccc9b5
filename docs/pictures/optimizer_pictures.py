"""The pictures of the base optimizers, each beside the one that it improves on."""

from __future__ import annotations

from matplotlib.figure import Figure

import functions
from paths import follow, minibatches
from registry import picture
from style import side_by_side


@picture("optimizers/radam")
def radam() -> Figure:
    """Return a picture of the first steps on noisy batches, with five seeds."""
    bowl = functions.scaled(functions.ravine(1, across=(-3, 2), upward=(-2, 2.5)), 0.02)

    def paths(stack: str) -> list:
        return [follow(stack, minibatches(bowl, 3.0, seed), (-2.2, 1.8), 60) for seed in range(5)]

    return side_by_side(
        "From the first batch on Adam makes full steps, whatever its noise; RAdam's steps grow "
        "with the batches seen (five paths, each with other batches).",
        bowl,
        paths("adam(0.1, beta_2=0.99)"),
        paths("radam(0.1, beta_2=0.99)"),
    )


@picture("optimizers/l4adam")
def l4adam() -> Figure:
    """Return a picture of a bent ravine."""
    banana = functions.banana()
    return side_by_side(
        "Adam creeps, arrives or leaps about, as its learning rate is chosen; L4Adam has none to "
        "choose, for the length of each step comes from the loss.",
        banana,
        [follow(f"adam({rate})", banana, (-1.5, 1.5), 250) for rate in (0.003, 0.05, 5.0)],
        follow("l4adam", banana, (-1.5, 1.5), 250),
    )


@picture("optimizers/l4mom")
def l4mom() -> Figure:
    """Return a picture of a bent ravine."""
    banana = functions.banana()
    rates = (0.0002, 0.01, 0.2)
    return side_by_side(
        "SGD creeps, arrives or runs away, as its learning rate is chosen; L4Mom has none to "
        "choose, for the length of each step comes from the loss.",
        banana,
        [follow(f"sgd({rate}, momentum=0.9)", banana, (-1.5, 1.5), 250) for rate in rates],
        follow("l4mom", banana, (-1.5, 1.5), 250),
    )
