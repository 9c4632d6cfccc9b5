"""Trains a deep stack of wrappers for a long time. Started by `test_soak.py`.

Arguments: how many rounds of a thousand steps, and how many more that leak on purpose.
Writes the readings after each round, as JSON.
"""

import ctypes
import gc
import json
import os
import sys

import keras
import numpy as np

import cases
import stepwrap

STEPS = 1000  # in a round
BATCH = 8
VARIABLES = ("hidden/kernel", "hidden/bias", "out/kernel", "out/bias")
# On a task with noise L4 needs a bound.
ARGUMENTS = {"l4": {"max_learning_rate": 0.01}}


class Counter(stepwrap.OptimizerWrapper):
    """Counts how often Python runs through the step."""

    calls = 0

    def transform_gradients(self, gradients, variables):
        self.calls += 1
        return gradients


class Leak(keras.callbacks.Callback):
    """Keeps a list of 32 kilobytes for each step."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def on_train_batch_end(self, batch, logs=None):
        self.kept.append([bytearray(2**15)])


def deep_stack(optimizer):
    """Every wrapper of the catalogue and a user's own around one optimizer."""
    names = [*stepwrap.wrappers.names(), "user"]
    places = iter(VARIABLES)
    for name in sorted(names, key=stands_further_out):
        arguments = ARGUMENTS.get(name, {})
        if decays(name):
            arguments = {"only": next(places)}  # no variable decays twice
        optimizer = cases.WRAPPERS[name](optimizer, **arguments)
    return optimizer


def decays(name):
    """Return whether the wrapper decays weights beside the step."""
    return cases.WRAPPERS[name](keras.optimizers.SGD()).decays_weights


def stands_further_out(name):
    """Higher for what must stand outside of others."""
    wrapper = type(cases.WRAPPERS[name]("sgd"))
    return (
        wrapper.stands_outermost,
        wrapper.overrides("apply_inner"),
        wrapper.overrides("after_step"),
    )


def readings():
    """Return what grows if anything is kept: Python's objects and blocks, and the process."""
    gc.collect()
    # What was freed while the step was compiled would take in a leak of tens of megabytes unseen.
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return {
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "megabytes": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
    }


def main(rounds, leaking_rounds):
    random = np.random.default_rng(1)
    x = random.normal(size=(STEPS * BATCH, 4)).astype("float32")
    y = np.tanh(x.sum(axis=1, keepdims=True)) + random.normal(size=(STEPS * BATCH, 1))
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(2, name="hidden"), keras.layers.Dense(1, name="out")]
    network = keras.Sequential([keras.Input((4,)), *layers])
    counter = Counter(keras.optimizers.Adam(0.001))
    network.compile(deep_stack(counter), loss="mse")
    for number in range(rounds + leaking_rounds):
        leak = [Leak()] if number >= rounds else []
        history = network.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=leak)
        [loss] = history.history["loss"]
        reading = {"round": number, **readings(), "calls": counter.calls, "loss": loss}
        print(json.dumps(reading), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
