"""What a step costs at least: as much as moving the bytes that it must move."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from variants import BARE_ADAM, BARE_MOMENTUM, Variant
from workload import Workload

PASS = "single pass"
# Bytes a parameter, in float32. Adam reads g, m, v and w, and writes m, v and w. A norm of the
# gradient reads it once more. What needs all steps before it can make one of them first updates m
# and v (reads g, m, v; writes m, v) and then reads m, v and w again and writes w. An average of its
# own, of gradients or weights, is read and written; what is done at every k-th step costs 1/k.
BYTES = {
    BARE_ADAM: 28,
    BARE_MOMENTUM: 20,
    "OptimizerWrapper": 28,
    "CoupledWeightDecay(rate=0.01)": 28,
    "DecoupledWeightDecay(rate=0.1)": 28,
    "CautiousWeightDecay(rate=0.1)": 28,
    "CorrectedWeightDecay(rate=0.1, peak_learning_rate=0.25)": 28,
    "GradientDropout": 28,
    "GradientNoise": 28,
    "LearningRateDropout": 28,
    "ClippedOptimizer": 28 + 4,
    "DecayToInitialWeights(rate=0.1)": 28 + 4,
    "ClippedOptimizer(scope='global')": 28 + 4,
    "GradientCentralization": 28 + 4,
    "NormalizedOptimizer": 28 + 4,
    "NormalizedOptimizer(scope='global')": 28 + 4,
    "SkipNonFinite": 28 + 4,
    "normalized | clipped": 28 + 4,
    "Adam(clipnorm=1)": 28 + 4,
    "Adam(global_clipnorm=1)": 28 + 4,
    "AdaptiveGradientClipping": 28 + 8,
    "OrthogonalGradient": 28 + 8,
    "GradientEMAFilter": 28 + 8,
    "StepMomentum": 28 + 8,
    "MovingAverage": 28 + 8,
    "Adam(use_ema=True)": 28 + 8,
    "Lookahead": 28 + 8 / 6,
    "Lookahead(slow_state='pullback')": 28 + 24 / 6,
    "StochasticWeightAverage": 28 + 8 / 10,
    "L4Wrapper": 20 + 16,
    "L4Adam": 20 + 16,
    "L4Wrapper(gradient_time_scale=20)": 20 + 16 + 8,
    "L4Mom": 12 + 12,
    "StepClipping(max_norm=1)": 20 + 16,
    "Cautious": 20 + 20,
    "TrustRatio": 24 + 16,
    # Reads and writes the sum at three batches of four, and reads it at the fourth.
    "GradientAccumulation(steps=4)": (3 * 12 + 28 + 4) / 4,
}


def ratio(variant: Variant) -> float | None:
    """Return the bytes, as a ratio to those of the bare optimizer inside, if they are known."""
    own = BYTES.get(variant.name)
    return None if own is None else round(own / BYTES[variant.bases[0]], 3)


def single_pass(workload: Workload) -> Callable[[], None]:
    """Return a function that reads g, m, v and w once and writes m, v and w, as NumPy does it.

    A copy of as many bytes takes longer: the processor reads what is about to be written to.
    """
    g, m, v, w = (workload.weights() for _ in range(4))

    def run() -> None:
        for gradient, first, second, weight in zip(g, m, v, w, strict=True):
            np.add(first, gradient, out=first)
            np.negative(second, out=second)
            np.negative(weight, out=weight)

    return run
