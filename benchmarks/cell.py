"""A cell of the benchmark: the part that one process measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """Describes what one process measures.

    Args:
        mode: A name in `modes.MODES`.
        size: A name in `workload.SIZES`.
        kind: "step" alone, whole "train" step, or "memory" of the step.
        threads: "one", for CPU time on one processor, or "all", for wall time.
        variants: Patterns of names; "headline" means those that stand for the others.
        rounds: The least and the largest number of rounds.
        seconds: How long it may take, or None.
    """

    mode: str
    size: str
    kind: str
    threads: str = "one"
    variants: Sequence[str] = ("headline",)
    rounds: Sequence[int] = (5, 40)
    seconds: float | None = None

    def __str__(self) -> str:
        return f"{self.mode}, {self.size}, {self.kind}, threads: {self.threads}"
