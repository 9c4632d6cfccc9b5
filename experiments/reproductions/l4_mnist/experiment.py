"""L4 on MNIST: the experiment."""

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
    "sgd(0.05, momentum=0.9)",
]
EPOCHS = (1, 10, 30)
PUBLISHED = {  # which of the two fractions the paper's are for is not known
    "l4adam(fraction=0.25)": {
        "L4Adam in the paper": {1: "95.9 ± 0.7", 10: "98.4 ± 0.1", 30: "98.4 ± 0.1"},
        "L4Adam(0.25) in the authors' notebook": {30: "98.39 (35 epochs)"},
    },
    "l4mom(fraction=0.25)": {"L4Mom in the paper": {1: "95.4", 10: "98.3", 30: "98.4"}},
}
FULL, FAST = Length(epochs=30), Length(epochs=2, seeds=1, samples=5_120)


@reproduction("l4-mnist")
def l4_mnist(laboratory: Laboratory) -> None:
    """L4 on MNIST: the paper's 784-300-100-10 network, and its Table 2."""
    comparison = laboratory.compare("mlp", STACKS, "mnist-mlp", full=FULL, fast=FAST)
    network = "MNIST, 784-300-100-10 ReLU network, batches of 64"
    l4.report(laboratory, comparison, EPOCHS, network, published=PUBLISHED)
