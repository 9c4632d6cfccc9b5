"""The wrappers: one file each, and the contract they share."""

from .adaptive_gradient_clipping import AdaptiveGradientClipping
from .catalogue import get, names, register, unregister
from .cautious import Cautious
from .clipped_optimizer import ClippedOptimizer
from .coupled_weight_decay import CoupledWeightDecay
from .gradient_accumulation import GradientAccumulation
from .gradient_centralization import GradientCentralization
from .gradient_dropout import GradientDropout
from .gradient_ema_filter import GradientEMAFilter
from .gradient_noise import GradientNoise
from .l4_adam import L4Adam
from .l4_mom import L4Mom
from .l4_wrapper import L4Wrapper
from .learning_rate_dropout import LearningRateDropout
from .lookahead import Lookahead
from .loss_scale_optimizer import LossScaleOptimizer
from .moving_average import MovingAverage
from .normalized_optimizer import NormalizedOptimizer
from .optimizer_wrapper import OptimizerWrapper
from .orthogonal_gradient import OrthogonalGradient
from .skip_non_finite import SkipNonFinite
from .step_clipping import StepClipping
from .step_momentum import StepMomentum
from .stochastic_weight_average import StochasticWeightAverage
from .trust_ratio import TrustRatio

__all__ = [
    "AdaptiveGradientClipping",
    "Cautious",
    "ClippedOptimizer",
    "CoupledWeightDecay",
    "GradientAccumulation",
    "GradientCentralization",
    "GradientDropout",
    "GradientEMAFilter",
    "GradientNoise",
    "L4Adam",
    "L4Mom",
    "L4Wrapper",
    "LearningRateDropout",
    "Lookahead",
    "LossScaleOptimizer",
    "MovingAverage",
    "NormalizedOptimizer",
    "OptimizerWrapper",
    "OrthogonalGradient",
    "SkipNonFinite",
    "StepClipping",
    "StepMomentum",
    "StochasticWeightAverage",
    "TrustRatio",
    "get",
    "names",
    "register",
    "unregister",
]
