"""What came of training with one optimizer from one seed."""

from __future__ import annotations

import json
import os
import pathlib
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Record:
    """The course of a training run.

    Args:
        epochs: By epoch: what `fit` reports, such as "loss" and "val_accuracy"; "learning_rate",
            the mean of its steps; "seconds", the time it took to train, without evaluation.
        steps: By step: "loss", of the batch before the step, "learning_rate", the effective one,
            "gradient_norm" and "step_norm".
        stopped: Why training ended early; empty if it did not.
        diverged_at: The step, from 1, since which the loss was not finite or none was made;
            None if training went to its end.
    """

    epochs: dict[str, np.ndarray]
    steps: dict[str, np.ndarray]
    stopped: str = ""
    diverged_at: int | None = None

    def save(self, path: pathlib.Path) -> None:
        """Writes a NumPy archive, whole or not at all."""
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez_compressed(
                file,
                **{f"epochs/{name}": values for name, values in self.epochs.items()},
                **{f"steps/{name}": values for name, values in self.steps.items()},
                end=json.dumps({"stopped": self.stopped, "diverged_at": self.diverged_at}),
            )
        os.replace(partial, path)

    @classmethod
    def load(cls, path: pathlib.Path) -> Self:
        """Reads what `save` wrote."""
        with np.load(path) as archive:
            return cls(
                epochs=_part(archive, "epochs/"),
                steps=_part(archive, "steps/"),
                **json.loads(archive["end"].item()),
            )


def _part(archive: np.lib.npyio.NpzFile, prefix: str) -> dict[str, np.ndarray]:
    names = [name for name in archive.files if name.startswith(prefix)]
    return {name.removeprefix(prefix): archive[name] for name in names}
