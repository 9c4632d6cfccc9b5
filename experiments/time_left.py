"""An estimate of how long training takes yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

Run = tuple[str, int]  # an optimizer's name, and a seed


class TimeLeft:
    """Estimates it from the time that epochs have taken, of each optimizer by itself.

    Args:
        epochs: How many there are to be done, of each run.
        processes: How many runs are trained at a time.
    """

    def __init__(self, epochs: Mapping[Run, int], processes: int) -> None:
        self._left = dict(epochs)
        self._processes = processes
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self.epochs = sum(epochs.values())

    @property
    def epochs_done(self) -> int:
        """Return how many of all are done."""
        return self.epochs - sum(self._left.values())

    def epoch(self, run: Run, seconds: float) -> None:
        """Counts an epoch of a run, which took so long."""
        name, _ = run
        self._left[run] = max(0, self._left[run] - 1)
        self._seconds[name].append(seconds)

    def end(self, run: Run) -> None:
        """Has a run at its end, also if that came early."""
        self._left[run] = 0

    def seconds(self) -> float | None:
        """Return how many there are left, or None as long as no epoch is done."""
        if not self._seconds:
            return None
        by_run = [left * self._of_an_epoch(name) for (name, _), left in self._left.items()]
        return max(sum(by_run) / self._processes, max(by_run))

    def _of_an_epoch(self, name: str) -> float:
        """Return the mean; of an optimizer that was not trained yet, that of the others."""
        if name in self._seconds:
            return _mean(self._seconds[name])
        return _mean([_mean(seconds) for seconds in self._seconds.values()])


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
