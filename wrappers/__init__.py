"""The wrappers: one file each, and the contract they share."""

from .catalogue import get, names
from .clipped_optimizer import ClippedOptimizer
from .gradient_accumulation import GradientAccumulation
from .l4_adam import L4Adam
from .l4_mom import L4Mom
from .l4_wrapper import L4Wrapper
from .loss_scale_optimizer import LossScaleOptimizer
from .normalized_optimizer import NormalizedOptimizer
from .optimizer_wrapper import OptimizerWrapper
from .skip_non_finite import SkipNonFinite

__all__ = [
    "ClippedOptimizer",
    "GradientAccumulation",
    "L4Adam",
    "L4Mom",
    "L4Wrapper",
    "LossScaleOptimizer",
    "NormalizedOptimizer",
    "OptimizerWrapper",
    "SkipNonFinite",
    "get",
    "names",
]
