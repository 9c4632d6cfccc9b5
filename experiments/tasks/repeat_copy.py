"""Bit sequences, to be remembered and repeated, by a network with a memory."""

from __future__ import annotations

import itertools
import pathlib
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from ..task import Task
from .catalogue import task
from .compiling import compiled
from .neural_computer import NeuralComputerCell

Tensor = Any

BITS, MAX_LENGTH, MAX_REPEATS = 4, 2, 2
STEPS = MAX_LENGTH * (MAX_REPEATS + 1) + 3
BATCH_SIZE, BATCHES = 16, 500


@task("repeat-copy")
def repeat_copy(folder: pathlib.Path | None = None) -> Task:
    """A Differentiable Neural Computer reads bits and a number, and repeats them as often.

    The sequence s has n = 1 or 2 steps of 4 random bits, the number of repeats is r = 1 or 2. There
    are 6 channels in each step t of the input and 5 in each of the answer:

        input:   (0, 1, 0) at t = 0,  (s[t - 1], 0, 0) for 1 ≤ t ≤ n,  (0, 0, r / 10) at t = n + 1,
        answer:  (s[(t - n - 2) mod n], 0) for n + 2 ≤ t < nr + n + 2,  (0, 1) at t = nr + n + 2,

    and 0 elsewhere. The loss is the cross-entropy in nats, summed over the channels and the steps
    of the answer, and its mean over the batch. Batches of 16 are drawn anew in every step, from the
    seed; 500 of them count as an epoch, and there is no test data. Outputs are within ±20, so that
    the loss cannot fall below 3.3e-8 on average.

    References:
        github.com/deepmind/dnc at a4debae; Rolínek, Martius: "L4: Practical loss-based stepsize
        adaptation for deep learning", NeurIPS 2018, arXiv 1802.05074, section 3.4.
    """
    ignored = np.zeros((BATCHES * BATCH_SIZE, 1), "float32")
    return Task(
        name="repeat-copy",
        model=_model,
        train=(ignored, ignored),
        epochs=20,
        batch_size=BATCH_SIZE,
    )


class Samples(NamedTuple):
    """Sequences that a network reads, with what and where it is to answer.

    Args:
        observations: Samples × 9 × 6.
        answers: Samples × 9 × 5.
        masks: Samples × 9; 1 in the steps of the answer.
    """

    observations: np.ndarray
    answers: np.ndarray
    masks: np.ndarray


def all_samples() -> Samples:
    """Return every sample that can be drawn, as often as makes all rows equally likely."""
    sequences = np.array(list(itertools.product((0, 1), repeat=MAX_LENGTH * BITS)), "float32")
    lengths, repeats = range(1, MAX_LENGTH + 1), range(1, MAX_REPEATS + 1)
    rows = [
        _sample(sequence.reshape(MAX_LENGTH, BITS)[:length], count)
        for sequence in sequences
        for length in lengths
        for count in repeats
    ]
    return Samples(*map(np.stack, zip(*rows, strict=True)))


def _sample(sequence: np.ndarray, repeats: int) -> Samples:
    length = len(sequence)
    observations = np.zeros((STEPS, BITS + 2), "float32")
    answers = np.zeros((STEPS, BITS + 1), "float32")
    masks = np.zeros(STEPS, "float32")
    observations[0, BITS] = 1
    observations[1 : length + 1, :BITS] = sequence
    observations[length + 1, BITS + 1] = repeats / 10
    start, end = length + 2, length * repeats + length + 2
    answers[start:end, :BITS] = np.tile(sequence, (repeats, 1))
    answers[end, BITS] = 1
    masks[start : end + 1] = 1
    return Samples(observations, answers, masks)


class RepeatCopy(keras.Model):
    """Draws as many samples as there are inputs, which mean nothing; gives the loss of each."""

    def __init__(self) -> None:
        super().__init__()
        # A loop, unlike nine copies of a step, is compiled in seconds, and runs no slower.
        self.network = keras.layers.RNN(NeuralComputerCell(BITS + 1), return_sequences=True)
        self._samples = all_samples()
        self._seeds = keras.random.SeedGenerator()
        self.network.build((None, STEPS, BITS + 2))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the loss of each sample."""
        rows = keras.random.randint(
            (ops.shape(inputs)[0],), 0, len(self._samples.masks), seed=self._seeds
        )
        drawn = Samples(*(ops.take(ops.convert_to_tensor(part), rows, 0) for part in self._samples))
        return losses(drawn, self.network(drawn.observations))

    def compute_loss(self, x: Any, y: Any, y_pred: Any, *_: Any, **__: Any) -> Any:
        """Return their mean."""
        return ops.mean(y_pred)


def losses(samples: Samples, logits: Tensor) -> Tensor:
    """Return the cross-entropy of each sample.

    It is taken of the logits, each with the sign that makes a right one negative: what is left of
    it where the answer is nearly certain would be lost in a difference to 1.
    """
    cross_entropies = ops.softplus((1 - 2 * samples.answers) * logits)
    return ops.sum(samples.masks * ops.sum(cross_entropies, axis=2), axis=1)


def _model(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    return compiled(RepeatCopy(), optimizer, xla=True)
