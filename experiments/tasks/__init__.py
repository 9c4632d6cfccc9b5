"""The tasks, each of which is a function of the data folder that returns a `Task`."""

from . import (
    bad_regression,
    cifar10,
    digits,
    fashion_mnist,
    linear_regression,
    mnist,
    quadratic,
    repeat_copy,
)
from .catalogue import get, names, task

__all__ = [
    "bad_regression",
    "cifar10",
    "digits",
    "fashion_mnist",
    "get",
    "linear_regression",
    "mnist",
    "names",
    "quadratic",
    "repeat_copy",
    "task",
]
