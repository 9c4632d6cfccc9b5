"""The replicas of a backend that has one in every process: nothing is to be summed or compared."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any


def replica() -> int:
    """The only one."""
    return 0


def must_sum() -> bool:
    """They are whole when the optimizer gets them."""
    return False


def leave_sums_to_wrapper(optimizer: Any) -> None:
    """It does not sum."""


def on_all_replicas(condition: Any) -> Any:
    """The condition: all processes have the same gradients."""
    return condition


def check_made_together(wrapper: str, variables: Sequence[Any], optimizer: Any) -> None:
    """Nothing to check: there are no scopes."""


def check_place(wrapper: str, variable: Any) -> None:
    """Nothing to check: there are no scopes."""


def agree(variables: Sequence[Any]) -> None:
    """Nothing to agree on."""


def scope_of(variable: Any) -> AbstractContextManager:
    """No scope."""
    return contextlib.nullcontext()


def once_for_all_replicas(
    work: Callable[[Callable[[], None]], Any], function: Callable, tensors: list
) -> Any:
    """The only replica."""
    return work(lambda: function(tensors))


def key(variable: Any) -> Any:
    """The identity of the Keras variable."""
    return id(variable)


def local_key(variable: Any) -> Any:
    """The same: there is one replica."""
    return key(variable)
