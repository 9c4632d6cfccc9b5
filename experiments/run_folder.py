"""The folder of a run: what was asked for, and what came of it so far."""

from __future__ import annotations

import contextlib
import datetime
import importlib
import json
import os
import pathlib
import platform
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from .. import __version__

SETTINGS = "run.json"
RECORDS = "records"
REMEDY = "Choose another `output`, or overwrite it with `force` (`--force`)."


class RunFolder:
    """A folder that belongs to one run, which continues where it was interrupted, or grows.

    Args:
        path: The folder; it is made if need be.
        settings: What decides the results of every optimizer: no other run is continued here.
        stacks: The optimizers that are asked for, by name, each as `fingerprint.of_optimizer` has
            it. Later others may be asked for, but by no name another one.
        seeds: How many seeds each is trained from. Later there may be more, or fewer.
        force: Whether to start anew, and overwrite what is there. Default: False.

    Raises:
        FileExistsError: If the folder holds another run, or other files, and `force` is False.
        OSError: If it cannot be made or written to.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        settings: dict[str, Any],
        stacks: Mapping[str, Mapping[str, str]],
        seeds: int,
        force: bool = False,
    ) -> None:
        self.path = pathlib.Path(path)
        # As JSON gives them back.
        self._shared = json.loads(json.dumps({**settings, "versions": versions()}))
        self.settings = {
            **self._shared,
            "stacks": {name: stack["optimizer"] for name, stack in stacks.items()},
            "seeds": list(range(seeds)),
        }
        # All that the folder is for, in the order of the numbers of the records.
        self._held: dict[str, dict[str, Any]] = {}
        if force:
            self._clear()
        else:
            self._check(stacks)
        for name, stack in stacks.items():
            before = self._held.get(name, {"seeds": []})["seeds"]
            self._held[name] = {**stack, "seeds": max(before, self.settings["seeds"], key=len)}
        try:
            (self.path / RECORDS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def _check(self, stacks: Mapping[str, Mapping[str, str]]) -> None:
        """Reads what the folder holds, and refuses what does not belong to it."""
        if not self.path.is_dir() or not any(self.path.iterdir()):
            return
        try:
            about = json.loads((self.path / SETTINGS).read_text(encoding="utf-8"))
            there, self._held = about["settings"], about.get("holds", {})
        except FileNotFoundError:
            raise FileExistsError(
                f"The output folder {self.path} holds files that are no run of stepwrap. {REMEDY}"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FileExistsError(
                f"{self.path / SETTINGS} cannot be read: the run there may be broken. {REMEDY}"
            ) from None
        if "fingerprint" not in there:
            raise FileExistsError(
                f"The output folder {self.path} holds a run of an earlier stepwrap, which did not "
                "note what model and data it trained: whether they are the same cannot be told. "
                f"{REMEDY}"
            )
        changes = [
            *_changes_of_settings({name: there.get(name) for name in self._shared}, self._shared),
            *_changes_of_stacks(self._held, stacks),
        ]
        if changes:
            raise FileExistsError(
                f"The output folder {self.path} holds another run ({'; '.join(changes)}). {REMEDY}"
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
            self._write_settings()
        except OSError as error:
            raise unwritable(self.path, error) from error
        finally:
            probe.unlink(missing_ok=True)

    def _write_settings(self) -> None:
        """Says what is asked for, and what the folder holds, unless that is written already."""
        what = {"settings": self.settings, "holds": self._held}
        with contextlib.suppress(FileNotFoundError):
            there = json.loads((self.path / SETTINGS).read_text(encoding="utf-8"))
            if {name: there[name] for name in what} == what:
                return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        about = {"command": _command(), "started": now, **what}
        self.write(SETTINGS, json.dumps(about, indent=2) + "\n")

    def record(self, name: str, seed: int) -> pathlib.Path:
        """Return where the record of an optimizer and a seed is."""
        return self.path / RECORDS / f"{list(self._held).index(name):02d}_seed{seed}.npz"

    def write(self, name: str, text: str) -> pathlib.Path:
        """Writes a text file, whole or not at all."""
        partial = self.path / f"{name}.partial"
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, self.path / name)
        return self.path / name


def _changes_of_settings(there: Mapping, here: Mapping) -> Iterator[str]:
    """Yield what is not the same, and what it is where that tells a user something."""
    for name, other in here.items():
        one = there.get(name)
        if one == other:
            continue
        if name == "fingerprint":
            yield from (f"{part}: not the same" for part in other if one.get(part) != other[part])
        elif isinstance(one, dict) and isinstance(other, dict):
            yield from _changes_of_settings(
                {f"{name} of {key}": one.get(key) for key in {**one, **other}},
                {f"{name} of {key}": other.get(key) for key in {**one, **other}},
            )
        else:
            yield f"{name}: {one!r} there, {other!r} here"


def _changes_of_stacks(there: Mapping, here: Mapping) -> Iterator[str]:
    """Yield which names mean another optimizer now."""
    for name in here:
        one, other = there.get(name, here[name]), here[name]
        if one["optimizer"] != other["optimizer"]:
            yield f"optimizer {name!r}: {one['optimizer']} there, {other['optimizer']} here"
        elif one.get("code") != other.get("code"):
            yield f"code or settings of optimizer {name!r}: not the same"


def _command() -> str:
    program = pathlib.Path(sys.argv[0]).name
    return shlex.join(["stepwrap" if program == "__main__.py" else program, *sys.argv[1:]])


def versions() -> dict[str, str]:
    """Return what results depend on beside the settings."""
    names = ("keras", "numpy", keras.backend.backend())
    return {
        "python": platform.python_version(),
        "stepwrap": __version__,
        # Of the module: what was installed may have another name, such as tensorflow-cpu.
        **{name: importlib.import_module(name).__version__ for name in names},
    }


def unwritable(path: pathlib.Path, error: OSError) -> OSError:
    """Return the error that says what to do about it."""
    return OSError(
        f"Cannot write the results to the output folder {path}: {error}. Choose another `output`."
    )
