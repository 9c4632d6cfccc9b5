"""Fine-tuning: a network that knows five kinds of clothing learns the others from 200 images.

    python examples/fine_tune.py [FOLDER [DATA]]

Trains all layers at one rate, with layer decay, with gradual unfreezing, with all but the head
frozen for good, and in two halves with compiling anew between them; from three seeds. Writes a
table of test accuracy and a picture into FOLDER, ./fine_tune if none is named. DATA is a folder
with fashion_mnist.npz; without it, Keras downloads it. Needs the extra "experiments".
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import stepwrap
from stepwrap.experiments.data import load

IMAGES, BATCH, EPOCHS, SEEDS = 200, 20, 20, 3
KNOWN_IMAGES = 10_000
RATE, DECAY = 1e-3, 0.05
KNOWN = (0, 1, 2, 3, 4)  # T-shirt, trousers, pullover, dress, coat
NEW = (5, 6, 7, 8, 9)  # sandal, shirt, sneaker, bag, boot
EVERY = 5  # epochs, of which half of all is a multiple, between looks at the test images

Arrays = tuple[np.ndarray, np.ndarray]
Model = keras.Model


def network() -> Model:
    """Return a small network for five classes."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu", name="first"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", name="second"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu", name="third"),
            layers.Dense(5, name="head"),
        ]
    )


def of_classes(images: np.ndarray, labels: np.ndarray, classes: Sequence[int]) -> Arrays:
    """Return the images of these classes, which are called 0 to 4."""
    chosen = np.isin(labels, classes)
    return images[chosen, ..., None].astype("float32") / 255, labels[chosen] - classes[0]


