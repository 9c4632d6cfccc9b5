"""Tables of results: for the terminal, and in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import rich.box
import rich.console
import rich.table
import rich.text

from ..optimizers import catalogue as optimizers

NAME_WIDTH = 20  # to which the names of a table may be narrowed at most
NAMES = {
    "loss": "training loss",
    "accuracy": "training accuracy",
    "val_loss": "test loss",
    "val_accuracy": "test accuracy",
    "seconds": "seconds per epoch",
}


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column, the names, is aligned left and the others right."""
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    return "".join(f"| {' | '.join(row)} |\n" for row in [columns, rule, *rows])


@dataclass(frozen=True)
class Terminal:
    """The same for `rich`: where the terminal is too narrow, a block of lines for each row.

    Names and headings are broken between words, numbers never.

    Args:
        title: Stands above.
        columns: The headings.
        rows: The cells, a name first in each.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __rich_console__(
        self, console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> Iterator[rich.table.Table | rich.text.Text]:
        """Gives the table, if there is room for it, or else the blocks."""
        spaces = 3 * len(self.columns) + 1
        if widths := self._widths(options.max_width - spaces):
            yield self._table(widths)
        else:
            yield from self._blocks(options.max_width)

    def _widths(self, room: int) -> list[int] | None:
        """Return how wide each column is to be; None if there is no room for them."""
        columns = list(zip(self.columns, *self.rows, strict=True))
        least = [max(map(_longest_part, column)) for column in columns]
        widths = [max(map(len, column)) for column in columns]
        least[0] = max(least[0], min(widths[0], NAME_WIDTH))
        if sum(least) > room:
            return None
        while sum(widths) > room:
            spare = [width - fewest for width, fewest in zip(widths, least, strict=True)]
            widths[spare.index(max(spare))] -= 1
        return widths

    def _table(self, widths: Sequence[int]) -> rich.table.Table:
        table = rich.table.Table(
            title=rich.text.Text(self.title), box=rich.box.SIMPLE_HEAD, title_justify="left"
        )
        for number, (column, width) in enumerate(zip(self.columns, widths, strict=True)):
            justify = "right" if number else "left"
            table.add_column(column, justify=justify, overflow="fold", width=width)
        for row in self.rows:
            table.add_row(*map(rich.text.Text, row))
        return table

    def _blocks(self, width: int) -> Iterator[rich.text.Text]:
        longest = max(map(len, self.columns[1:]), default=0)
        yield rich.text.Text(f"{self.title}\n", style="table.title", overflow="fold")
        for name, *cells in self.rows:
            yield rich.text.Text(name, style="table.header", overflow="fold")
            for heading, cell in zip(self.columns[1:], cells, strict=True):
                beside = f"  {heading:{longest}}  {cell}"
                line = beside if len(beside) <= width else f"  {heading}\n    {cell}"
                if cell:
                    yield rich.text.Text(line, overflow="fold")
            yield rich.text.Text()


def _longest_part(text: str) -> int:
    """Return the length of what is not to be broken: a number with its deviation, a word."""
    has_words = re.search("[^\\W\\d_]{2}", text)  # rather than the e of 1.2e-5
    return max(map(len, text.split()), default=0) if has_words else len(text)


def coded(row: Sequence[str]) -> list[str]:
    """Return the row with its first cell, if it is a stack's text, as code in a Markdown table."""
    name, *others = row
    is_stack = name.partition("|")[0].partition("(")[0].strip() in optimizers.names()
    return [f"`{name}`".replace("|", "\\|") if is_stack else name, *others]


def milestones(wanted: Iterable[int], last: int) -> list[int]:
    """Return those of the wanted that a run reaches, and its last."""
    return sorted({step for step in wanted if step < last} | {last})


def heading(quantity: str) -> str:
    """Return what a quantity is called."""
    return NAMES.get(quantity, quantity.replace("val_", "test ").replace("_", " "))


def counted(number: int, noun: str) -> str:
    """Return a number of things, such as "1 seed" or "3 seeds"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def mean_and_deviation(quantity: str, values: np.ndarray) -> str:
    """Return both over seeds, if there are several; an accuracy in per cent, else three digits."""
    several = len(values) > 1
    if quantity.endswith("accuracy"):
        return f"{100 * values.mean():.1f} %" + (f" ± {100 * values.std():.1f}" if several else "")
    return f"{values.mean():#.3g}" + (f" ± {values.std():.1g}" if several else "")
