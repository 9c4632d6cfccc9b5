"""The sparse gradients of a backend that has none, or makes them dense where they come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def is_sparse(gradient: Any) -> bool:
    """No gradient is kept so."""
    return False


def rows(gradient: Any, variable: Any) -> Any:
    """Never called."""
    raise NotImplementedError("This backend has no sparse gradients.")


def written_out(gradient: Any) -> Any:
    """The gradient, which is dense."""
    return gradient


def slices(gradient: Any) -> Any:
    """The gradient, which is dense."""
    return gradient


def sizes_are_known(gradients: Sequence[Any]) -> bool:
    """Always: they are those of the variables."""
    return True
