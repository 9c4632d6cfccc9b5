"""One worker of `test_multi_worker.py`: trains every case on its half of each batch.

TF_CONFIG=... python multi_worker_process.py FOLDER

writes to FOLDER/INDEX.npz what training has changed, and to FOLDER/INDEX.json the errors, by case.
"""

import functools
import itertools
import json
import os
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

import cases
import stepwrap

WORKERS = 2
STEPS = 20
BATCH = 8

BASES = {
    "SGD": lambda: keras.optimizers.SGD(0.1),
    "SGD-momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "Adam": lambda: keras.optimizers.Adam(0.01),
    "Adam-clipnorm": lambda: keras.optimizers.Adam(0.01, clipnorm=1.0),
    "AdamW": lambda: keras.optimizers.AdamW(0.01),
}
# Every wrapper meets one base, one of them every base, and every stack another one: each case is
# traced in three processes.
PAIRS = [
    *itertools.product(stepwrap.wrappers.names(), ["Adam-clipnorm"]),
    *itertools.product(["normalized"], ("SGD", "SGD-momentum", "Adam", "AdamW")),
    *itertools.product([name for name in cases.WRAPPERS if "stack" in name], ["AdamW"]),
]
OPTIMIZERS = {
    **{
        f"{wrapper}-{base}": functools.partial(
            lambda wrap, make: wrap(make()), cases.WRAPPERS[wrapper], BASES[base]
        )
        for wrapper, base in PAIRS
    },
    "L4Adam": stepwrap.L4Adam,
    "L4Mom": stepwrap.L4Mom,
}


def train(make_optimizer, run, share):
    """The state after training.

    Args:
        make_optimizer: Makes the optimizer.
        run: What runs a function of one batch: itself, or on every worker.
        share: The rows of each batch that are this worker's.
    """
    network = cases.model(make_optimizer(), jit_compile=False)
    # In the first step, as the example does it, would mean to trace that twice.
    network.optimizer.build(network.trainable_variables)
    step = tf.function(lambda batch: run(network.train_step, args=(batch,)))
    x, y = cases.data(STEPS * BATCH)
    for start in range(0, STEPS * BATCH, BATCH):
        rows = slice(start, start + BATCH)
        step((tf.constant(x[rows][share]), tf.constant(y[rows][share])))
    return cases.values(network.weights), cases.state(network)


def main(folder):
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    worker = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    share = slice(worker * BATCH // WORKERS, (worker + 1) * BATCH // WORKERS)
    results, errors = {}, {}
    for case, make_optimizer in OPTIMIZERS.items():
        with strategy.scope():
            try:
                _, state = train(make_optimizer, strategy.run, share)
            except Exception as error:
                errors[case] = f"{type(error).__name__}: {error}"
                continue
        results |= {f"{case}/{number:03}": value for number, value in enumerate(state)}
    np.savez(folder / f"{worker}.npz", **results)
    (folder / f"{worker}.json").write_text(json.dumps(errors))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
