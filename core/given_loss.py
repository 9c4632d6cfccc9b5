"""The loss of a step, from where it is given to where it is used."""

from __future__ import annotations

from typing import Any

from keras import ops

from .. import checks
from ..backends import flow
from ..toolkit.replica_local import ReplicaLocal

Tensor = Any


class GivenLoss:
    """The loss of the next step, or of the one that is being done, on each replica."""

    def __init__(self) -> None:
        self._loss = ReplicaLocal()
        self._trace = ReplicaLocal()

    def set(self, loss: Tensor | None) -> None:
        """Keeps the loss, or with None takes it back."""
        if loss is None:
            self._loss.clear()
            self._trace.clear()
            return
        checks.loss(loss)
        # With its gradient, a traced loss would outlive the transformation it belongs to.
        loss = ops.stop_gradient(loss) if ops.is_tensor(loss) else loss
        self._loss.set(loss)
        self._trace.set(flow.trace_of(loss))

    def get(self) -> Tensor | None:
        """Return the loss, None where there is none."""
        return self._loss.get()

    def is_of_here(self) -> bool:
        """Return whether the graph or transformation in which it was given goes on."""
        return self.get() is None or flow.goes_on(self._trace.get())

    def exchange(self, loss: Tensor | None) -> Tensor | None:
        """Has another be the loss, for a step that was looked at before; returns that of before."""
        before = self._loss.get()
        self._loss.set(loss)
        return before
