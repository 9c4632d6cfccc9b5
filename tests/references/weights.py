"""References of the wrappers in `wrappers/weights/`."""

from .reference import Momentum, Reference, added, reference


@reference("lookahead")
class Lookahead(Reference):
    def __init__(self, sync_period):
        self.sync_period = sync_period

    def start(self, inner, weights):
        super().start(inner, weights)
        self.slow, self.t = weights, 0

    def step(self, weights, gradients, loss, seen):
        weights = super().step(weights, gradients, loss, seen)
        self.t += 1
        if self.t % self.sync_period:
            return weights
        self.slow = [slow + 0.5 * (w - slow) for slow, w in zip(self.slow, weights, strict=True)]
        return self.slow


class Averages(Reference):
    """Leaves the weights alone, and has averages of them in the end."""

    def start(self, inner, weights):
        super().start(inner, weights)
        self.averages, self.n = weights, 0  # the steps before this one

    def step(self, weights, gradients, loss, seen):
        weights = super().step(weights, gradients, loss, seen)
        self.enter(weights)
        return weights

    def enter(self, weights):
        """Brings the averages up to these weights, those after a step."""
        kept = self.kept()
        self.averages = [
            average - (average - w) * (1 - kept)
            for average, w in zip(self.averages, weights, strict=True)
        ]
        self.n += 1

    def end(self, weights):
        return self.averages


@reference("moving_average")
class MovingAverage(Averages):
    """As TensorFlow Addons has it, which counts the steps before this one."""

    def __init__(self, average_decay, start_step=0, dynamic_decay=False):
        self.average_decay, self.start_step = average_decay, start_step
        self.dynamic_decay = dynamic_decay

    def kept(self):
        since_start = self.n - self.start_step
        if since_start < 0:
            return 0
        if self.dynamic_decay:
            return min(self.average_decay, (1 + since_start) / (10 + since_start))
        return self.average_decay


@reference("stochastic_weight_average")
class StochasticWeightAverage(Averages):
    """As TensorFlow Addons has it; before the first snapshot, weights are their own average."""

    def __init__(self, start_averaging=0, average_period=10):
        self.start_averaging, self.average_period = start_averaging, average_period

    def kept(self):
        if self.n < self.start_averaging:
            return 0
        snapshots, since_last = divmod(self.n - self.start_averaging, self.average_period)
        return 1 if since_last else snapshots / (snapshots + 1)


class Decay(Reference):
    """Weights that decay by a part of themselves, and then make the step of the inner optimizer."""

    def __init__(self, rate, learning_rate=Momentum.RATE):
        self.rate, self.learning_rate = rate, learning_rate

    def step(self, weights, gradients, loss, seen):
        steps = self.inner.step(gradients)
        decays = [self.decay(w, p) for w, p in zip(weights, steps, strict=True)]
        return [w - d + p for w, d, p in zip(weights, decays, steps, strict=True)]


@reference("decoupled_weight_decay")
class DecoupledWeightDecay(Decay):
    def decay(self, w, p):
        return self.learning_rate * self.rate * w


@reference("cautious_weight_decay")
class CautiousWeightDecay(Decay):
    """Algorithm 1 of arXiv 2510.12402, with u = −p / learning rate."""

    def decay(self, w, p):
        u = -p / self.learning_rate
        return self.learning_rate * self.rate * (u * w >= 0) * w


@reference("corrected_weight_decay")
class CorrectedWeightDecay(Decay):
    def __init__(self, rate, peak_learning_rate, learning_rate=Momentum.RATE):
        super().__init__(rate, learning_rate)
        self.peak_learning_rate = peak_learning_rate

    def decay(self, w, p):
        return self.learning_rate**2 / self.peak_learning_rate * self.rate * w


@reference("decay_to_initial_weights")
class DecayToInitialWeights(Decay):
    def start(self, inner, weights):
        super().start(inner, weights)
        self.initial = weights

    def step(self, weights, gradients, loss, seen):
        ways = [w - w0 for w, w0 in zip(weights, self.initial, strict=True)]
        decayed = [
            w - self.learning_rate * self.rate * way for w, way in zip(weights, ways, strict=True)
        ]
        return added(decayed, self.inner.step(gradients))
