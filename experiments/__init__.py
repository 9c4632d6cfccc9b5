"""Comparisons of optimizers on real tasks: needs the extra `experiments`."""

try:
    from .comparing import compare
    from .comparison import Comparison
    from .record import Record
    from .sweeping import sweep
    from .task import Task
except ModuleNotFoundError as error:
    if error.name not in ("matplotlib", "rich", "sklearn"):
        raise
    raise ModuleNotFoundError(
        f"stepwrap.experiments needs {error.name}. "
        'In the clone of stepwrap, run: pip install ".[experiments]"',
        name="stepwrap.experiments",
    ) from error

__all__ = ["Comparison", "Record", "Task", "compare", "sweep"]
