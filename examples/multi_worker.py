"""Training on several machines: every worker reads its own part of the data.

On each machine, with the addresses of all and its own index:

    export KERAS_BACKEND=tensorflow
    export TF_CONFIG='{"cluster": {"worker": ["10.0.0.1:2345", "10.0.0.2:2345"]},
                       "task": {"type": "worker", "index": 0}}'
    python examples/multi_worker.py

On one machine, two processes:

    export KERAS_BACKEND=tensorflow
    for index in 0 1; do
        TF_CONFIG='{"cluster": {"worker": ["127.0.0.1:2345", "127.0.0.1:2346"]},
                    "task": {"type": "worker", "index": '$index'}}' \
            python examples/multi_worker.py &
    done; wait

Without TF_CONFIG it is one worker, which trains on the same batches. `Model.fit` does not work on
several workers, whatever the optimizer; a loop over Keras' own train step does.
"""

import argparse
import json
import os
import zlib
from typing import Any

import keras
import tensorflow as tf
from sklearn.datasets import load_digits

import stepwrap


def main() -> None:
    """Trains, and prints the loss and a checksum of the weights, equal on all workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=64, help="of all workers together")
    arguments = parser.parse_args()

    # Before anything else of TensorFlow's: it waits for the other workers.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    worker = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {}).get("index", 0)
    workers = strategy.num_replicas_in_sync

    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = keras.Sequential(
            [keras.Input((64,)), keras.layers.Dense(128, "relu"), keras.layers.Dense(10)]
        )
        model.compile(
            stepwrap.ClippedOptimizer(keras.optimizers.Adam(1e-3), clipnorm=0.1),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )

    @tf.function
    def train_step(batch: Any) -> tf.Tensor:
        logs = strategy.run(model.train_step, args=(batch,))
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, logs["loss"], axis=None)

    x, y = load_digits(return_X_y=True)
    data = tf.data.Dataset.from_tensor_slices(((x / 16).astype("float32"), y))
    # As many steps on every worker: one that is left alone would wait for ever.
    steps = len(y) // arguments.batch_size
    data = data.shard(workers, worker).batch(arguments.batch_size // workers).take(steps)

    for _ in range(arguments.epochs):
        model.reset_metrics()
        for batch in data:
            loss = train_step(batch)

    checksum = zlib.crc32(b"".join(weight.tobytes() for weight in model.get_weights()))
    print(f"worker {worker} of {workers}: loss {loss:.6f}, checksum of the weights {checksum:08x}")


if __name__ == "__main__":
    main()
