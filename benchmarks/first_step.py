"""What the first train step costs, tracing and compiling included: bare, and in wrappers.

    python benchmarks/first_step.py [--backends jax torch] [--models dense] [--output FOLDER]

Writes the records and a table of them into a folder; what is measured takes the place of what was
there, the rest stays. Each number is the processor time of one call of `train_on_batch`, of all
threads, in a process of its own. A backend that is not installed is left out. With everything it
takes ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import bench
import plan
import tables
from modes import MODES

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
MODELS = {
    "dense": "100 Dense layers, 202 variables",
    "mobilenet": "MobileNetV2, 158 variables",
}
STACKS = {
    "bare": "`Adam`",
    "one": "`NormalizedOptimizer`",
    "l4": "`L4Wrapper`",
    "four": "four deep",
    "five": "five deep",
    "off": "one, `jit_compile=False`",
}
FOUR = "adam | cautious | gradient_centralization | normalized | lookahead"
FIVE = f"adam | {plan.FIVE}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what the arguments say, and writes the table."""
    options = _parser().parse_args(arguments)
    if options.one is not None:
        print(json.dumps(first_step(*options.one)))
        return
    options.output.mkdir(parents=True, exist_ok=True)
    records = options.output / "first_step.json"
    found = json.loads(records.read_text(encoding="utf-8")) if records.exists() else {}
    for model in options.models:
        for backend in filter(bench.is_there, options.backends):
            seconds = {stack: in_a_process(model, backend, stack) for stack in stacks_for(backend)}
            print(f"{model}, {backend}: {seconds}", flush=True)
            found.setdefault(model, {})[backend] = seconds
            found["machine"] = bench.about()["machine"]
            records.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            table = options.output / "first_step_table.md"
            table.write_text(written(found), encoding="utf-8")


def stacks_for(backend: str) -> list[str]:
    """Return the stacks that are measured; nothing but TensorFlow has the setting of the last."""
    return [stack for stack in STACKS if stack != "off" or backend == "tensorflow"]


def in_a_process(model: str, backend: str, stack: str) -> float:
    """Return the seconds of a process that does nothing else."""
    process = subprocess.run(
        [sys.executable, __file__, "--one", model, stack],
        env={**os.environ, **MODES[backend].environment("all", "train")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return round(json.loads(process.stdout.splitlines()[-1]), 1)


def first_step(model: str, stack: str) -> float:
    """Return the processor time of a model's first train step, in this process."""
    import keras

    network, shape = {"dense": dense, "mobilenet": mobilenet}[model]()
    network.compile(
        optimizers()[stack](), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    random = np.random.default_rng(0)
    x = random.normal(size=(8, *shape)).astype("float32")
    y = random.integers(10, size=8)
    start = time.process_time()
    network.train_on_batch(x, y)
    return time.process_time() - start


def dense(layers: int = 100) -> tuple[Any, tuple[int, ...]]:
    """Return a network of many small variables, and the shape of an input."""
    import keras

    hidden = [keras.layers.Dense(32, "relu") for _ in range(layers)]
    return keras.Sequential([keras.Input((32,)), *hidden, keras.layers.Dense(10)]), (32,)


def mobilenet() -> tuple[Any, tuple[int, ...]]:
    """Return a model that is in use, and the shape of an input."""
    import keras

    shape = (96, 96, 3)
    network = keras.applications.MobileNetV2(
        input_shape=shape, weights=None, classes=10, classifier_activation=None
    )
    return network, shape


def optimizers() -> Mapping[str, Callable[[], Any]]:
    """Return what makes the optimizer of each stack."""
    import keras

    import stepwrap

    def normalized() -> Any:
        return stepwrap.NormalizedOptimizer(keras.optimizers.Adam())

    return {
        "bare": keras.optimizers.Adam,
        "one": normalized,
        "l4": lambda: stepwrap.L4Wrapper("adam"),
        "four": lambda: stepwrap.parse(FOUR),
        "five": lambda: stepwrap.parse(FIVE),
        "off": lambda: stepwrap.OptimizerWrapper(normalized(), jit_compile=False),
    }


def written(found: Mapping[str, Any]) -> str:
    """Return the table, and what it shows."""
    rows = [
        [f"{title}, {name}", *_cells(found[model][backend])]
        for model, title in MODELS.items()
        for backend, name in BACKENDS.items()
        if backend in found.get(model, ())
    ]
    return (
        "Processor time of the first train step, and in brackets as a ratio to the bare one's; "
        f"four deep is `{FOUR}`, five deep `{FIVE}`. {found['machine']}.\n\n"
        + tables.markdown(["", *STACKS.values()], rows)
    )


def _cells(seconds: Mapping[str, float]) -> list[str]:
    ratios = {stack: f" ({time / seconds['bare']:.1f})" for stack, time in seconds.items()}
    ratios["bare"] = ""
    return [
        f"{seconds[stack]:.1f} s{ratios[stack]}" if stack in seconds else "" for stack in STACKS
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("output", "bench"),
        help="folder (default: %(default)s)",
    )
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "STACK"), help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
