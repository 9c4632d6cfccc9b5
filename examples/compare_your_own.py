"""Which optimizer for your own problem? Your model, your data, any stacks.

    python examples/compare_your_own.py [FOLDER]

Compares four stacks on points in two spirals, from three seeds, and writes table, results and
pictures into FOLDER, ./spirals if none is named. Needs the extra "experiments".
"""

from __future__ import annotations

import sys

import keras
import numpy as np

import stepwrap
from stepwrap.experiments import Comparison, Task, compare

STACKS = {
    "Adam": "adam(1e-3)",
    "Adam, normalised": "adam(1e-3) | normalized",
    "L4Adam": "l4adam(fraction=0.25)",
    # What no text can say: a function that makes the optimizer.
    "Lookahead, my schedule": lambda: stepwrap.Lookahead(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, 300))
    ),
}


def spirals(seed: int, samples: int = 640) -> tuple[np.ndarray, np.ndarray]:
    """Points on two spirals, and which of the two each is on."""
    random = np.random.default_rng(seed)
    labels = random.integers(2, size=samples)
    radius = random.uniform(0.1, 1, size=samples)
    angle = 7 * radius + np.pi * labels
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (points + random.normal(scale=0.02, size=points.shape)).astype("float32"), labels


def compiled_model(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    """Your model, compiled with the optimizer it is given."""
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(optimizer, loss=loss, metrics=[keras.metrics.BinaryAccuracy(threshold=0)])
    return model


def main(output: str, epochs: int = 30) -> Comparison:
    """Compares, and says which ended with the lowest loss on the test data."""
    task = Task(
        "spirals",
        compiled_model,
        train=spirals(seed=0),  # or a data set: train=tf.data.Dataset..., test=...
        test=spirals(seed=1),
    )
    comparison = compare(STACKS, task, epochs=epochs, seeds=3, output=output)
    losses = {name: comparison.final(name, "val_loss").mean() for name in STACKS}
    print(f"Lowest test loss: {min(losses, key=losses.get)}")
    return comparison


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "spirals")
