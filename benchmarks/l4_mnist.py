"""L4 on MNIST, as in the paper's Table 2: a 784-300-100-10 ReLU network, batches of 64.

    KERAS_BACKEND=tensorflow python benchmarks/l4_mnist.py --data DIR
        [--output DIR] [--epochs N] [--seeds N]

DIR holds mnist.npz. Writes a table of training losses and test accuracies beside the paper's;
Adam is a yardstick. About a quarter of an hour on two processor cores.

Rolínek, Martius: "L4: Practical loss-based stepsize adaptation for deep learning",
NeurIPS 2018, arXiv 1802.05074.
"""

from __future__ import annotations

import argparse
import functools
import pathlib
from collections.abc import Iterator

import keras
import numpy as np
import rich.console

import stepwrap
from stepwrap.experiments import command_line, curves, digits, training

WIDTHS = (784, 300, 100, 10)
OPTIMIZERS = {
    "L4Adam(fraction=0.15)": lambda: stepwrap.L4Adam(fraction=0.15),
    "L4Mom(fraction=0.15)": lambda: stepwrap.L4Mom(fraction=0.15),
    "Adam(1e-3)": lambda: keras.optimizers.Adam(1e-3),
}
TABLE_EPOCHS = (1, 10, 30)
PAPER = {  # test accuracy in % after these epochs
    "L4Adam(fraction=0.15)": {1: "95.9 ± 0.7", 10: "98.4 ± 0.1", 30: "98.4 ± 0.1"},
    "L4Mom(fraction=0.15)": {1: "95.4", 10: "98.3", 30: "98.4"},
}


def load(folder: pathlib.Path) -> tuple[digits.Arrays, digits.Arrays]:
    """(x, y) to train on and (x, y) to test on, from the folder's mnist.npz."""
    with np.load(folder / "mnist.npz") as archive:
        train, test = (
            (archive[f"x_{part}"].reshape(-1, 784).astype("float32") / 255, archive[f"y_{part}"])
            for part in ("train", "test")
        )
    return train, test


def table(contestants: list[training.Contestant]) -> str:
    """The results in Markdown, with a caption."""
    seeds, epochs = contestants[0].recorded("loss").shape
    shown = curves.milestones(TABLE_EPOCHS, epochs)
    columns = ["optimizer"]
    columns += [f"loss, epoch {epoch}" for epoch in shown]
    columns += [f"accuracy (%), epoch {epoch}" for epoch in shown]
    rows = [row for contestant in contestants for row in results(contestant, shown)]
    return (
        f"MNIST, {training.described(WIDTHS)}: training loss of the epoch and test accuracy after "
        f"it. Mean over {seeds} seeds; accuracy ± standard deviation.\n\n"
        + curves.markdown_table(columns, rows)
    )


def results(contestant: training.Contestant, shown: list[int]) -> Iterator[list[str]]:
    """The contestant's row, and below it the paper's if it has one."""
    at = [epoch - 1 for epoch in shown]
    losses = contestant.recorded("loss")[:, at].mean(axis=0)
    accuracies = 100 * contestant.recorded("val_accuracy")[:, at]
    yield [
        f"`{contestant.name}`",
        *(f"{loss:#.2g}" for loss in losses),
        *(f"{epoch.mean():.1f} ± {epoch.std():.1f}" for epoch in accuracies.T),
    ]
    if contestant.name in PAPER:
        paper = PAPER[contestant.name]
        yield ["in the paper", *("" for _ in shown), *(paper.get(epoch, "") for epoch in shown)]


def main() -> None:
    """Trains, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, help="folder that holds mnist.npz")
    command_line.add_options(parser, "l4_mnist")
    options = parser.parse_args()
    if options.data is None or not (options.data / "mnist.npz").is_file():
        parser.error(
            "--data must name a folder that holds mnist.npz, a NumPy archive of the uint8 arrays "
            "x_train, y_train, x_test and y_test, such as keras.datasets.mnist.load_data() leaves "
            f"in ~/.keras/datasets. Received: {options.data}"
        )
    options.output.mkdir(parents=True, exist_ok=True)

    contestants = [training.Contestant(name, make) for name, make in OPTIMIZERS.items()]
    training.train_all(
        contestants,
        functools.partial(digits.network, widths=WIDTHS),
        *load(options.data),
        options.epochs,
        options.seeds,
        rich.console.Console(),
        jit_compile=True,
        steps_per_execution=50,
    )

    text = table(contestants)
    print(text)
    (options.output / "l4_mnist_table.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
