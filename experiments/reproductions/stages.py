"""Training in stages, each at a lower learning rate, as keras-normalized-optimizers does it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .. import tables
from ..comparison import Comparison
from ..pictures import Panel
from ..report import curves_by_epoch
from .laboratory import Length

ABOUT_COLUMNS = (
    "Test accuracy after the first epoch and after each stage, everything else at the end."
)
QUANTITIES = ("loss", "val_loss", "accuracy", "val_accuracy")


@dataclass(frozen=True)
class Stages:
    """What is trained in the same stages.

    Args:
        stacks: The optimizers' texts, with `LR` where the learning rate stands.
        learning_rates: That of each stage.
    """

    stacks: Sequence[str]
    learning_rates: Sequence[float]

    def length(self, epochs: int, seeds: int, samples: int) -> Length:
        """How long training takes with so many epochs in each stage."""
        return Length(epochs * len(self.learning_rates), seeds, samples)

    def with_schedules(self, length: Length, batch_size: int) -> dict[str, str]:
        """By text with `LR`, the text with a schedule in its place."""
        steps = length.epochs // len(self.learning_rates) * math.ceil(length.samples / batch_size)
        # Keras counts steps from 0, and a boundary is the last step of a stage.
        boundaries = [steps * number - 1 for number in range(1, len(self.learning_rates))]
        schedule = f"piecewise_constant_decay({boundaries}, {list(self.learning_rates)})"
        return {stack: stack.replace("LR", schedule) for stack in self.stacks}


@dataclass(frozen=True)
class Published:
    """What was published of one optimizer.

    Args:
        test_accuracies: After the first epoch, and at the end of each stage.
        at_the_end: Training loss, training accuracy and test loss.
        microseconds: How long training took for each sample.
    """

    test_accuracies: Sequence[float]
    at_the_end: tuple[float, float, float]
    microseconds: int


def columns(stages: int) -> list[str]:
    """The headings of `rows`; `ABOUT_COLUMNS` says what they mean."""
    return [
        "optimizer",
        "epoch 1",
        *(f"stage {number}" for number in range(1, stages + 1)),
        "training loss",
        "training accuracy",
        "test loss",
        "µs per sample",
    ]


def rows(
    comparison: Comparison,
    stages: int,
    samples: int,
    published: Mapping[str, Published],
    most_stages: int,
) -> list[list[str]]:
    """For each optimizer its own row, and below it what was published.

    Args:
        comparison: The results.
        stages: How many there are in it.
        samples: How many there are to train on.
        published: By optimizer.
        most_stages: How many there are in the table.
    """
    spare = ["–"] * (most_stages - stages)
    result = []
    for name in comparison.records:
        accuracies, others = _own(comparison, name, stages, samples)
        result.append([name, *accuracies, *spare, *others])
        if name in published:
            accuracies, others = _published(published[name])
            result.append(["published", *accuracies, *spare, *others])
    return result


def _own(
    comparison: Comparison, name: str, stages: int, samples: int
) -> tuple[list[str], list[str]]:
    if comparison.divergences(name):
        return ["diverged"] * (stages + 1), ["diverged"] * 3 + ["–"]
    ends = comparison.epochs // stages * np.arange(1, stages + 1)
    accuracies = comparison.by_epoch(name, "val_accuracy")[:, [0, *(ends - 1)]]
    at_the_end = [
        tables.mean_and_deviation(quantity, comparison.final(name, quantity))
        for quantity in ("loss", "accuracy", "val_loss")
    ]
    seconds = comparison.by_epoch(name, "seconds")[:, 1:]  # the first epoch compiles
    return (
        [tables.mean_and_deviation("accuracy", column) for column in accuracies.T],
        [*at_the_end, f"{1e6 * np.median(seconds) / samples:.0f}"],
    )


def _published(result: Published) -> tuple[list[str], list[str]]:
    loss, accuracy, test_loss = result.at_the_end
    return (
        [f"{100 * value:.1f} %" for value in result.test_accuracies],
        [
            f"{loss:.3f}",
            f"{100 * accuracy:.1f} %",
            f"{test_loss:.3f}",
            f"≈ {result.microseconds}",
        ],
    )


def panels(comparisons: Sequence[Comparison]) -> list[Panel]:
    """Loss and accuracy, in training and on the test data."""
    return [
        Panel(
            [curve for comparison in comparisons for curve in curves_by_epoch(comparison, name)],
            "epoch",
            tables.heading(name),
            log_y=name.endswith("loss"),
        )
        for name in QUANTITIES
    ]
