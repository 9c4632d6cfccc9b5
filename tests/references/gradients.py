"""References of the wrappers in `wrappers/gradients/`."""

import numpy as np

from . import norms
from .reference import Draws, Reference, added, reference


@reference("normalized")
class NormalizedOptimizer(Reference):
    def of_gradients(self, weights, gradients):
        return [norms.normalized("l2", [g])[0] for g in gradients]


@reference("clipped")
class ClippedOptimizer(Reference):
    def of_gradients(self, weights, gradients):
        return [norms.clipped("l2", [g], 1.0)[0] for g in gradients]


@reference("coupled_weight_decay")
class CoupledWeightDecay(Reference):
    def __init__(self, rate, left_out=lambda w: False):
        self.rate, self.left_out = rate, left_out

    def of_gradients(self, weights, gradients):
        pairs = zip(weights, gradients, strict=True)
        return [g if self.left_out(w) else g + self.rate * w for w, g in pairs]


@reference("gradient_centralization")
class GradientCentralization(Reference):
    def of_gradients(self, weights, gradients):
        def unit_means(g):
            return np.mean(g.reshape(-1, g.shape[-1]), axis=0)

        return [g - unit_means(g) if g.ndim >= 2 else g for g in gradients]


@reference("adaptive_gradient_clipping")
class AdaptiveGradientClipping(Reference):
    def __init__(self, clipping=0.01):
        self.clipping = clipping

    def of_gradients(self, weights, gradients):
        return [self._clipped(w, g) for w, g in zip(weights, gradients, strict=True)]

    def _clipped(self, w, g):
        w_units, g_units = (
            np.atleast_1d(t).reshape(-1, t.shape[-1] if t.ndim > 1 else 1) for t in (w, g)
        )
        result = np.empty_like(g_units)
        for unit in range(g_units.shape[1]):
            bound = self.clipping * max(np.linalg.norm(w_units[:, unit]), 1e-3)
            norm = np.linalg.norm(g_units[:, unit])
            result[:, unit] = g_units[:, unit] * min(1, bound / norm)
        return result.reshape(g.shape)


@reference("orthogonal_gradient")
class OrthogonalGradient(Reference):
    def of_gradients(self, weights, gradients):
        def turned(w, g):
            if w.size == 1:
                return g
            rest = g - np.sum(w * g) / np.sum(w * w) * w
            return rest * np.linalg.norm(g) / np.linalg.norm(rest)

        return [turned(w, g) for w, g in zip(weights, gradients, strict=True)]


@reference("gradient_ema_filter")
class GradientEMAFilter(Reference):
    def __init__(self, alpha=0.98, amplification=2.0):
        self.alpha, self.amplification, self.averages = alpha, amplification, None

    def of_gradients(self, weights, gradients):
        if self.averages is None:
            self.averages = gradients
        self.averages = [
            self.alpha * a + (1 - self.alpha) * g
            for a, g in zip(self.averages, gradients, strict=True)
        ]
        return [g + self.amplification * a for a, g in zip(self.averages, gradients, strict=True)]


@reference("gradient_noise")
class GradientNoise(Reference):
    def start(self, inner, weights):
        super().start(inner, weights)
        self.noise, self.t = Draws(), 0

    def step(self, weights, gradients, loss, seen):
        given = self.inner.gradients_of([s - w for s, w in zip(seen, weights, strict=True)])
        deviation = np.sqrt(0.3 / (1 + self.t) ** 0.55)
        self.noise.add([(n - g) / deviation for n, g in zip(given, gradients, strict=True)])
        self.t += 1
        return added(weights, self.inner.step(given))

    def end(self, weights):
        self.noise.assert_standard_normal()
        return weights


@reference("gradient_dropout")
class GradientDropout(Reference):
    def start(self, inner, weights):
        super().start(inner, weights)
        self.kept = Draws()

    def step(self, weights, gradients, loss, seen):
        given = self.inner.gradients_of([s - w for s, w in zip(seen, weights, strict=True)])
        kept = [np.abs(n) > np.abs(g) / 2 for n, g in zip(given, gradients, strict=True)]
        self.kept.add(kept)
        thinned = [k * g for k, g in zip(kept, gradients, strict=True)]
        return added(weights, self.inner.step(thinned))

    def end(self, weights):
        self.kept.assert_kept(0.9)
        return weights
