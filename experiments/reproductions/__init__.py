"""Published results, done again: a folder for each, with a page that compares the two."""

from .learning_rate_demo import experiment as learning_rate_demo
from .normalized_cifar import experiment as normalized_cifar
from .normalized_convex import experiment as normalized_convex
from .normalized_mlp import experiment as normalized_mlp

__all__ = ["learning_rate_demo", "normalized_cifar", "normalized_convex", "normalized_mlp"]
