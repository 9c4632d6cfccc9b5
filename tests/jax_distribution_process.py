"""Trains every case on one device, with DataParallel and with ModelParallel.

Started by test_jax_distribution.py, which has JAX make four devices of one CPU. Writes what the
tests look at into the folder that it is given.
"""

import contextlib
import json
import pathlib
import sys

import keras
from keras import distribution

import cases
import distributed_cases
from distributed_cases import BATCH_SIZE, CASES, MONITORED, RESUMED, STEPS
from stepwrap.callbacks import StepMonitor


def settings():
    """Each as the scope to train in."""
    devices = distribution.list_devices()
    assert len(devices) == 4
    mesh = distribution.DeviceMesh((2, 2), ("batch", "model"), devices)
    layouts = distribution.LayoutMap(mesh)
    layouts[".*hidden/kernel"] = ("model", None)
    return {
        "one device": contextlib.nullcontext,
        "DataParallel": distribution.DataParallel(devices=devices).scope,
        "ModelParallel": distribution.ModelParallel(
            layout_map=layouts, batch_dim_name="batch"
        ).scope,
    }


def fit(network, first, last, **arguments):
    """Trains on the batches from the first to the last, and returns the logs."""
    x, y = (array[first * BATCH_SIZE : last * BATCH_SIZE] for array in distributed_cases.data())
    history = network.fit(x, y, batch_size=BATCH_SIZE, shuffle=False, verbose=0, **arguments)
    return history.history


def report(network):
    """The weights, and where the optimizer's variables are."""
    slots, others = {}, {}
    for variable in network.optimizer.variables:
        sharding = variable.value.sharding
        for weight in network.trainable_variables:
            if weight.path.replace("/", "_") in variable.path:
                alike = sharding.is_equivalent_to(weight.value.sharding, len(weight.shape))
                slots[variable.path] = {"alike": alike, "whole": sharding.is_fully_replicated}
                break
        else:
            others[variable.path] = {"whole": sharding.is_fully_replicated}
    return {"weights": distributed_cases.flat(network), "slots": slots, "others": others}


def train(make, path=None):
    """With a path, the second half of the steps is also done by the model saved at half time."""
    network = cases.model(make())
    fit(network, 0, STEPS // 2)
    if path is not None:
        network.save(path)
    fit(network, STEPS // 2, STEPS)
    if path is None:
        return {"trained": report(network)}
    loaded = keras.models.load_model(path)
    fit(loaded, STEPS // 2, STEPS)
    return {"trained": report(network), "resumed": report(loaded)}


def monitor(make):
    network = cases.model(make())
    logs = fit(network, 0, STEPS, callbacks=[StepMonitor()])
    return {**report(network), "logs": logs}


def main(folder):
    results = {}
    for setting, scope in settings().items():
        with scope():
            results[setting] = {"monitored": monitor(CASES[MONITORED])}
            for case, make in CASES.items():
                resumes = setting == "ModelParallel" and case in RESUMED
                path = folder / "model.keras" if resumes else None
                results[setting][case] = train(make, path)
    (folder / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
