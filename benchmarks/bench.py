"""What wrapping costs: the time of a step beside the bare optimizer's, on every backend.

    python benchmarks/bench.py [--fast | --all]
    python benchmarks/bench.py --modes jax torch --sizes S L --kinds step --variants 'l4*'

Writes into a folder: records as JSON, tables in Markdown, and a picture. A backend that is not
installed is left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import picture
import plan
import tables
from cell import Cell
from modes import MODES

HERE = pathlib.Path(__file__).parent
PACKAGES = ("stepwrap", "keras", "numpy", "tensorflow", "jax", "torch", "optax")
PACKAGES += ("pytorch_optimizer", "momo-opt")
# Modules of peers, and the packages that have them, for each backend.
PEERS = {
    "jax": {"optax": "optax"},
    "torch": {"pytorch_optimizer": "pytorch_optimizer", "momo": "momo-opt"},
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what the arguments say, and writes all that comes of it."""
    options = _parser().parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    if options.draw is not None:
        write(json.loads(options.draw.read_text(encoding="utf-8")), options.output)
        return
    modes = [mode for mode in options.modes if is_there(mode)]
    for line in missing_peers(modes):
        print(line)
    started = time.monotonic()
    result: dict[str, Any] = {"about": about(), "records": []}
    failures = []
    minutes = options.minutes or (None if options.variants else plan.MINUTES[options.depth])
    for cell in _timed(_cells(options, modes), minutes):
        began = time.monotonic()
        try:
            found = measured(cell)
        except ChildFailedError as error:
            failures.append(cell)
            print(f"{cell}: failed\n{error}", file=sys.stderr)
            continue
        result["records"] += found
        took, total = time.monotonic() - began, time.monotonic() - started
        rounds = min(record.get("rounds", 1) for record in found)
        print(f"{cell}: {rounds} rounds, {took:.0f} s, {total / 60:.1f} minutes in all", flush=True)
        if options.variants and cell.kind != "memory":
            print(tables.of_cells(found))
        write(result, options.output)
    if failures:
        raise SystemExit(f"Not measured: {'; '.join(map(str, failures))}")


class ChildFailedError(RuntimeError):
    """A cell's process ended with an error; the message is what it printed."""


def measured(cell: Cell) -> list[dict[str, Any]]:
    """Return the records of a cell, from a process of its own."""
    environment = MODES[cell.mode].environment(cell.threads, cell.kind)
    with tempfile.TemporaryDirectory() as folder:
        given, made = pathlib.Path(folder, "cell.json"), pathlib.Path(folder, "records.json")
        given.write_text(json.dumps(dataclasses.asdict(cell)), encoding="utf-8")
        process = subprocess.run(
            [sys.executable, HERE / "run_cell.py", given, made],
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,  # for backends have much to say when they are imported
            text=True,
        )
        if process.returncode:
            raise ChildFailedError(process.stderr)
        return json.loads(made.read_text(encoding="utf-8"))


def about() -> dict[str, Any]:
    """Return the machine in general terms, and the versions."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "machine": f"{platform.system()} on {platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        **versions,
    }


def write(result: dict[str, Any], folder: pathlib.Path) -> None:
    """Writes the records, the tables and the picture."""
    lines = ",\n".join(json.dumps(record) for record in result["records"])
    text = f'{{"about": {json.dumps(result["about"])},\n"records": [\n{lines}\n]}}\n'
    (folder / "bench.json").write_text(text, encoding="utf-8")
    (folder / "bench.md").write_text(tables.summary(result), encoding="utf-8")
    (folder / "bench_peers.md").write_text(tables.peers(result), encoding="utf-8")
    (folder / "bench_tables.md").write_text(tables.everything(result), encoding="utf-8")
    picture.draw(result, folder / "bench")


def is_there(mode: str) -> bool:
    """Return whether a mode can be measured; says so if not."""
    if not MODES[mode].is_installed:
        print(f"{MODES[mode].title} is left out: {MODES[mode].backend} is not installed.")
    return MODES[mode].is_installed


def missing_peers(modes: Sequence[str]) -> list[str]:
    """Return a line for each package of peers that these modes lack."""
    backends = {MODES[mode].backend for mode in modes}
    return [
        f"{module} is left out: the package {package} is not installed."
        for backend, modules in PEERS.items()
        if backend in backends
        for module, package in modules.items()
        if importlib.util.find_spec(module) is None
    ]


def _cells(options: argparse.Namespace, modes: list[str]) -> list[Cell]:
    chosen = plan.cells(options.depth, modes, options.variants)
    if options.rounds is not None:
        rounds = (min(3, options.rounds), options.rounds)
        chosen = [dataclasses.replace(cell, rounds=rounds) for cell in chosen]
    return [
        cell
        for cell in chosen
        if cell.size in options.sizes
        and cell.kind in options.kinds
        and cell.threads in options.threads
    ]


def _timed(cells: list[Cell], minutes: float | None) -> Iterator[Cell]:
    """Yield the cells, each with its share of the time if that is limited."""
    end = None if minutes is None else time.monotonic() + 60 * minutes
    for index, cell in enumerate(cells):
        yield cell if end is None else plan.with_share(cells, index, end - time.monotonic())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    depth = parser.add_mutually_exclusive_group()
    depth.set_defaults(depth="usual")
    for name, meaning in {
        "fast": "a few variants at two sizes, in less than five minutes",
        "all": "every variant at every size, in hours",
    }.items():
        depth.add_argument(
            f"--{name}", dest="depth", action="store_const", const=name, help=meaning
        )
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--sizes", nargs="+", choices=plan.SIZES, default=plan.SIZES)
    parser.add_argument("--kinds", nargs="+", choices=plan.KINDS, default=plan.KINDS)
    parser.add_argument(
        "--threads",
        nargs="+",
        choices=plan.THREADS,
        default=plan.THREADS,
        help="CPU time on one processor, or wall time on all",
    )
    parser.add_argument(
        "--variants",
        nargs="+",
        metavar="PATTERN",
        help="these only, at every size, kind and number of threads that is not left out: "
        "patterns such as 'l4*', or 'headline'",
    )
    parser.add_argument("--rounds", type=int, help="the largest number of rounds")
    parser.add_argument("--minutes", type=float, help="for all of it, about")
    parser.add_argument(
        "--draw", type=pathlib.Path, metavar="JSON", help="only tables and picture, from a file"
    )
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("output", "bench"),
        help="folder (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    main()
