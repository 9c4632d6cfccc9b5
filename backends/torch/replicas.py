"""Replicas on PyTorch: processes, whose gradients DistributedDataParallel averages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from .. import reference


class Replicas(reference.Replicas):
    """The processes of torch.distributed, each with one replica."""

    def __init__(self) -> None:
        self._has_mean_loss = False

    def once_summed(self, step: Callable[[list, Any], None], gradients: list, loss: Any) -> None:
        """Averages the loss over the processes, as their gradients are by then."""
        if loss is None or self._has_mean_loss or not _several_processes():
            step(gradients, loss)
            return
        loss = torch.as_tensor(loss).detach().clone()
        torch.distributed.all_reduce(loss)
        self._has_mean_loss = True
        try:
            step(gradients, loss / torch.distributed.get_world_size())
        finally:
            self._has_mean_loss = False

    def agree(self, variables: Sequence[Any]) -> None:
        """Sends them from the first process, as DistributedDataParallel does weights."""
        if _several_processes():
            for variable in variables:
                torch.distributed.broadcast(variable.value, src=0)


def _several_processes() -> bool:
    distributed = torch.distributed
    return (
        distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )
