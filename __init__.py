"""Optimizer wrappers for Keras 3: one line around any optimizer, on every backend."""

from importlib.metadata import version

from . import callbacks, normalizers, wrappers
from .wrappers import (
    ClippedOptimizer,
    GradientAccumulation,
    L4Adam,
    L4Mom,
    L4Wrapper,
    LossScaleOptimizer,
    NormalizedOptimizer,
    OptimizerWrapper,
    SkipNonFinite,
)

__version__ = version("stepwrap")

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
    "callbacks",
    "normalizers",
    "wrappers",
]
