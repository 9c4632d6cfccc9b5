"""The folder of a run: what was asked for, and what came of it so far."""

from __future__ import annotations

import datetime
import importlib
import json
import os
import pathlib
import platform
import shlex
import shutil
import sys
from typing import Any

import keras

from .. import __version__

SETTINGS = "run.json"
RECORDS = "records"


class RunFolder:
    """A folder that belongs to one run, which continues where it was interrupted.

    Args:
        path: The folder; it is made if need be.
        settings: What decides the results: no other run is continued here.
        force: Whether to start anew, and overwrite what is there. Default: False.

    Raises:
        FileExistsError: If the folder holds another run, or other files, and `force` is False.
        OSError: If it cannot be made or written to.
    """

    def __init__(
        self, path: str | os.PathLike, settings: dict[str, Any], force: bool = False
    ) -> None:
        self.path = pathlib.Path(path)
        # As JSON gives them back.
        self.settings = json.loads(json.dumps({**settings, "versions": versions()}))
        if force:
            self._clear()
        else:
            self._check()
        try:
            (self.path / RECORDS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def _check(self) -> None:
        if not self.path.is_dir() or not any(self.path.iterdir()):
            return
        remedy = "Choose another `output`, or overwrite it with `force` (`--force`)."
        try:
            there = json.loads((self.path / SETTINGS).read_text(encoding="utf-8"))["settings"]
        except FileNotFoundError:
            raise FileExistsError(
                f"The output folder {self.path} holds files that are no run of stepwrap. {remedy}"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise FileExistsError(
                f"{self.path / SETTINGS} cannot be read: the run there may be broken. {remedy}"
            ) from None
        differences = [
            f"{name}: {there.get(name)!r} there, {self.settings.get(name)!r} here"
            for name in {**there, **self.settings}
            if there.get(name) != self.settings.get(name)
        ]
        if differences:
            raise FileExistsError(
                f"The output folder {self.path} holds another run ({'; '.join(differences)}). "
                f"{remedy}"
            )

    def _clear(self) -> None:
        """Removes what runs write, and nothing else."""
        if not self.path.is_dir():
            return
        shutil.rmtree(self.path / RECORDS, ignore_errors=True)
        for pattern in (SETTINGS, "results.*", "steps.*", "table.md"):
            for file in self.path.glob(pattern):
                file.unlink()

    def start(self, size: int) -> None:
        """Writes the settings, after making sure that this many bytes can be written, too.

        Raises:
            OSError: If they cannot.
        """
        probe = self.path / "probe.partial"
        try:
            with probe.open("wb") as file:
                for _ in range(-(-size // 2**20)):
                    file.write(bytes(2**20))
                os.fsync(file.fileno())
            about = {
                "command": _command(),
                "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "settings": self.settings,
            }
            if not (self.path / SETTINGS).exists():
                self.write(SETTINGS, json.dumps(about, indent=2) + "\n")
        except OSError as error:
            raise unwritable(self.path, error) from error
        finally:
            probe.unlink(missing_ok=True)

    def record(self, stack: int, seed: int) -> pathlib.Path:
        """Where the record of a stack, by its number, and a seed is."""
        return self.path / RECORDS / f"{stack:02d}_seed{seed}.npz"

    def write(self, name: str, text: str) -> pathlib.Path:
        """Writes a text file, whole or not at all."""
        partial = self.path / f"{name}.partial"
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, self.path / name)
        return self.path / name


def _command() -> str:
    program = pathlib.Path(sys.argv[0]).name
    return shlex.join(["stepwrap" if program == "__main__.py" else program, *sys.argv[1:]])


def versions() -> dict[str, str]:
    """What results depend on beside the settings."""
    names = ("keras", "numpy", keras.backend.backend())
    return {
        "python": platform.python_version(),
        "stepwrap": __version__,
        # Of the module: what was installed may have another name, such as tensorflow-cpu.
        **{name: importlib.import_module(name).__version__ for name in names},
    }


def unwritable(path: pathlib.Path, error: OSError) -> OSError:
    """The error that says what to do about it."""
    return OSError(
        f"Cannot write the results to the output folder {path}: {error}. Choose another `output`."
    )
