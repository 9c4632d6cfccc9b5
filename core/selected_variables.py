"""Which variables a wrapper acts on: its arguments `only` and `exclude`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import checks
from ..toolkit.selection import SELECTORS, Selection, warn_of_unmatched
from .batch import Batch
from .inner_settings import is_given_its_inner_optimizer

Variable = Any
Patterns = str | Sequence[str]


class ActsOnSelected:
    """A wrapper whose `build` and hooks are given the variables that it is meant for.

    What is left out gets the step of the optimizer inside, as if the wrapper were not there.
    """

    excluded_by_default: Sequence[str] = ()
    """What `exclude=None` stands for: patterns."""

    overrides: Callable[[str], bool]
    built: bool

    _only: list[str] | None = None
    _exclude: list[str] | None = None
    _selection: Selection | None = None  # None as long as no variable is left out
    _builds_on_selected: bool = False

    @property
    def only(self) -> list[str] | None:
        """Return the patterns of the variables that it acts on, None for all."""
        return self._only

    @only.setter
    def only(self, only: Patterns | None) -> None:
        self._only = self._accepted("only", only)
        if self._only == []:
            raise ValueError(
                "`only` must have a pattern at least, for no variable matches none. Leave it out "
                "to act on all variables. Received: only=[]."
            )

    @property
    def exclude(self) -> list[str] | None:
        """Return the patterns of those that it leaves out, None for `excluded_by_default`."""
        return self._exclude

    @exclude.setter
    def exclude(self, exclude: Patterns | None) -> None:
        self._exclude = self._accepted("exclude", exclude)

    def _accepted(self, argument: str, patterns: Patterns | None) -> list[str] | None:
        if patterns is None:
            return None
        self.check_selection(argument, patterns)
        if getattr(self, "built", False):
            raise ValueError(
                f"`{argument}` cannot be set on {type(self).__name__} once it is built, for it has "
                f"its state already. Write `{type(self).__name__}(..., {argument}={patterns!r})`."
            )
        return checks.patterns(argument, patterns, SELECTORS)

    def check_selection(self, argument: str, patterns: Any) -> None:
        """Raises if the wrapper cannot leave variables out of what it does."""
        refuse_selection(type(self), argument, patterns)

    def selection_of(self, variables: Sequence[Variable]) -> Selection:
        """Return which of these variables its patterns select."""
        exclude = self.excluded_by_default if self._exclude is None else self._exclude
        return Selection(self._only, exclude, variables)

    @contextlib.contextmanager
    def building_on_selected(self, variables: Sequence[Variable]) -> Iterator[Sequence[Variable]]:
        """Gives the variables that a subclass's `build` is to see: those that are selected.

        `OptimizerWrapper.build`, which it calls, gets all from `variables_to_build`.
        """
        if self._builds_on_selected:  # the `build` of a class below has called this one
            yield variables
            return
        self._select(variables)
        self._builds_on_selected = True
        try:
            yield self.selected(variables)
        finally:
            self._builds_on_selected = False

    def variables_to_build(self, variables: Sequence[Variable]) -> Sequence[Variable]:
        """Return all variables, where a subclass's `build` was given the selected ones."""
        if not self._builds_on_selected:
            self._select(variables)
            return variables
        return variables if self._selection is None else self._selection.all_variables

    def _select(self, variables: Sequence[Variable]) -> None:
        for argument, patterns in (("only", self._only), ("exclude", self._exclude)):
            if patterns is not None:
                self.check_selection(argument, patterns)  # again, for what was set since
                warn_of_unmatched(argument, patterns, variables)
        selection = self.selection_of(variables)
        self._selection = None if selection.is_everything else selection

    def selected(self, variables: Sequence[Variable]) -> Sequence[Variable]:
        """Return those of the variables that a built wrapper acts on, in their order.

        The same list, if it leaves none out.
        """
        return variables if self._selection is None else self._selection.of(variables)

    def selected_in(self, batch: Batch) -> Batch:
        """Return the step with the places that the wrapper acts on; the same, if that is all."""
        if self._selection is None:
            return batch
        return batch.at(
            tuple(place for place in batch.places if batch.variables[place] in self._selection)
        )


def refuse_selection(cls: type, argument: str, patterns: Any) -> None:
    """Refuses `only` or `exclude` for a class that cannot leave variables out of what it does."""
    name = cls.__name__
    if not is_given_its_inner_optimizer(cls):
        raise ValueError(
            f"`{argument}` cannot be given to {name}, which makes the optimizer inside of it "
            "itself: that would do nothing sensible with what is left out. Put a wrapper around an "
            f"optimizer, such as `stepwrap.L4Wrapper('adam', {argument}={patterns!r})`. "
            f"Received: {argument}={patterns!r}."
        )
    if not hasattr(cls, "overrides") or cls.overrides("apply_inner"):
        raise ValueError(
            f"`{argument}` cannot be given to {name}, which decides whether there is a step: of "
            "all variables, or of none. Give it to the wrappers inside, which change gradients, "
            f"steps or weights: `{name}(stepwrap.ClippedOptimizer(..., {argument}={patterns!r}))`. "
            f"Received: {argument}={patterns!r}."
        )
