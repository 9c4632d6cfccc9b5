"""References of the wrappers in `wrappers/updates/`."""

import numpy as np

from .reference import Reference, added, reference


@reference("gradient_accumulation")
class GradientAccumulation(Reference):
    def start(self, inner, weights):
        super().start(inner, weights)
        self.batches = []

    def step(self, weights, gradients, loss, seen):
        self.batches.append(gradients)
        if len(self.batches) < 2:
            return weights
        means = [np.mean(of_variable, axis=0) for of_variable in zip(*self.batches, strict=True)]
        self.batches = []
        return added(weights, self.inner.step(means))


@reference("skip_non_finite")
class SkipNonFinite(Reference):
    bad_batches = (2,)

    def step(self, weights, gradients, loss, seen):
        if all(np.all(np.isfinite(g)) for g in gradients):
            return added(weights, self.inner.step(gradients))
        return weights
