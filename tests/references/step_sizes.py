"""References of the wrappers in `wrappers/step_sizes/`."""

import numpy as np

from .reference import Momentum, Reference, reference


class L4:
    """The rule of "L4: Practical loss-based stepsize adaptation", arXiv 1802.05074."""

    def __init__(self, loss_floor=0.0, max_learning_rate=np.inf):
        self.loss_floor = loss_floor
        self.max_learning_rate = max_learning_rate
        self.min_loss = None
        self.sums = None
        self.weight = 0.0

    def learning_rate(self, loss, gradients, directions):
        """η for one step; gradients and directions are lists of arrays."""
        loss = loss - self.loss_floor
        if self.sums is None:
            self.sums = [np.zeros_like(gradient) for gradient in gradients]
        self.sums = [
            0.9 * total + 0.1 * gradient
            for total, gradient in zip(self.sums, gradients, strict=True)
        ]
        self.weight = 0.9 * self.weight + 0.1
        slope = sum(
            np.sum(total / self.weight * direction)
            for total, direction in zip(self.sums, directions, strict=True)
        )
        self.min_loss = 0.75 * loss if self.min_loss is None else min(self.min_loss, loss)
        gap = loss - 0.9 * self.min_loss
        rate = min(0.15 * gap / (slope + 1e-12), self.max_learning_rate)
        self.min_loss *= 1 + 1 / 1000
        return rate if slope > 0 and gap > 0 else 0.0


class Average:
    """A moving average, corrected for its start at zero."""

    def __init__(self, decay):
        self.decay, self.weight, self.sums = decay, 0.0, None

    def enter(self, arrays):
        """The averages after these."""
        if self.sums is None:
            self.sums = [np.zeros_like(array) for array in arrays]
        self.weight = self.decay * self.weight + 1 - self.decay
        self.sums = [
            self.decay * total + (1 - self.decay) * array
            for total, array in zip(self.sums, arrays, strict=True)
        ]
        return [total / self.weight for total in self.sums]


@reference("l4")
class L4Wrapper(Reference):
    def start(self, inner, weights):
        super().start(inner, weights)
        self.rule = L4()

    def directions(self, gradients):
        return [-step / Momentum.RATE for step in self.inner.step(gradients)]

    def step(self, weights, gradients, loss, seen):
        directions = self.directions(gradients)
        rate = self.rule.learning_rate(loss, gradients, directions)
        return [w - rate * v for w, v in zip(weights, directions, strict=True)]


@reference("l4mom")
class L4Mom(L4Wrapper):
    def start(self, inner, weights):
        super().start(inner, weights)
        self.average = Average(0.9)

    def directions(self, gradients):
        return self.average.enter(gradients)


@reference("l4adam")
class L4Adam(L4Mom):
    def start(self, inner, weights):
        super().start(inner, weights)
        self.square_average = Average(0.999)

    def directions(self, gradients):
        averages = self.average.enter(gradients)
        squares = self.square_average.enter([g**2 for g in gradients])
        return [a / (np.sqrt(s) + 1e-4) for a, s in zip(averages, squares, strict=True)]
