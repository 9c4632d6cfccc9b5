"""Replicas of the model: here, one in every process, so nothing is to be summed or compared."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any


class Replicas:
    """Several replicas of the model, or one."""

    def replica(self) -> int:
        """Return the number of the replica that is being worked on, 0 if there is one."""
        return 0

    def must_sum(self) -> bool:
        """Return whether this is one of several replicas, whose gradients are not summed yet."""
        return False

    def once_summed(self, step: Callable[[list, Any], None], gradients: list, loss: Any) -> None:
        """Calls step(gradients, loss) with what the replicas have together.

        Within that call, nothing is summed again, not by the optimizers inside either.
        """
        step(gradients, loss)

    def leave_sums_to_wrapper(self, optimizer: Any) -> None:
        """Has an optimizer not sum over replicas what a wrapper around it has summed."""

    def on_all_replicas(self, condition: Any) -> Any:
        """Return whether the condition holds on all replicas.

        Processes that each have one replica have the same gradients, and so the same conditions.
        """
        return condition

    def check_made_together(self, wrapper: str, variables: Sequence[Any], optimizer: Any) -> None:
        """Raises if the variables, and those of the optimizer, are not for the same replicas."""

    def check_place(self, wrapper: str, variable: Any) -> None:
        """Raises if a variable cannot be trained here, that is on these replicas."""

    def agree(self, variables: Sequence[Any]) -> None:
        """Gives all replicas what the first one has in these variables, once, before training."""

    def scope_of(self, variable: Any) -> AbstractContextManager:
        """Return where a new variable gets the same replicas."""
        return contextlib.nullcontext()

    def once_for_all_replicas(
        self, work: Callable[[Callable[[], None]], Any], function: Callable, tensors: list
    ) -> Any:
        """Calls work(run) once, in which run() calls function(tensors) on every replica."""
        return work(lambda: function(tensors))

    def key(self, variable: Any) -> Any:
        """Return what tells a variable from others, as a layer knows it."""
        return id(variable)

    def local_key(self, variable: Any) -> Any:
        """Return what tells a variable from others, as an update on this replica knows it."""
        return id(self.local(variable))

    def local_keys(self, variable: Any) -> list[Any]:
        """Return what `local_key` may be of the variable, on any replica."""
        return [self.local_key(variable)]

    def local(self, variable: Any) -> Any:
        """Return what of the variable is this replica's own, and written without the others."""
        return variable
