"""Loads files of another backend and trains on. Started by `test_other_backends.py`.

Reads models and states from the folder that is given, and writes a JSON object with what
became of each.
"""

import json
import pathlib
import sys

import keras
import numpy as np

import cases


def write(folder, stacks):
    """Saves a trained model with each optimizer, and all of its state beside it."""
    for name, make in stacks.items():
        network = cases.model(make(), run_eagerly=True)
        cases.fit(network)
        network.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", *cases.state(network))


def read(path):
    """What becomes of one of these models: how its state differs, and how it trains on."""
    network = keras.models.load_model(path)
    network.run_eagerly = True  # not part of the file
    with np.load(path.with_suffix(".npz")) as saved:
        expected = list(saved.values())
    loaded = cases.state(network)
    same = len(loaded) == len(expected) and all(map(np.array_equal, loaded, expected))
    before = iterations(network.optimizer)
    loss = cases.fit(network)["loss"][0]
    return {
        "same": same,
        "steps": iterations(network.optimizer) - before,
        "finite": bool(np.isfinite(loss)),
        "trains": any(map(np.any, map(np.not_equal, cases.state(network), loaded))),
    }


def iterations(optimizer):
    return cases.number(optimizer.iterations)


if __name__ == "__main__":
    results = {path.stem: read(path) for path in sorted(pathlib.Path(sys.argv[1]).glob("*.keras"))}
    print(json.dumps(results))
