"""L4 on a recurrent network: the experiment."""

from __future__ import annotations

from .. import l4
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
MEASURED = "training loss of the epoch, and the share of right bits on test data after it"
FULL = Length(epochs=30)
FAST = Length(epochs=2, seeds=1, samples=1_280)


@reproduction("l4-recurrent")
def l4_recurrent(laboratory: Laboratory) -> None:
    """L4 on a recurrent network, which repeats sequences of bits."""
    comparison = laboratory.compare("lstm", STACKS, "repeat-copy", full=FULL, fast=FAST)
    network = "Repeat copy, LSTM of 128 units, batches of 64"
    l4.report(laboratory, comparison, EPOCHS, network, measured=MEASURED)
