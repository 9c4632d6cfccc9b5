"""The progress bar."""

from __future__ import annotations

from collections import Counter
from typing import Self

import rich.console
import rich.progress

BESIDE = 30  # columns for bar, share and time


class Progress:
    """Shows what is being trained, how much of all epochs is done, and how long the rest takes.

    Args:
        console: Where.
        epochs: How many there are in sum.
    """

    def __init__(self, console: rich.console.Console, epochs: int) -> None:
        self._bar = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}", markup=False),
            rich.progress.BarColumn(),
            rich.progress.TaskProgressColumn(),
            rich.progress.TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("", total=epochs)
        self._done: Counter[tuple[str, int]] = Counter()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def show(self, description: str) -> None:
        """Says what is being done."""
        most = min(60, max(24, self._bar.console.width - BESIDE))
        beginning, end = most * 2 // 3, most // 3 - 3
        short = (
            description
            if len(description) <= most
            else f"{description[:beginning]} … {description[-end:]}"
        )
        self._bar.update(self._task, description=short)

    def epoch(self, name: str, seed: int) -> None:
        """Counts an epoch of an optimizer and a seed."""
        self._done[name, seed] += 1
        self._bar.advance(self._task)

    def end(self, name: str, seed: int, epochs: int) -> None:
        """Counts the epochs that were not counted, or not done because training ended early."""
        self._bar.advance(self._task, epochs - self._done[name, seed])
        self._done[name, seed] = epochs