def compiled(model: Model, optimizer: keras.optimizers.Optimizer) -> Model:
    """Return the model, ready to train."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def adamw(rate: float = RATE) -> keras.optimizers.Optimizer:
    """Return the optimizer of every way to fine-tune."""
    return keras.optimizers.AdamW(rate, weight_decay=DECAY)


# The ways to fine-tune. Each returns the test accuracy after every fifth epoch.


def one_rate(model: Model) -> keras.optimizers.Optimizer:
    """Trains all layers at one rate."""
    return adamw()


def layer_decay(model: Model) -> keras.optimizers.Optimizer:
    """Trains each layer at half the rate of the next."""
    return stepwrap.LearningRateMultipliers(adamw(), stepwrap.layer_decay(model, decay=0.5))


def gradual_unfreezing(model: Model) -> keras.optimizers.Optimizer:
    """Trains the head first, and a layer more after each quarter of the steps."""
    quarter = EPOCHS * IMAGES // BATCH // 4
    until = {"first/": 3 * quarter, "second/": 2 * quarter, "third/": quarter}
    return stepwrap.Freeze(adamw(), until)


def only_the_head(model: Model) -> keras.optimizers.Optimizer:
    """Trains the head alone, at ten times the rate, for at that of the others it takes longer."""
    return stepwrap.Freeze(adamw(10 * RATE), {"(first|second|third)/": None})


def trained(make: Callable[[Model], keras.optimizers.Optimizer]) -> Callable:
    """Return the way to fine-tune with one call of `fit`."""

    def train(model: Model, train: Arrays, test: Arrays, epochs: int) -> list[float]:
        return fit(compiled(model, make(model)), train, test, epochs)

    return train


def two_halves(model: Model, train: Arrays, test: Arrays, epochs: int) -> list[float]:
    """Trains the head for half of the epochs, then everything, compiled anew."""
    for layer in model.layers[:-1]:
        layer.trainable = False
    first = fit(compiled(model, adamw()), train, test, epochs // 2)
    model.trainable = True
    return first + fit(compiled(model, adamw()), train, test, epochs - epochs // 2)


def fit(model: Model, train: Arrays, test: Arrays, epochs: int) -> list[float]:
    """Return the test accuracy after every fifth epoch."""
    history = model.fit(
        *train,
        batch_size=BATCH,
        epochs=epochs,
        validation_data=test,
        validation_freq=min(EVERY, epochs),
        verbose=0,
    )
    return history.history["val_accuracy"]


WAYS = {
    "all layers at one rate": trained(one_rate),
    "layer decay": trained(layer_decay),
    "gradual unfreezing": trained(gradual_unfreezing),
    "two halves, compiled anew": two_halves,
    "all but the head frozen": trained(only_the_head),
}


def from_seed(seed: int, data: tuple[Arrays, Arrays], epochs: int) -> dict[str, list[float]]:
    """Return what each way to fine-tune the network of this seed leads to."""
    train, test = data
    keras.utils.set_random_seed(seed)
    known = compiled(network(), keras.optimizers.Adam())
    images, labels = of_classes(*train, KNOWN)
    known.fit(images[:KNOWN_IMAGES], labels[:KNOWN_IMAGES], batch_size=64, epochs=2, verbose=0)
    images, labels = of_classes(*train, NEW)
    chosen = np.random.default_rng(seed).permutation(len(images))[:IMAGES]
    accuracies = {}
    for name, fine_tune in WAYS.items():
        keras.utils.set_random_seed(seed)  # the same new head, and the same batches, for each
        model = network()
        for layer, of_known in zip(model.layers[:-1], known.layers[:-1], strict=True):
            layer.set_weights(of_known.get_weights())
        few = images[chosen], labels[chosen]
        accuracies[name] = fine_tune(model, few, of_classes(*test, NEW), epochs)
        print(f"seed {seed}, {name}: {accuracies[name][-1]:.1%}", flush=True)
    return accuracies


def table(runs: list[dict[str, list[float]]]) -> str:
    """Return the test accuracy at the end, of each seed and on average, in Markdown."""
    seeds = [f"seed {seed}" for seed in range(len(runs))]
    rows = [["trained with", "mean", *seeds], ["---", *["---:"] * (len(seeds) + 1)]]
    for name in WAYS:
        ends = [100 * run[name][-1] for run in runs]
        rows.append([name, *(f"{value:.1f}" for value in (np.mean(ends), *ends))])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def draw(runs: list[dict[str, list[float]]], epochs: int, path: pathlib.Path) -> None:
    """Draw the mean test accuracy of the seeds, and their range."""
    figure = Figure(figsize=(7.3, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name in WAYS:
        percent = 100 * np.array([run[name] for run in runs])
        at = np.linspace(0, epochs, percent.shape[1] + 1)[1:]
        [line] = axes.plot(at, percent.mean(axis=0), label=name)
        axes.fill_between(at, *(end(percent, axis=0) for end in (np.min, np.max)), alpha=0.12)
        axes.plot(epochs, percent[:, -1].mean(), "o", color=line.get_color())
    axes.set(xlabel="epochs", ylabel=f"test accuracy in %, {IMAGES} images to learn from")
    axes.grid(color="#e4e4e4")
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=150)


def main(
    output: str, data: str | None = None, seeds: int = SEEDS, epochs: int = EPOCHS
) -> list[dict[str, list[float]]]:
    """Fine-tunes in every way from every seed; writes and prints what came of it."""
    folder = pathlib.Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    images = load("fashion_mnist", None if data is None else pathlib.Path(data))
    runs = [from_seed(seed, images, epochs) for seed in range(seeds)]
    (folder / "fine_tune_table.md").write_text(table(runs), encoding="utf-8")
    draw(runs, epochs, folder / "fine_tune.png")
    print(table(runs))
    ends = {name: np.mean([run[name][-1] for run in runs]) for name in WAYS}
    best, second, *_ = sorted(ends, key=ends.get, reverse=True)
    ahead = 100 * (ends[best] - ends[second])
    print(f"Best: {best}, {ahead:.1f} points ahead of {second}.")
    return runs


if __name__ == "__main__":
    main(*(sys.argv[1:3] or ["fine_tune"]))
