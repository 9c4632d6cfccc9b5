"""Training in stages, each at a lower learning rate, as keras-normalized-optimizers does it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .. import tables
from ..comparison import Comparison
from ..pictures import Panel, Published
from ..report import curves_by_epoch
from ..task import Task
from .laboratory import Laboratory, Length

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

    @property
    def count(self) -> int:
        """Return how many there are."""
        return len(self.learning_rates)

    def length(self, epochs: int, seeds: int, samples: int) -> Length:
        """How long training takes with so many epochs in each stage."""
        return Length(epochs * self.count, seeds, samples)

    def with_schedules(self, length: Length, batch_size: int) -> dict[str, str]:
        """By text with `LR`, the text with a schedule in its place."""
        steps = length.epochs // self.count * math.ceil(length.samples / batch_size)
        # Keras counts steps from 0, and a boundary is the last step of a stage.
        boundaries = [steps * number - 1 for number in range(1, self.count)]
        schedule = f"piecewise_constant_decay({boundaries}, {list(self.learning_rates)})"
        return {stack: stack.replace("LR", schedule) for stack in self.stacks}


@dataclass(frozen=True)
class PublishedRun:
    """What was published of one optimizer.

    Args:
        curves: By quantity, and in it by epoch. The last epoch is the end of the last stage.
        microseconds: How long training took for each sample. Default: None, for not known.
    """

    curves: Mapping[str, Mapping[int, float]]
    microseconds: int | None = None

    @property
    def epochs(self) -> int:
        """Return how many epochs it had."""
        return max(epoch for curve in self.curves.values() for epoch in curve)

    def at(self, quantity: str, epoch: int) -> float:
        """Return the value after an epoch, NaN if that was not published."""
        return self.curves.get(quantity, {}).get(epoch, math.nan)


def every_epoch(values: str) -> dict[int, float]:
    """Return a curve, from its values after each epoch with blanks between."""
    return dict(enumerate(map(float, values.split()), 1))


def some_epochs(epochs: Sequence[int], values: Sequence[float]) -> dict[int, float]:
    """Return a curve, from its values after the first of these epochs, as many as there are."""
    return dict(zip(epochs[: len(values)], values, strict=True))


def published_run(
    epochs: Sequence[int],
    losses: Sequence[float],
    accuracies: Sequence[float],
    test_losses: Sequence[float],
    test_accuracies: Mapping[int, float],
    microseconds: int | None = None,
) -> PublishedRun:
    """Return what was published of one optimizer.

    Args:
        epochs: Those of the next three.
        losses: The training losses.
        accuracies: The training accuracies.
        test_losses: The losses on the test data.
        test_accuracies: A curve of its own, as they are mostly known after every epoch.
        microseconds: As in `PublishedRun`.
    """
    return PublishedRun(
        {
            "loss": some_epochs(epochs, losses),
            "accuracy": some_epochs(epochs, accuracies),
            "val_loss": some_epochs(epochs, test_losses),
            "val_accuracy": test_accuracies,
        },
        microseconds,
    )


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
    published: Mapping[str, PublishedRun],
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
            accuracies, others = _published(published[name], stages)
            result.append(["published", *accuracies, *spare, *others])
    return result


def _own(
    comparison: Comparison, name: str, stages: int, samples: int
) -> tuple[list[str], list[str]]:
    if comparison.divergences(name):
        return ["diverged"] * (stages + 1), ["diverged"] * 3 + ["–"]
    ends = _ends(comparison.epochs // stages, stages)
    accuracies = comparison.by_epoch(name, "val_accuracy")[:, [0, *(end - 1 for end in ends)]]
    at_the_end = [
        tables.mean_and_deviation(quantity, comparison.final(name, quantity))
        for quantity in ("loss", "accuracy", "val_loss")
    ]
    seconds = comparison.by_epoch(name, "seconds")[:, 1:]  # the first epoch compiles
    return (
        [tables.mean_and_deviation("accuracy", column) for column in accuracies.T],
        [*at_the_end, f"{1e6 * np.median(seconds) / samples:.0f}"],
    )


def _published(run: PublishedRun, stages: int) -> tuple[list[str], list[str]]:
    length = run.epochs // stages
    accuracies = [run.at("val_accuracy", epoch) for epoch in (1, *_ends(length, stages))]
    loss, accuracy, test_loss = (
        run.at(quantity, run.epochs) for quantity in ("loss", "accuracy", "val_loss")
    )
    return (
        [_known(100 * value, ".1f", " %") for value in accuracies],
        [
            _known(loss, ".3f"),
            _known(100 * accuracy, ".1f", " %"),
            _known(test_loss, ".3f"),
            "–" if run.microseconds is None else f"≈ {run.microseconds}",
        ],
    )


def _ends(length: int, stages: int) -> list[int]:
    """Return the last epochs of stages of that length."""
    return [length * number for number in range(1, stages + 1)]


def _known(value: float, form: str, unit: str = "") -> str:
    return "–" if math.isnan(value) else f"{value:{form}}{unit}"


def compare(
    laboratory: Laboratory,
    parts: Mapping[str, Stages],
    task: Task,
    full: Mapping[str, int],
    fast: Mapping[str, int],
) -> dict[str, Comparison]:
    """Runs a comparison for each part, and returns them by its name.

    Args:
        laboratory: Where.
        parts: By name.
        task: What all of them train.
        full: The arguments of `Stages.length`.
        fast: Those with `--fast`.
    """
    return {
        part: laboratory.compare(
            part,
            stages.with_schedules(
                stages.length(**laboratory.choose(full=full, fast=fast)), task.batch_size
            ),
            task,
            full=stages.length(**full),
            fast=stages.length(**fast),
        )
        for part, stages in parts.items()
    }


def panels(
    comparisons: Sequence[Comparison], published: Mapping[str, PublishedRun], source: str
) -> list[Panel]:
    """Return loss and accuracy, in training and on the test data, with published points.

    Args:
        comparisons: The results.
        published: By optimizer.
        source: What the legend calls it.
    """
    return [
        Panel(
            [curve for comparison in comparisons for curve in curves_by_epoch(comparison, name)],
            "epoch",
            tables.heading(name),
            log_y=name.endswith("loss"),
            published=[
                Published(stack, list(run.curves[name]), list(run.curves[name].values()), source)
                for stack, run in published.items()
                if name in run.curves
            ],
        )
        for name in QUANTITIES
    ]
