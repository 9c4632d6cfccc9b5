"""Where a reproduction is done: how long it takes, and where its results go."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import rich.console

from .. import tables
from ..comparison import Comparison
from ..pictures import Center, Panel, draw
from ..plan import Plan, Stacks
from ..report import write_results
from ..run_folder import unwritable
from ..tables import counted
from ..task import Task

T = TypeVar("T")


@dataclass(frozen=True)
class Length:
    """How long training takes: so many epochs, seeds, and samples at most (None for all)."""

    epochs: int
    seeds: int = 3
    samples: int | None = None


class Laboratory:
    """Runs the comparisons of a reproduction, and takes its table and pictures.

    Args:
        name: The reproduction's name.
        output: The folder for its results.
        fast: Whether to do less: `fast` lengths in place of `full` ones.
        data: The folder of the data sets, None for Keras' cache.
        jobs: How many processes train at a time.
        force: Whether to overwrite another run.
        console: Where progress and results are shown.
    """

    def __init__(
        self,
        name: str,
        output: pathlib.Path,
        *,
        fast: bool = False,
        data: pathlib.Path | None = None,
        jobs: int = 1,
        force: bool = False,
        console: rich.console.Console,
    ) -> None:
        self.name = name
        self.output = output
        self.fast = fast
        self.data = data
        self._options = {"data": data, "jobs": jobs, "force": force}
        self.console = console
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(output, error) from error

    def choose(self, full: T, fast: T) -> T:
        """What is for this laboratory."""
        return fast if self.fast else full

    def compare(
        self, part: str, stacks: Stacks, task: str | Task, *, full: Length, fast: Length
    ) -> Comparison:
        """Runs one comparison; its records and results are in a folder of that name.

        Args:
            part: What it is called in this reproduction: one, of possibly several.
            stacks: As in `stepwrap.experiments.compare`.
            task: The same.
            full: How long it takes.
            fast: How long with `--fast`.
        """
        length = self.choose(full, fast)
        plan = Plan(
            stacks,
            task,
            output=self.output / part,
            epochs=length.epochs,
            seeds=length.seeds,
            samples=length.samples,
            **self._options,
        )
        more = f"{counted(full.epochs, 'epoch')} and {counted(full.seeds, 'seed')}"
        in_full = f"--fast, in full {more}: " if self.fast else ""
        samples = "" if length.samples is None else f", at most {length.samples:,} samples"
        self.console.print(
            f"{self.name}, {part}: {in_full}{counted(len(plan.stacks), 'optimizer')}, "
            f"{counted(length.epochs, 'epoch')}, {counted(length.seeds, 'seed')}{samples}",
            soft_wrap=True,
        )
        comparison = plan.run(self.console)
        write_results(comparison, plan.folder)
        return comparison

    def table(
        self, name: str, caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None:
        """Shows a table, and writes it in Markdown, with its caption, as `<name>_table.md`.

        Args:
            name: Of the file, that of the reproduction in front.
            caption: What the numbers are: data, network, epochs, seeds.
            columns: The headings.
            rows: The first cell of each is a stack's text, or what a published row is called.
        """
        caption = self.caption(caption)
        self.console.print(tables.Terminal(caption, columns, rows))
        text = f"{caption}\n\n{tables.markdown(columns, map(tables.coded, rows))}"
        (self.output / f"{name}_table.md").write_text(text, encoding="utf-8")

    def picture(
        self, name: str, panels: Sequence[Panel], title: str, center: Center = np.mean
    ) -> None:
        """Draws a picture; name as in `table`, the others as in `pictures.draw`."""
        draw(panels, self.caption(title), self.output / name, center)

    def caption(self, text: str) -> str:
        """The text, which says so if this is a fast run."""
        return f"Fast run, too short for a result. {text}" if self.fast else text
