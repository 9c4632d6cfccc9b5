"""L4 and hand-set learning rates on scikit-learn's handwritten digits.

    KERAS_BACKEND=tensorflow python benchmarks/l4_digits.py [--output DIR] [--epochs N] [--seeds N]

Writes a table of training and test results, and pictures of the training loss and of the
effective learning rate by epoch. Nothing is tuned: L4 has its default fraction and the authors'
other one, Adam and SGD have learning rates around the customary ones.
"""

from __future__ import annotations

import argparse
import functools

import keras
import numpy as np
import rich.console

import stepwrap
from stepwrap.experiments import command_line, curves, digits, training

WIDTHS = (64, 300, 100, 10)
OPTIMIZERS = {
    "L4Adam(fraction=0.15)": lambda: stepwrap.L4Adam(fraction=0.15),
    "L4Adam(fraction=0.25)": lambda: stepwrap.L4Adam(fraction=0.25),
    "L4Mom(fraction=0.15)": lambda: stepwrap.L4Mom(fraction=0.15),
    "L4Mom(fraction=0.25)": lambda: stepwrap.L4Mom(fraction=0.25),
    "Adam(1e-4)": lambda: keras.optimizers.Adam(1e-4),
    "Adam(1e-3)": lambda: keras.optimizers.Adam(1e-3),
    "Adam(3e-3)": lambda: keras.optimizers.Adam(3e-3),
    "SGD(0.05, momentum=0.9)": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "SGD(0.1, momentum=0.9)": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
}
TABLE_EPOCHS = (1, 5, 10, 20, 30)


def table(contestants: list[training.Contestant]) -> str:
    """The results in Markdown, with a caption."""
    seeds, epochs = contestants[0].recorded("loss").shape
    shown = curves.milestones(TABLE_EPOCHS, epochs)
    columns = ["optimizer", *(f"loss, epoch {epoch}" for epoch in shown)]
    columns += ["test loss", "test accuracy"]
    rows = []
    for contestant in contestants:
        losses = contestant.recorded("loss").mean(axis=0)
        accuracies = 100 * contestant.recorded("val_accuracy")[:, -1]
        rows.append(
            [
                f"`{contestant.name}`",
                *(f"{losses[epoch - 1]:#.2g}" for epoch in shown),
                f"{contestant.recorded('val_loss')[:, -1].mean():#.2g}",
                f"{accuracies.mean():.1f} % ± {accuracies.std():.1f}",
            ]
        )
    return (
        f"Handwritten digits, {training.described(WIDTHS)}: training loss of the epoch, and "
        f"results on the test data after the last one. Mean over {seeds} seeds; accuracy ± "
        "standard deviation.\n\n" + curves.markdown_table(columns, rows)
    )


def learning_rates(contestant: training.Contestant) -> np.ndarray:
    """The mean effective learning rate of every epoch: a row for each seed."""
    if "effective_learning_rate" in contestant.histories[0]:
        return contestant.recorded("effective_learning_rate")
    constant = float(contestant.optimizer().learning_rate)
    return np.full_like(contestant.recorded("loss"), constant)


def main() -> None:
    """Trains, prints the table, and writes table and pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    command_line.add_options(parser, "l4_digits")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    console = rich.console.Console()

    contestants = [training.Contestant(name, make) for name, make in OPTIMIZERS.items()]
    network = functools.partial(digits.network, widths=WIDTHS)
    training.train_all(
        contestants, network, *digits.load(), options.epochs, options.seeds, console, monitor=True
    )

    text = table(contestants)
    print(text)
    (options.output / "l4_digits_table.md").write_text(text, encoding="utf-8")
    title = f"Handwritten digits, mean and range over {options.seeds} seeds"
    curves.draw_epochs(
        {contestant.name: contestant.recorded("loss") for contestant in contestants},
        title,
        "training loss",
        options.output / "l4_digits_loss.png",
    )
    curves.draw_epochs(
        {contestant.name: learning_rates(contestant) for contestant in contestants},
        title,
        "effective learning rate",
        options.output / "l4_digits_learning_rate.png",
    )


if __name__ == "__main__":
    main()
