"""The tasks, each of which is a function of the data folder that returns a `Task`."""

from . import bad_regression, digits, linear_regression, mnist, quadratic
from .catalogue import get, names, task

__all__ = [
    "bad_regression",
    "digits",
    "get",
    "linear_regression",
    "mnist",
    "names",
    "quadratic",
    "task",
]
