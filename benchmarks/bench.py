"""What wrapping costs: the time of a step beside the bare optimizer's, on every backend.

    python benchmarks/bench.py [--fast] [--modes jax torch] [--sizes S L] [--variants 'l4*']
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import cell as cells
from cell import Cell
from modes import MODES

HERE = pathlib.Path(__file__).parent


def measured(cell: Cell) -> list[dict]:
    """The records of a cell, from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = pathlib.Path(folder, "cell.json"), pathlib.Path(folder, "records.json")
        given.write_text(cells.as_json(cell), encoding="utf-8")
        process = subprocess.run(
            [sys.executable, HERE / "cell.py", given, made],
            env={**os.environ, **MODES[cell.mode].environment(cell.threads)},
            stderr=subprocess.PIPE,  # what backends say when they are imported
            text=True,
        )
        if process.returncode:
            raise SystemExit(f"{cell} failed:\n{process.stderr}")
        return json.loads(made.read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--sizes", nargs="+", default=["S", "D", "L"])
    parser.add_argument("--kinds", nargs="+", default=["step"])
    parser.add_argument("--threads", nargs="+", default=["one"])
    parser.add_argument("--variants", nargs="+", default=["headline"])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("output", "bench"))
    o = parser.parse_args()
    o.output.mkdir(parents=True, exist_ok=True)
    for mode in o.modes:
        for kind in o.kinds:
            for threads in o.threads:
                records = {}
                for size in o.sizes:
                    cell = Cell(mode, size, kind, threads, o.variants, o.seconds, (3, o.rounds))
                    for record in measured(cell):
                        records.setdefault(record["variant"], {})[size] = record
                print(f"\n{MODES[mode].title}, {kind}, {threads}")
                for name, row in records.items():
                    texts = []
                    for size in o.sizes:
                        r = row[size]
                        q = next(iter(r["ratios"].values()))
                        texts.append(
                            f"{q[1]:.2f} ({q[0]:.2f}-{q[2]:.2f}) {1e6 * r['seconds'][1]:7.0f}us first {r['first_call_seconds']:.1f}s floor {r['ratio_to_single_pass'][1]:.2f} n{r['rounds']}"
                        )
                    print(f"{name:40}", *texts, sep="  ")


if __name__ == "__main__":
    main()
