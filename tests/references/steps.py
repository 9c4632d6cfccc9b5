"""References of the wrappers in `wrappers/steps/`."""

import numpy as np

from .reference import Draws, Momentum, Reference, added, reference


@reference("cautious")
class Cautious(Reference):
    def of_steps(self, weights, gradients, steps):
        kept = [s * g < 0 for s, g in zip(steps, gradients, strict=True)]
        return [s * k / max(np.mean(k), 1e-3) for s, k in zip(steps, kept, strict=True)]


@reference("learning_rate_dropout")
class LearningRateDropout(Reference):
    def start(self, inner, weights):
        super().start(inner, weights)
        self.kept = Draws()

    def step(self, weights, gradients, loss, seen):
        steps = self.inner.step(gradients)
        kept = [np.abs(s - w) > np.abs(p) / 2 for s, w, p in zip(seen, weights, steps, strict=True)]
        self.kept.add(kept)
        return added(weights, [k * p for k, p in zip(kept, steps, strict=True)])

    def end(self, weights):
        self.kept.assert_kept(0.5)
        return weights


@reference("trust_ratio")
class TrustRatio(Reference):
    def __init__(
        self,
        coefficient=1.0,
        weight_decay=0.0,
        epsilon=0.0,
        left_out=lambda w: w.ndim < 2,
        learning_rate=Momentum.RATE,
    ):
        self.coefficient, self.weight_decay, self.epsilon = coefficient, weight_decay, epsilon
        self.left_out, self.learning_rate = left_out, learning_rate

    def of_steps(self, weights, gradients, steps):
        return [self._of_variable(w, p) for w, p in zip(weights, steps, strict=True)]

    def _of_variable(self, w, p):
        if self.left_out(w):
            return p
        direction = -p / self.learning_rate + self.weight_decay * w
        norms = np.linalg.norm(w), np.linalg.norm(direction)
        ratio = self.coefficient * norms[0] / (norms[1] + self.epsilon)
        return -self.learning_rate * ratio * direction


@reference("step_clipping")
class StepClipping(Reference):
    def __init__(self, max_norm=None, max_rms=None, together=False):
        self.measure = np.linalg.norm if max_rms is None else _root_mean_square
        self.bound = max_norm if max_rms is None else max_rms
        self.together = together

    def of_steps(self, weights, gradients, steps):
        if self.together:
            size = self.measure(np.concatenate([step.ravel() for step in steps]))
            return [step * min(1, self.bound / size) for step in steps]
        return [step * min(1, self.bound / self.measure(step)) for step in steps]


def _root_mean_square(array):
    return np.sqrt(np.mean(array**2))


@reference("step_momentum")
class StepMomentum(Reference):
    def __init__(self, momentum=0.9, nesterov=False):
        self.momentum, self.nesterov, self.velocities = momentum, nesterov, None

    def of_steps(self, weights, gradients, steps):
        if self.velocities is None:
            self.velocities = [np.zeros_like(step) for step in steps]
        self.velocities = self._moved(steps)
        return self._moved(steps) if self.nesterov else self.velocities

    def _moved(self, steps):
        return [self.momentum * v + p for v, p in zip(self.velocities, steps, strict=True)]


def _kind(w):
    """What is in the path of a variable of the tests, by its axes."""
    return {0: "scale", 1: "bias"}.get(w.ndim, "kernel")


@reference("learning_rate_multipliers")
class LearningRateMultipliers(Reference):
    def __init__(self, multipliers, default=1.0):
        self.multipliers, self.default = multipliers, default

    def of_steps(self, weights, gradients, steps):
        of_each = [self.multipliers.get(_kind(w), self.default) for w in weights]
        return [m * p for m, p in zip(of_each, steps, strict=True)]


@reference("warm_up")
class WarmUp(Reference):
    def __init__(self, steps, start=0.0):
        self.steps, self.first, self.t = steps, start, 0

    def of_steps(self, weights, gradients, steps):
        factor = min(1, self.first + (1 - self.first) * self.t / self.steps)
        self.t += 1
        return [factor * p for p in steps]


@reference("freeze")
class Freeze(Reference):
    def __init__(self, until):
        self.until, self.t = until, 0

    def of_steps(self, weights, gradients, steps):
        begins = [self.until.get(_kind(w), 0) for w in weights]
        trains = [begin is not None and self.t >= begin for begin in begins]
        self.t += 1
        return [p if now else 0 * p for now, p in zip(trains, steps, strict=True)]
