"""The demo: three optimizers on handwritten digits, bare and with normalised gradients."""

from __future__ import annotations

import os
import pathlib
from dataclasses import dataclass, field

import keras
import numpy as np
import rich.box
import rich.console
import rich.table

import stepwrap

from . import digits
from .curves import markdown_table
from .loss_curves import draw
from .training import BATCH_SIZE, train_all

# Every learning rate is Keras' default: nothing is tuned for either side.
BASE_OPTIMIZERS = {
    "SGD": keras.optimizers.SGD,
    "Adam": keras.optimizers.Adam,
    "RMSprop": keras.optimizers.RMSprop,
}


@dataclass
class Contestant:
    """An optimizer in the demo, and what came of it, one entry a seed."""

    base: str
    wrapped: bool
    histories: list[dict[str, list[float]]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """How it is written in code."""
        return f"NormalizedOptimizer({self.base}())" if self.wrapped else f"{self.base}()"

    def optimizer(self) -> keras.optimizers.Optimizer:
        """A new instance."""
        bare = BASE_OPTIMIZERS[self.base]()
        return stepwrap.NormalizedOptimizer(bare, "l2") if self.wrapped else bare

    @property
    def losses(self) -> np.ndarray:
        """Training losses: a row of epochs for each seed."""
        return np.array([history["loss"] for history in self.histories])


def run(output: pathlib.Path, epochs: int, seeds: int) -> int:
    """Trains, prints the table, draws the plot, and proves that a loaded model continues."""
    console = rich.console.Console()
    try:
        output.mkdir(parents=True, exist_ok=True)
        if not os.access(output, os.W_OK):
            raise PermissionError(f"{output} is not writable")
    except OSError as error:
        console.print(f"[red]Cannot write to the output folder: {error}. Choose another: --output")
        return 1
    train, test = digits.load()
    console.print(
        f"\n[bold]stepwrap[/] on handwritten digits: {len(train[0])} images to train on, "
        f"{len(test[0])} to test on, {epochs} epochs, {seeds} seeds, "
        f"backend {keras.backend.backend()}.\n",
        soft_wrap=True,
    )
    contestants = [
        Contestant(base, wrapped) for base in BASE_OPTIMIZERS for wrapped in (False, True)
    ]
    train_all(contestants, digits.network, train, test, epochs, seeds, console)

    console.print(terminal_table(contestants))
    rows = [(f"`{name}`", *rest) for name, *rest in map(results, contestants)]
    (output / "digits_table.md").write_text(markdown_table(COLUMNS, rows), encoding="utf-8")
    draw(contestants, output / "digits_loss.png")
    console.print(
        f"Loss curves: {output / 'digits_loss.png'}\nTable: {output / 'digits_table.md'}\n"
    )
    return 0 if continues_identically(output / "model.keras", train, console) else 1


COLUMNS = ("optimizer", "final training loss", "test accuracy")


def results(contestant: Contestant) -> tuple[str, str, str]:
    """The contestant's row: name, and mean ± standard deviation over the seeds."""
    final = contestant.losses[:, -1]
    accuracies = 100 * np.array([history["val_accuracy"][-1] for history in contestant.histories])
    return (
        contestant.name,
        f"{np.mean(final):.4f} ± {np.std(final):.4f}",
        f"{np.mean(accuracies):.1f} % ± {np.std(accuracies):.1f}",
    )


def terminal_table(contestants: list[Contestant]) -> rich.table.Table:
    """The results as a table for the terminal."""
    seeds = len(contestants[0].losses)
    table = rich.table.Table(
        title=f"Mean ± standard deviation over {seeds} seeds, Keras' default learning rates",
        box=rich.box.SIMPLE_HEAD,
    )
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == COLUMNS[0] else "right")
    for contestant in contestants:
        table.add_row(*results(contestant), end_section=contestant.wrapped)
    return table


def continues_identically(
    path: pathlib.Path, train: digits.Arrays, console: rich.console.Console
) -> bool:
    """Saves a wrapped model in mid-training, loads it, trains both on, and compares every bit."""
    model = digits.network(seed=0)
    optimizer = stepwrap.NormalizedOptimizer(keras.optimizers.Adam(), "l2")
    digits.compile_network(model, optimizer)
    train_on = {"batch_size": BATCH_SIZE, "epochs": 2, "shuffle": False, "verbose": 0}
    model.fit(*train, **train_on)
    model.save(path)
    loaded = keras.models.load_model(path)
    model.fit(*train, **train_on)
    loaded.fit(*train, **train_on)

    pairs = zip(
        [*model.weights, *model.optimizer.variables],
        [*loaded.weights, *loaded.optimizer.variables],
        strict=True,
    )
    arrays = [
        (keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)) for one, other in pairs
    ]
    identical = all(one.tobytes() == other.tobytes() for one, other in arrays)
    console.print(
        f"Saved {path} after 2 epochs, loaded it, trained both on for 2 epochs:", soft_wrap=True
    )
    if identical:
        numbers = sum(one.size for one, _ in arrays)
        console.print(f"[green]identical[/] in all {numbers:,} numbers of weights and optimizer.\n")
    else:
        largest = max(np.max(np.abs(one - other), initial=0) for one, other in arrays)
        console.print(f"[red]different[/] by up to {largest:.3g}.\n")
    return identical
