"""The wrappers: one file each, and the contract they share."""

from .catalogue import get, names
from .clipped_optimizer import ClippedOptimizer
from .normalized_optimizer import NormalizedOptimizer
from .optimizer_wrapper import OptimizerWrapper

__all__ = ["ClippedOptimizer", "NormalizedOptimizer", "OptimizerWrapper", "get", "names"]
