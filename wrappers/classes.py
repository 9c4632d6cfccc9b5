"""Every wrapper class: what `stepwrap` and `stepwrap.wrappers` have as their own."""

from ..core.optimizer_wrapper import OptimizerWrapper
from .gradients.adaptive_gradient_clipping import AdaptiveGradientClipping
from .gradients.clipped_optimizer import ClippedOptimizer
from .gradients.coupled_weight_decay import CoupledWeightDecay
from .gradients.gradient_centralization import GradientCentralization
from .gradients.gradient_dropout import GradientDropout
from .gradients.gradient_ema_filter import GradientEMAFilter
from .gradients.gradient_noise import GradientNoise
from .gradients.normalized_optimizer import NormalizedOptimizer
from .gradients.orthogonal_gradient import OrthogonalGradient
from .step_sizes.l4_adam import L4Adam
from .step_sizes.l4_mom import L4Mom
from .step_sizes.l4_wrapper import L4Wrapper
from .steps.cautious import Cautious
from .steps.freeze import Freeze
from .steps.learning_rate_dropout import LearningRateDropout
from .steps.learning_rate_multipliers import LearningRateMultipliers
from .steps.step_clipping import StepClipping
from .steps.step_momentum import StepMomentum
from .steps.trust_ratio import TrustRatio
from .steps.warm_up import WarmUp
from .updates.gradient_accumulation import GradientAccumulation
from .updates.loss_scale_optimizer import LossScaleOptimizer
from .updates.skip_non_finite import SkipNonFinite
from .weights.cautious_weight_decay import CautiousWeightDecay
from .weights.corrected_weight_decay import CorrectedWeightDecay
from .weights.decay_to_initial_weights import DecayToInitialWeights
from .weights.decoupled_weight_decay import DecoupledWeightDecay
from .weights.lookahead import Lookahead
from .weights.moving_average import MovingAverage
from .weights.stochastic_weight_average import StochasticWeightAverage

__all__ = [
    "AdaptiveGradientClipping",
    "Cautious",
    "CautiousWeightDecay",
    "ClippedOptimizer",
    "CorrectedWeightDecay",
    "CoupledWeightDecay",
    "DecayToInitialWeights",
    "DecoupledWeightDecay",
    "Freeze",
    "GradientAccumulation",
    "GradientCentralization",
    "GradientDropout",
    "GradientEMAFilter",
    "GradientNoise",
    "L4Adam",
    "L4Mom",
    "L4Wrapper",
    "LearningRateDropout",
    "LearningRateMultipliers",
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
    "WarmUp",
]
