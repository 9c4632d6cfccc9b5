"""The formulas in NumPy, in float64 or wider, written from their definitions alone.

There is one for every name of the catalogue, which `tests/test_formulas.py` holds the wrapper to:
a class under `@reference(name)`, in the file that is called as the wrapper's folder.
"""

from . import gradients, optimizers, step_sizes, steps, updates, weights
from .norms import NORMS, clipped, norm, normalized
from .reference import REFERENCES, Momentum, Reference, reference

__all__ = [
    "NORMS",
    "REFERENCES",
    "Momentum",
    "Reference",
    "clipped",
    "gradients",
    "norm",
    "normalized",
    "optimizers",
    "reference",
    "step_sizes",
    "steps",
    "updates",
    "weights",
]
