"""What a reference is: what a wrapper around SGD with momentum makes of the weights."""

import keras
import numpy as np

REFERENCES = {}


def reference(name):
    """Decorator: the class is the reference of the wrapper, or the optimizer, of that name."""

    def enter(cls):
        REFERENCES[name] = cls
        return cls

    return enter


class Momentum:
    """The optimizer inside. Keras takes its numbers through float32, which holds these."""

    RATE, MOMENTUM = 0.125, 0.75

    def __init__(self):
        self.velocities = None

    @classmethod
    def of_keras(cls):
        return keras.optimizers.SGD(cls.RATE, momentum=cls.MOMENTUM)

    def step(self, gradients):
        """What is added to the weights."""
        self.velocities = [
            coasted - self.RATE * g
            for coasted, g in zip(self._coasted(gradients), gradients, strict=True)
        ]
        return self.velocities

    def gradients_of(self, steps):
        """The gradients that would make these the next steps."""
        pairs = zip(self._coasted(steps), steps, strict=True)
        return [(coasted - step) / self.RATE for coasted, step in pairs]

    def _coasted(self, like):
        if self.velocities is None:
            return [np.zeros_like(array) for array in like]
        return [self.MOMENTUM * velocity for velocity in self.velocities]


class Reference:
    """A wrapper that changes nothing. Its arguments are those of the wrapper's `example`.

    A subclass overrides `of_gradients` or `of_steps`, or whatever of the whole step is its own.
    Everything is in lists with an array for each variable.
    """

    bad_batches = ()
    """The numbers, from 0, of those whose gradients are not finite."""

    def start(self, inner, weights):
        """Makes the state; `weights` are the first ones."""
        self.inner = inner

    def of_gradients(self, weights, gradients):
        """What the inner optimizer is given."""
        return gradients

    def of_steps(self, weights, gradients, steps):
        """What is added to the weights in place of the inner optimizer's steps."""
        return steps

    def step(self, weights, gradients, loss, seen):
        """The weights after a batch.

        Args:
            weights: Those before it.
            gradients: Of the loss.
            loss: A number.
            seen: The weights after it as the wrapper has them, out of which a random one takes
                what was drawn, to look at its distribution in `end`.
        """
        given = self.of_gradients(weights, gradients)
        return added(weights, self.of_steps(weights, given, self.inner.step(given)))

    def end(self, weights):
        """The weights that the model has at the end of `fit`."""
        return weights


def added(weights, steps):
    return [w + p for w, p in zip(weights, steps, strict=True)]


class Draws:
    """Random numbers, taken together over all steps."""

    def __init__(self):
        self._drawn = []

    def add(self, arrays):
        self._drawn += [np.ravel(array).astype("float64") for array in arrays]

    def assert_kept(self, keep):
        """That ones are as many beside the zeros as a probability has it, to six deviations."""
        drawn = np.concatenate(self._drawn)
        assert abs(np.mean(drawn) - keep) < 6 * np.sqrt(keep * (1 - keep) / drawn.size)

    def assert_standard_normal(self):
        """That the first moments are those of N(0, 1), to six deviations."""
        drawn = np.concatenate(self._drawn)
        assert abs(np.mean(drawn)) < 6 * np.sqrt(1 / drawn.size)
        assert abs(np.mean(drawn**2) - 1) < 6 * np.sqrt(2 / drawn.size)
        assert abs(np.mean(drawn**4) - 3) < 6 * np.sqrt(96 / drawn.size)
