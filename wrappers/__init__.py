"""The wrappers: one file each, and the contract they share."""

from .catalogue import get, names
from .clipped_optimizer import ClippedOptimizer
from .l4_adam import L4Adam
from .l4_mom import L4Mom
from .l4_wrapper import L4Wrapper
from .normalized_optimizer import NormalizedOptimizer
from .optimizer_wrapper import OptimizerWrapper

__all__ = [
    "ClippedOptimizer",
    "L4Adam",
    "L4Mom",
    "L4Wrapper",
    "NormalizedOptimizer",
    "OptimizerWrapper",
    "get",
    "names",
]
