"""References of the optimizers in `optimizers/`."""

import math

import numpy as np

from .reference import Reference, added, reference


class Rectified:
    """Algorithm 2 of arXiv 1908.03265, with the epsilon of the authors' code."""

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-7, bound=5):
        self.beta_1, self.beta_2, self.epsilon, self.bound = beta_1, beta_2, epsilon, bound
        self.t, self.m, self.v = 0, 0.0, 0.0

    def step(self, gradient):
        """What is added to the weights at learning rate 1."""
        self.t += 1
        t, gradient = self.t, np.asarray(gradient, "float64")
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * gradient
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * gradient**2
        unbiased = self.m / (1 - self.beta_1**t)
        final = 2 / (1 - self.beta_2) - 1
        length = final - 2 * t * self.beta_2**t / (1 - self.beta_2**t)
        if length <= self.bound:
            return -unbiased
        rectification = math.sqrt(
            ((length - 4) * (length - 2) * final) / ((final - 4) * (final - 2) * length)
        )
        adaptive = math.sqrt(1 - self.beta_2**t) / (np.sqrt(self.v) + self.epsilon)
        return -unbiased * rectification * adaptive


@reference("radam")
class RAdam(Reference):
    rate = float(np.float32(0.001))  # as which Keras keeps it

    def start(self, inner, weights):
        super().start(inner, weights)
        self.rules = [Rectified() for _ in weights]

    def step(self, weights, gradients, loss, seen):
        pairs = zip(self.rules, gradients, strict=True)
        return added(weights, [self.rate * rule.step(g) for rule, g in pairs])
