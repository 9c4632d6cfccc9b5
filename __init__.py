"""Optimizer wrappers for Keras 3: one line around any optimizer, on every backend."""

from importlib.metadata import version

from . import normalizers, wrappers
from .wrappers import ClippedOptimizer, NormalizedOptimizer, OptimizerWrapper

__version__ = version("stepwrap")

__all__ = [
    "ClippedOptimizer",
    "NormalizedOptimizer",
    "OptimizerWrapper",
    "normalizers",
    "wrappers",
]
