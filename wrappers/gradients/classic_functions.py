"""The classic spelling of the registry of normalizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import checks

Tensor = Any


class ClassicFunctions:
    """Registers and lists functions as keras-normalized-optimizers does, by class methods."""

    _register_function: Callable
    """Of `stepwrap.normalizers`, what enters a function of the kind that the class takes."""

    _names_of_functions: Callable[[], list[str]]
    """Of `stepwrap.normalizers`, what lists the names that the class takes."""

    @classmethod
    def set_normalization_function(
        cls, name: str, function: Callable[[Tensor], Tensor], *, replace: bool = False
    ) -> None:
        """Does what `stepwrap.normalizers.register`, or `register_norm`, does."""
        cls._register_function(name, checks.function("function", function), replace=replace)

    @classmethod
    def get_normalization_functions(cls) -> list[str]:
        """Return the names that may be given as `normalization`."""
        return cls._names_of_functions()
