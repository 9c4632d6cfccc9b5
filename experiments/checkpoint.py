"""A training that is interrupted goes on from its last checkpoint."""

from __future__ import annotations

import json
import pathlib
import time
from typing import Any

import numpy as np

from ..callbacks import BackupAndRestore
from . import random_state
from .course import Course

SECONDS = 120  # at least, from one checkpoint to the next
COURSE = "course.npz"
EPOCHS = "epochs/"  # in front of the names of what there is by epoch


class DamagedError(Exception):
    """There is a checkpoint, but it cannot be read."""


class Checkpoint(BackupAndRestore):
    """Writes checkpoints at the end of epochs, and goes on from one that is there already.

    It has to be the last of the callbacks that decide on the end of training. A model that Keras
    cannot build by itself has no checkpoints.

    Args:
        folder: Where checkpoints are. It stays there after the end of training, too.
        course: What is in them beside the model's state, that of its optimizer, and the state of
            random numbers.

    Raises:
        DamagedError: At the start of training, if what is there cannot be read.
    """

    def __init__(self, folder: pathlib.Path, course: Course) -> None:
        super().__init__(folder, delete_checkpoint=False)
        self._course = course

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Goes on from a checkpoint, if there is one."""
        self._last = time.monotonic()
        self._can_go_on = self.model.built  # later it is in any case, and nothing would be read
        if not self._can_go_on:
            return
        try:
            super().on_train_begin(logs)
        except Exception as error:  # whatever Keras and NumPy raise at half a file
            raise DamagedError(
                f"The checkpoint in {self.backup_dir} is damaged: {error}"
            ) from error

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes one, if it is time."""
        is_time = time.monotonic() - self._last >= SECONDS
        # What has stopped has its record next; from a checkpoint it would train another epoch.
        if self._can_go_on and is_time and not self.model.stop_training:
            super().on_epoch_end(epoch, logs)
            self._last = time.monotonic()

    def write_more(self, folder: pathlib.Path) -> None:
        """Writes the course of training, and the state of random numbers."""
        super().write_more(folder)
        np.savez(
            folder / COURSE,
            steps=self._course.steps,
            random_state=json.dumps(random_state.get()),
            **{EPOCHS + name: values for name, values in self._course.by_epoch().items()},
        )

    def read_more(self, folder: pathlib.Path) -> None:
        """Reads what `write_more` has written."""
        super().read_more(folder)
        with np.load(folder / COURSE) as archive:
            by_epoch = {
                name.removeprefix(EPOCHS): archive[name].tolist()
                for name in archive.files
                if name.startswith(EPOCHS)
            }
            self._course.go_on(by_epoch, archive["steps"])
            random_state.put(json.loads(archive["random_state"].item()))


def epochs_done(folder: pathlib.Path) -> int:
    """Return how many epochs are done of a training that goes on from this folder."""
    for file in sorted(folder.glob(f"[0-9]*/{COURSE}"), reverse=True):
        try:
            with np.load(file) as archive:
                return len(archive[f"{EPOCHS}seconds"])
        except Exception:  # it is damaged, as will be said when it is to be used
            return 0
    return 0
