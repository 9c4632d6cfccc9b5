"""Progress of a training, shown as a bar on a terminal and as lines elsewhere."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from typing import Self

import rich.console
import rich.progress
import rich.text

from .time_left import Run, TimeLeft

BESIDE = 30  # columns for bar, share and time
SECONDS_BETWEEN_LINES = 120  # at least


class Progress:
    """Shows what is being trained, how much of all epochs is done, and how long the rest takes.

    Args:
        console: Where.
        epochs: How many there are to be done, of each optimizer and seed.
        processes: How many runs are trained at a time. Default: 1.
    """

    def __init__(
        self, console: rich.console.Console, epochs: Mapping[Run, int], processes: int = 1
    ) -> None:
        self._left = TimeLeft(epochs, processes)
        is_live = console.is_terminal or console.is_jupyter
        self._display = (Bar if is_live else Lines)(console, self._left)

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._display.stop()

    def show(self, description: str) -> None:
        """Says what is being done."""
        self._display.show(description)

    def epoch(self, name: str, seed: int, seconds: float) -> None:
        """Counts an epoch of an optimizer and a seed, which took so long."""
        self._left.epoch((name, seed), seconds)
        self._display.update()

    def end(self, name: str, seed: int) -> None:
        """Counts the epochs that were not counted, or not done because training ended early."""
        self._left.end((name, seed))
        self._display.update()


class Bar:
    """A bar with the time that is left, which runs down between epochs, too.

    Args:
        console: Where.
        left: What there is to do.
    """

    def __init__(self, console: rich.console.Console, left: TimeLeft) -> None:
        self._left = left
        self._time = TimeColumn()
        self._bar = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}", markup=False),
            rich.progress.BarColumn(),
            rich.progress.TaskProgressColumn(),
            self._time,
            console=console,
        )
        self._task = self._bar.add_task("", total=left.epochs)
        self.start, self.stop = self._bar.start, self._bar.stop

    def show(self, description: str) -> None:
        """Shows this beside the bar, shortened if need be."""
        most = min(60, max(24, self._bar.console.width - BESIDE))
        beginning, end = most * 2 // 3, most // 3 - 3
        short = (
            description
            if len(description) <= most
            else f"{description[:beginning]} … {description[-end:]}"
        )
        self._bar.update(self._task, description=short)

    def update(self) -> None:
        """Shows how much is done."""
        self._time.expect(self._left.seconds())
        self._bar.update(self._task, completed=self._left.epochs_done)


class TimeColumn(rich.progress.ProgressColumn):
    """The time that is left, as hours, minutes and seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._end: float | None = None

    def expect(self, seconds: float | None) -> None:
        """Expects the end in so many seconds, or knows nothing of it."""
        self._end = None if seconds is None else time.monotonic() + seconds

    def render(self, task: rich.progress.Task) -> rich.text.Text:
        """Return the time until then."""
        if self._end is None:
            return rich.text.Text("-:--:--", style="progress.remaining")
        seconds = max(0, round(self._end - time.monotonic()))
        return rich.text.Text(f"{datetime.timedelta(seconds=seconds)}", style="progress.remaining")


class Lines:
    """A line now and then, as a file can keep it.

    Args:
        console: Where.
        left: What there is to do.
    """

    def __init__(self, console: rich.console.Console, left: TimeLeft) -> None:
        self._console, self._left = console, left
        self._description = ""

    def start(self) -> None:
        """Begins to count the time."""
        self._last = time.monotonic()

    def stop(self) -> None:
        """Ends: what comes next says itself that training is over."""

    def show(self, description: str) -> None:
        """Has the next line begin with this."""
        self._description = description

    def update(self) -> None:
        """Writes a line, if it is time."""
        now, seconds = time.monotonic(), self._left.seconds()
        if now - self._last < SECONDS_BETWEEN_LINES or not seconds:
            return
        self._last = now
        share = 100 * self._left.epochs_done // self._left.epochs
        self._console.print(
            f"{self._description}: {share} % of the epochs done, about {_duration(seconds)} left",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )


def _duration(seconds: float) -> str:
    """Return a time in words, as exact as an estimate is."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{round(seconds)} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
