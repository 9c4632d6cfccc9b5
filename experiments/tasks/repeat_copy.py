"""Bit sequences, to be remembered and repeated."""

from __future__ import annotations

import pathlib

import keras
import numpy as np
from keras import layers, ops

from ..task import Arrays, Task
from .catalogue import task
from .compiling import compiled

BITS, LENGTH, MAX_REPEATS = 4, 4, 3
ANSWER = MAX_REPEATS * LENGTH + 1
UNITS = 128
TRAIN_SAMPLES, TEST_SAMPLES = 8192, 1024


@task("repeat-copy")
def repeat_copy(folder: pathlib.Path | None = None) -> Task:
    """An LSTM reads a sequence of bits and a number, and writes the sequence as often.

    The sequence s has 4 steps of 4 random bits, the number r is 1, 2 or 3. There are 4 + 1 bits
    in each step t of the input and of the answer, which begins when the input has been read:

        input:   (s[t], 0)      for t < 4,   (0, r / 3)  at t = 4,    0 after that,
        answer:  (s[t mod 4], 0)  for t < 4r,  (0, 1)      at t = 4r,   0 after that.

    The loss is the mean cross-entropy of the bits of the answer, accuracy the share that is right.
    Drawn from a fixed seed: 8,192 samples to train on, 1,024 to test on.

    References:
        Graves et al.: "Hybrid computing using a neural network with dynamic external memory",
        Nature 538, 2016, for the task; Rolínek, Martius: "L4: Practical loss-based stepsize
        adaptation for deep learning", NeurIPS 2018, arXiv 1802.05074, for the comparison. Theirs
        is a memory network, and the lengths vary.
    """
    random = np.random.default_rng(0)
    return Task(
        name="repeat-copy",
        model=_model,
        train=samples(random, TRAIN_SAMPLES),
        test=samples(random, TEST_SAMPLES),
        epochs=30,
        batch_size=64,
    )


def samples(random: np.random.Generator, count: int) -> Arrays:
    """(inputs, answers)."""
    sequences = random.integers(2, size=(count, LENGTH, BITS))
    repeats = random.integers(1, MAX_REPEATS + 1, size=count)
    inputs = np.zeros((count, LENGTH + 1 + ANSWER, BITS + 1), "float32")
    inputs[:, :LENGTH, :BITS] = sequences
    inputs[:, LENGTH, BITS] = repeats / MAX_REPEATS
    answers = np.zeros((count, ANSWER, BITS + 1), "float32")
    step = np.arange(ANSWER)
    written = step < LENGTH * repeats[:, None]
    answers[:, :, :BITS] = sequences[:, step % LENGTH] * written[:, :, None]
    answers[:, :, BITS] = step == LENGTH * repeats[:, None]
    return inputs, answers


def _model(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((LENGTH + 1 + ANSWER, BITS + 1)),
            layers.LSTM(UNITS, return_sequences=True),
            layers.Cropping1D((LENGTH + 1, 0)),
            layers.Dense(BITS + 1),
        ]
    )
    return compiled(
        model,
        optimizer,
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[accuracy],
    )


def accuracy(bits: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """The share of right bits in each step."""
    return ops.mean(ops.cast(ops.equal(bits > 0.5, logits > 0), "float32"), axis=-1)
