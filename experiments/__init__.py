"""Comparisons of optimizers on real tasks: needs `pip install "stepwrap[experiments]"`."""

from .comparing import compare
from .comparison import Comparison
from .record import Record
from .sweeping import sweep
from .task import Task

__all__ = ["Comparison", "Record", "Task", "compare", "sweep"]
