"""Optimizer wrappers for Keras 3: one line around any optimizer, on every backend."""

from importlib.metadata import version

from . import callbacks, normalizers, wrappers
from .wrappers import (
    ClippedOptimizer,
    L4Adam,
    L4Mom,
    L4Wrapper,
    NormalizedOptimizer,
    OptimizerWrapper,
)

__version__ = version("stepwrap")

__all__ = [
    "ClippedOptimizer",
    "L4Adam",
    "L4Mom",
    "L4Wrapper",
    "NormalizedOptimizer",
    "OptimizerWrapper",
    "callbacks",
    "normalizers",
    "wrappers",
]
