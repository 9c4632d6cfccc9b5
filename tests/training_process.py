"""Trains where it can be killed. Started by `test_kill.py`.

Reads jobs from its standard input, one JSON object a line, and trains each in a fork of
itself, which saves the time of the imports. Writes for each how it went.
"""

import json
import os
import signal
import sys
import time

import keras
import numpy as np

import cases
from stepwrap.callbacks import BackupAndRestore

EPOCHS = 5
TIME_LIMIT = 120  # seconds, for one training


class Report(keras.callbacks.Callback):
    """Writes a byte into a pipe at the end of every epoch."""

    def __init__(self, pipe):
        super().__init__()
        self.pipe = pipe

    def on_epoch_end(self, epoch, logs=None):
        os.write(self.pipe, b".")


def train(wrapper, backup, result, pipe):
    """Trains a wrapped Adam, with a backup if there is a folder for it, and saves all state."""
    network = cases.model(cases.WRAPPERS[wrapper](keras.optimizers.Adam(0.01)))
    callbacks = [Report(pipe)]
    if backup is not None:
        callbacks.append(BackupAndRestore(backup, double_checkpoint=True))
    cases.fit(network, EPOCHS, callbacks=callbacks)
    with open(result, "wb") as file:
        np.savez(file, *cases.state(network))


def fork(job):
    """Starts a training: returns its process and the end of the pipe that it reports to."""
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return process, reading
    try:
        signal.alarm(TIME_LIMIT)
        os.dup2(2, 1)  # the standard output is for the server's answers
        train(job["wrapper"], job["backup"], job["result"], writing)
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def run(job):
    """Trains, and kills `kill_delay` seconds after the epoch `kill_epoch` of this training."""
    process, pipe = fork(job)
    epochs = 0
    while os.read(pipe, 1):
        epochs += 1
        if epochs == job["kill_epoch"]:
            time.sleep(job["kill_delay"])
            os.kill(process, signal.SIGKILL)
    os.close(pipe)
    _, status = os.waitpid(process, 0)
    return {"exit": os.waitstatus_to_exitcode(status), "epochs": epochs}


def main():
    keras.utils.set_random_seed(1)  # imports what it needs
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
