"""A backup of training that survives a kill at any moment."""

from __future__ import annotations

import os
import pathlib
import shutil
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

SEEDS = "seeds.npz"


class BackupAndRestore(keras.callbacks.BackupAndRestore):
    """`keras.callbacks.BackupAndRestore`, safe to kill at any moment, also while it writes.

    Keras writes the weights and then the epoch over those of the last backup. Killed in
    between, it trains an epoch twice; killed in the middle of either, it may not start
    again, with `double_checkpoint` neither; killed while it deletes the backup, it may
    end with weights that were never trained. Here every backup is a folder of its own
    inside `backup_dir`, and gets its name when all of it is on the disk.

    A restarted `fit` ends as if never killed, bit for bit, if the data come in the same
    order and `save_freq` is `"epoch"`. The seeds of layers such as Dropout, which Keras
    leaves out, are in the backup, too (but on PyTorch, a Dropout without a seed draws from
    PyTorch's own generator, which is not). With a number, as in Keras, it starts the epoch
    again, with the weights from the middle of it.

    Args:
        backup_dir: A folder for nothing else, on a local disk. Made if it does not exist.
        save_freq: `"epoch"`, or after how many batches. Default: `"epoch"`.
        double_checkpoint: Whether to keep the last two backups, in case the disk damages
            one. Default: False.
        delete_checkpoint: Whether to delete the backups, and the folder, at the end of
            `fit`. A kill after that, before the model is saved, loses the training: use
            False and delete the folder after saving. Default: True.

    Raises:
        ValueError: If `backup_dir` is empty or `save_freq` neither `"epoch"` nor a whole
            number; at the start of training, if the model is not built.
    """

    def __init__(
        self,
        backup_dir: str | pathlib.Path,
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__(backup_dir, save_freq, double_checkpoint, delete_checkpoint)
        self._folder = pathlib.Path(backup_dir)
        self._unfinished = self._folder / "unfinished"
        self._writer = keras.callbacks.BackupAndRestore(self._unfinished, save_freq)

    def set_model(self, model: keras.Model) -> None:
        """Takes the model to back up."""
        super().set_model(model)
        self._writer.set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the newest backup that can be read, if there is any."""
        shutil.rmtree(self._unfinished, ignore_errors=True)
        self._writer.on_train_begin()  # finds nothing, but says so if the model is not built
        backups = self._backups()
        while backups:
            backup = backups.pop()
            try:
                self._restore(backup)
                return
            except Exception as error:
                if not backups:
                    raise
                warnings.warn(
                    f"The backup {backup} cannot be restored: {error} Trying the one before it.",
                    stacklevel=2,
                )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells the writer the epoch, which Keras' own takes for 0 after a restart."""
        if self.save_freq != "epoch":
            self._writer.on_epoch_end(epoch - 1)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Makes a backup, if it is time."""
        self._writer.on_train_batch_end(batch, logs)
        self._complete()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Makes a backup, if it is time."""
        self._writer.on_epoch_end(epoch, logs)
        self._complete()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Deletes the backups, if that is wanted."""
        if self.delete_checkpoint and self._folder.exists():
            for backup in self._backups():
                self._delete(backup)
            shutil.rmtree(self._folder)

    def _backups(self) -> list[pathlib.Path]:
        """Return all that are complete, the oldest first."""
        return sorted(self._folder.glob("[0-9]*"), key=lambda folder: int(folder.name))

    def write_more(self, folder: pathlib.Path) -> None:
        """Writes into an unfinished backup what is to be in it beside the model's state: seeds."""
        seeds = _seeds(self.model)
        if seeds:
            np.savez(folder / SEEDS, *map(ops.convert_to_numpy, seeds))

    def read_more(self, folder: pathlib.Path) -> None:
        """Reads what `write_more` has written, but for what an earlier version did not."""
        if not (folder / SEEDS).exists():
            return
        with np.load(folder / SEEDS) as archive:
            for seed, name in zip(_seeds(self.model), archive.files, strict=True):
                seed.assign(archive[name])

    def _restore(self, backup: pathlib.Path) -> None:
        reader = keras.callbacks.BackupAndRestore(backup)
        reader.set_model(self.model)
        reader.on_train_begin()
        self.read_more(backup)

    def _complete(self) -> None:
        """Makes a backup of what Keras has written, if it has."""
        if not self._unfinished.exists():
            return
        self.write_more(self._unfinished)
        for path in (*self._unfinished.iterdir(), self._unfinished):
            _flush(path)
        backups = self._backups()
        number = int(backups[-1].name) + 1 if backups else 1
        os.replace(self._unfinished, self._folder / f"{number:06}")
        _flush(self._folder)
        kept = 2 if self.double_checkpoint else 1
        for backup in self._backups()[:-kept]:
            self._delete(backup)

    def _delete(self, backup: pathlib.Path) -> None:
        """Deletes a backup so that no part of it can be taken for the whole."""
        os.replace(backup, self._unfinished)
        shutil.rmtree(self._unfinished)


def _seeds(model: keras.Model) -> list[Any]:
    """Return the variables that the layers have beside their weights."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _flush(path: pathlib.Path) -> None:
    """Has a file or folder written to the disk now."""
    if os.name == "nt":
        return  # Windows flushes nothing that is open for reading, and opens no folder
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
