"""Published results, done again: a folder for each, with a page that compares the two."""

from .normalized_cifar import experiment as normalized_cifar
from .normalized_convex import experiment as normalized_convex
from .normalized_mlp import experiment as normalized_mlp

__all__ = ["normalized_cifar", "normalized_convex", "normalized_mlp"]
