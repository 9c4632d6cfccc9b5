"""L4 on a recurrent network: the experiment."""

from __future__ import annotations

from ... import tables
from .. import cells, l4
from ..catalogue import reproduction
from ..laboratory import Laboratory, Length

STACKS = [
    "l4adam(fraction=0.15)",
    "l4adam(fraction=0.25)",
    "l4mom(fraction=0.15)",
    "l4mom(fraction=0.25)",
    "adam(1e-3)",
    "rmsprop(1e-3)",
]
EPOCHS = (1, 10, 30)
FULL = Length(epochs=30)
FAST = Length(epochs=2, seeds=1, samples=1_280)


@reproduction("l4-recurrent")
def l4_recurrent(laboratory: Laboratory) -> None:
    """L4 on a recurrent network, which repeats sequences of bits."""
    comparison = laboratory.compare("lstm", STACKS, "repeat-copy", full=FULL, fast=FAST)
    shown = tables.milestones(EPOCHS, comparison.epochs)
    network = "Repeat copy, LSTM of 128 units, batches of 64"
    laboratory.table(
        "l4_recurrent",
        f"{network}: training loss of the epoch, and the share of right bits on test data after "
        f"it, {cells.of_seeds(comparison.seeds)}; accuracy ± standard deviation.",
        l4.columns(shown),
        l4.rows(comparison, shown),
    )
    laboratory.picture(
        "l4_recurrent",
        l4.panels(comparison),
        f"{network}, {cells.of_seeds(comparison.seeds, 'mean and range')}",
    )
