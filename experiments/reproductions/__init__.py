"""Published results, done again: a folder for each, with a page that compares the two."""

from .l4_mnist import experiment as l4_mnist
from .l4_regression import experiment as l4_regression
from .mix_mnist import experiment as mix_mnist

__all__ = ["l4_mnist", "l4_regression", "mix_mnist"]
