"""What wrapping costs on a GPU: the time of a step beside the bare optimizer's, JAX or PyTorch.

    python gpu.py jax
    python gpu.py torch --sizes S 100M --dtypes bfloat16 --kinds step --stacks 'l4*' normalized
    python gpu.py torch --cpu --sizes tiny --rounds 2      # to try it where there is no GPU

This file needs no other of this folder: copy it to where the GPU is. It needs Keras, NumPy,
stepwrap and the backend. A wrapped optimizer and the bare one that it wraps take turns; a timing is
many calls and one synchronisation after them, in wall time. Writes records as JSON and tables in
Markdown into a folder, after each optimizer, and prints the tables.
"""

from __future__ import annotations

import argparse
import fnmatch
import functools
import gc
import importlib.metadata
import itertools
import json
import math
import os
import pathlib
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SIZES = {  # the widths of dense layers
    "tiny": (6, 5, 4),
    "S": (784, 300, 100, 10),
    "N": (*[32] * 101, 10),
    "L": (1826,) * 4,
    "100M": (5772,) * 4,
}
KINDS = {"step": "The step alone", "train": "A whole train step, batches of 64"}
ITEM_SIZES = {"float32": 4, "bfloat16": 2}
BATCH_SIZE = 64
# So small that the weights stay where they are: a step costs the same at the end as at the start.
ADAM, MOMENTUM = "adam(1e-06)", "sgd(1e-06, momentum=0.9)"
FIVE = "cautious | gradient_centralization | normalized | clipped | lookahead"
# Optimizers as texts, and how many numbers of a weight's they read and write at least. Adam reads
# g, m, v and w, and writes m, v and w. A norm or a mean of the gradient reads it once more. What
# needs the whole step before any part of it goes through m, v and w a second time. An average is
# read and written; what is done at every k-th step counts 1/k.
NUMBERS = {
    ADAM: 7,
    MOMENTUM: 5,
    f"{ADAM} | normalized": 8,
    f"{ADAM} | normalized(scope='global')": 8,
    f"{ADAM} | clipped": 8,
    f"{ADAM} | clipped(scope='global')": 8,
    f"{ADAM} | gradient_centralization": 8,
    f"{ADAM} | learning_rate_dropout": 7,
    f"{ADAM} | cautious": 10,
    f"{ADAM} | trust_ratio": 10,
    f"{ADAM} | l4(fraction=1e-06)": 9,
    "l4mom(fraction=1e-06)": 6,
    f"{ADAM} | lookahead": 7 + 2 / 6,
    f"{ADAM} | moving_average": 9,
    f"{ADAM} | skip_non_finite": 8,
    "adam(1e-06, clipnorm=1)": 8,
    "adam(1e-06, global_clipnorm=1)": 8,
    "adam(1e-06, use_ema=True)": 9,
}
BASES = {"l4mom(fraction=1e-06)": MOMENTUM}
# After how many steps a wrapper has done everything that it does.
CYCLES = {"gradient_accumulation": 4, "lookahead": 6, "stochastic_weight_average": 10}
SHORTEST = 0.05  # seconds that a timing takes at least
WARM_UP = 3  # calls
COPIED = 2**28  # bytes, to see how fast the memory is
COPIES = 20


@dataclass(frozen=True)
class Problem:
    """What a step is done on.

    Args:
        size: A name in `SIZES`.
        kind: A name in `KINDS`.
        dtype: Of the weights, the gradients and the optimizer's state.
    """

    size: str
    kind: str
    dtype: str

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the kernels and biases."""
        return [
            shape
            for rows, columns in itertools.pairwise(SIZES[self.size])
            for shape in ((rows, columns), (columns,))
        ]

    @property
    def weights(self) -> int:
        """Return how many weights there are."""
        return sum(math.prod(shape) for shape in self.shapes)

    def variables(self) -> list[Any]:
        """Return new variables, as large as those of trained networks."""
        import keras

        return [
            keras.Variable(0.05 * random_numbers(shape), dtype=self.dtype) for shape in self.shapes
        ]

    @functools.cached_property
    def gradients(self) -> list[Any]:
        """Return the same tensors for everyone: nobody writes to them."""
        return [self._tensor(shape) for shape in self.shapes]

    @functools.cached_property
    def loss(self) -> Any:
        """Return the loss that the gradients are of."""
        import keras

        return keras.ops.convert_to_tensor(1.0)

    @functools.cached_property
    def batch(self) -> tuple[Any, Any]:
        """Inputs and targets."""
        widths = SIZES[self.size]
        return tuple(self._tensor((BATCH_SIZE, width)) for width in (widths[0], widths[-1]))

    def model(self, optimizer: Any) -> Any:
        """Return a ReLU network, ready to train."""
        import keras

        first, *hidden, last = SIZES[self.size]
        layers = [
            keras.layers.Dense(width, "relu", dtype=self.dtype, kernel_initializer="he_normal")
            for width in hidden
        ]
        model = keras.Sequential([keras.Input((first,), dtype=self.dtype), *layers])
        model.add(keras.layers.Dense(last, dtype=self.dtype))
        model.compile(optimizer, loss="mse")
        optimizer.build(model.trainable_variables)
        model.make_train_function()
        return model

    def _tensor(self, shape: tuple[int, ...]) -> Any:
        import keras

        return keras.ops.cast(keras.ops.convert_to_tensor(random_numbers(shape)), self.dtype)


def random_numbers(shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers that are the same each time."""
    return np.random.default_rng(0).standard_normal(shape, "float32")


@dataclass(frozen=True)
class Step:
    """A step that can be done again and again.

    Args:
        run: Starts it.
        wait: Returns when all that was started is done.
    """

    run: Callable[[], None]
    wait: Callable[[], None]


def step_of(text: str, problem: Problem) -> Step:
    """Return the step of an optimizer, as Keras' own trainers do it."""
    import keras

    import stepwrap

    keras.utils.set_random_seed(3)
    optimizer = stepwrap.parse(text)
    make = {
        ("jax", "step"): _jax_step,
        ("jax", "train"): _jax_train_step,
        ("torch", "step"): _torch_step,
        ("torch", "train"): _torch_train_step,
    }
    return make[keras.backend.backend(), problem.kind](optimizer, problem)


def _built(optimizer: Any, problem: Problem) -> tuple[list[Any], dict[str, Any]]:
    """Return the variables, and the loss for an optimizer that takes one."""
    import stepwrap

    variables = problem.variables()
    optimizer.build(variables)
    takes_loss = isinstance(optimizer, stepwrap.OptimizerWrapper)
    return variables, {"loss": problem.loss} if takes_loss else {}


def _jax_step(optimizer: Any, problem: Problem) -> Step:
    import jax

    variables, loss = _built(optimizer, problem)

    def step(weights: list, slots: list, gradients: list, loss: dict) -> tuple[list, list]:
        return optimizer.stateless_apply(slots, gradients, weights, **loss)

    compiled = jax.jit(step, donate_argnums=(0, 1))
    state = [[variable.value for variable in part] for part in (variables, optimizer.variables)]

    def run() -> None:
        state[:] = compiled(*state, problem.gradients, loss)

    return Step(run, lambda: jax.block_until_ready(state))


def _jax_train_step(optimizer: Any, problem: Problem) -> Step:
    import jax

    model = problem.model(optimizer)
    batches = itertools.repeat(problem.batch)
    parts = (
        model.trainable_variables,
        model.non_trainable_variables,
        optimizer.variables,
        model.metrics_variables,
    )
    state = tuple([variable.value for variable in part] for part in parts)

    def run() -> None:
        nonlocal state
        _, state = model.train_function(state, batches)

    return Step(run, lambda: jax.block_until_ready(state))


def _torch_step(optimizer: Any, problem: Problem) -> Step:
    import torch

    variables, loss = _built(optimizer, problem)

    def run() -> None:
        with torch.no_grad():
            optimizer.apply(problem.gradients, variables, **loss)

    return Step(run, _torch_wait)


def _torch_train_step(optimizer: Any, problem: Problem) -> Step:
    model = problem.model(optimizer)
    return Step(functools.partial(model.train_function, [problem.batch]), _torch_wait)


def _torch_wait() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def first_call(step: Step) -> float:
    """Seconds of the first call, which traces and compiles; warms up after it."""
    seconds = timed(step, 1)
    timed(step, WARM_UP)
    return seconds


def timed(step: Step, calls: int) -> float:
    """Seconds a call."""
    step.wait()
    start = time.perf_counter()
    for _ in range(calls):
        step.run()
    step.wait()
    return (time.perf_counter() - start) / calls


def in_turn(steps: Sequence[Step], cycle: int, rounds: int) -> list[np.ndarray]:
    """Seconds a call of each step, in every round: divide those of two within rounds.

    The order changes from round to round, and a timing takes whole cycles.
    """
    calls = [cycle * math.ceil(SHORTEST / (cycle * timed(step, cycle))) for step in steps]
    seconds: list[list[float]] = [[] for _ in steps]
    gc.collect()
    gc.disable()
    try:
        for done in range(rounds):
            for index in sorted(range(len(steps)), reverse=bool(done % 2)):
                seconds[index].append(timed(steps[index], calls[index]))
    finally:
        gc.enable()
    return list(map(np.array, seconds))


def records(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Return a record for every optimizer at every size, dtype and kind."""
    chosen = texts(options.stacks)
    for kind, size, dtype in itertools.product(options.kinds, options.sizes, options.dtypes):
        problem = Problem(size, kind, dtype)
        bases: dict[str, tuple[Step, float]] = {}
        for text in chosen:
            base = BASES.get(text, ADAM)
            if base not in bases:
                step = step_of(base, problem)
                bases[base] = (step, first_call(step))
            yield _record(text, base, *bases[base], problem, options.rounds)


def _record(
    text: str, base: str, bare: Step, bare_first: float, problem: Problem, rounds: int
) -> dict[str, Any]:
    wrapped = step_of(text, problem)
    first = first_call(wrapped)
    cycle = max((calls for name, calls in CYCLES.items() if name in text), default=1)
    own, others = in_turn([wrapped, bare], cycle, rounds)
    numbers = NUMBERS.get(text) if problem.kind == "step" else None
    return {
        "kind": problem.kind,
        "size": problem.size,
        "dtype": problem.dtype,
        "optimizer": text,
        "base": base,
        "seconds": quartiles(own),
        "base_seconds": quartiles(others),
        "ratio": quartiles(own / others),
        "floor": None if numbers is None else round(numbers / NUMBERS[base], 3),
        "base_bytes": NUMBERS[base] * ITEM_SIZES[problem.dtype] * problem.weights,
        "first_call_seconds": float(f"{first:.3g}"),
        "base_first_call_seconds": float(f"{bare_first:.3g}"),
        "rounds": rounds,
    }


def texts(patterns: Sequence[str] | None) -> list[str]:
    """Return the optimizers as texts; of patterns, those of the whole catalogue that match."""
    import stepwrap

    usual = [ADAM, *(text for text in NUMBERS if text not in (ADAM, MOMENTUM))]
    usual += [f"{ADAM} | {FIVE}"]
    if patterns is None:
        return usual
    known = {text.rpartition("| ")[2].partition("(")[0] for text in usual[:-1]}
    rest = [name for name in stepwrap.wrappers.names() if name not in known]
    every = usual + [f"{ADAM} | {name}{_example(name)}" for name in rest]
    found = [
        text
        for text in every
        if any(fnmatch.fnmatchcase(text.removeprefix(f"{ADAM} | "), glob) for glob in patterns)
    ]
    if not found:
        raise SystemExit(f"No optimizer matches {list(patterns)}. Known: {every}.")
    return found


def _example(name: str) -> str:
    """Arguments with which a wrapper does something, in brackets."""
    import stepwrap

    shown = [f"{key}={value!r}" for key, value in stepwrap.wrappers.example(name).items()]
    return f"({', '.join(shown)})" if shown else ""


def quartiles(values: np.ndarray) -> list[float]:
    """Return the first quartile, median and third quartile, to four digits."""
    return [float(f"{value:.4g}") for value in np.percentile(values, (25, 50, 75))]


def bytes_per_second() -> float:
    """Return how fast the device reads and writes its memory, by a copy that is negated."""
    import keras

    values = keras.ops.ones((COPIED // 4,), "float32")
    if keras.backend.backend() == "jax":
        import jax

        negate, kept = jax.jit(lambda array: -array), [values]

        def run() -> None:
            kept[0] = negate(values)

        step = Step(run, lambda: jax.block_until_ready(kept))
    else:
        import torch

        result = torch.empty_like(values)
        step = Step(lambda: torch.neg(values, out=result), _torch_wait)
    timed(step, WARM_UP)
    return 2 * COPIED / min(timed(step, 1) for _ in range(COPIES))


def device() -> str | None:
    """Return the name of the GPU, or None where there is none."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return jax.devices()[0].device_kind if jax.default_backend() == "gpu" else None
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def about(backend: str) -> dict[str, Any]:
    """Return the device and the versions."""
    packages = ("stepwrap", "keras", "numpy", backend)
    return {
        "backend": backend,
        "device": device() or f"no GPU: {platform.machine()}, {os.cpu_count()} processors",
        "gigabytes_per_second": float(f"{bytes_per_second() / 1e9:.3g}"),
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in packages},
    }


def tables(result: Mapping[str, Any]) -> str:
    """Return all ratios with quartiles, and how near bare steps are to the memory's speed."""
    facts, found = result["about"], result["records"]
    versions = ", ".join(f"{name} {value}" for name, value in facts.items())
    parts = [
        f"# What wrapping costs on one device: {facts['device']}\n\n{versions}.\n\n"
        "Wall time as a ratio to the bare optimizer that is wrapped, measured in turn: median "
        "(quartiles). How far the bare optimizer itself is from 1 is noise. The "
        "floor is what a step has to read and write, as a ratio to what the bare one has to.\n"
    ]
    for kind, title in KINDS.items():
        of_kind = [record for record in found if record["kind"] == kind]
        if of_kind:
            parts.append(f"## {title}\n\n{_ratios(of_kind)}")
    bare = [r for r in found if r["kind"] == "step" and r["optimizer"] == ADAM]
    if bare:
        parts.append(f"## Bare Adam and the memory\n\n{_speeds(bare, facts)}")
    return "\n".join(parts)


def _ratios(found: Sequence[Mapping[str, Any]]) -> str:
    places = list(dict.fromkeys((record["size"], record["dtype"]) for record in found))
    cells = {
        (record["optimizer"], record["size"], record["dtype"]): record["ratio"] for record in found
    }
    floors = {record["optimizer"]: record["floor"] for record in found}
    rows = []
    for text, floor in floors.items():
        spreads = [_with_quartiles(cells.get((text, *place))) for place in places]
        rows.append([f"`{text}`", "" if floor is None else f"{floor:.2f}", *spreads])
    heads = [f"{size}, {dtype}" for size, dtype in places]
    if not any(floors.values()):
        return _markdown(["", *heads], [[name, *spreads] for name, _, *spreads in rows])
    return _markdown(["", "floor", *heads], rows)


def _with_quartiles(ratio: Sequence[float] | None) -> str:
    return "" if ratio is None else "{1:.2f} ({0:.2f} to {2:.2f})".format(*ratio)


def _speeds(bare: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{record['size']}, {record['dtype']}",
            f"{1e6 * record['base_seconds'][1]:,.0f} µs",
            f"{1e-3 * record['base_bytes'] / facts['gigabytes_per_second']:,.1f} µs",
            f"{record['base_first_call_seconds']:.2f} s",
        ]
        for record in bare
    ]
    return (
        f"A copy moves {facts['gigabytes_per_second']:,} gigabytes a second here. Adam moves seven "
        "numbers of each weight, so that its step cannot take less than the floor.\n\n"
        + _markdown(["", "a step", "floor", "the first step"], rows)
    )


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    lines = [[cell.replace("|", "\\|") for cell in row] for row in [columns, rule, *rows]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what the arguments say, and writes the tables."""
    options = _parser().parse_args(arguments)
    os.environ["KERAS_BACKEND"] = options.backend
    if options.cpu:
        os.environ |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    elif device() is None:
        raise SystemExit(
            f"{options.backend} sees no GPU here. --cpu measures on the processor, which says "
            "nothing about a GPU; try it with --sizes tiny."
        )
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"gpu_{options.backend}"
    result: dict[str, Any] = {"about": about(options.backend), "records": []}
    for record in records(options):
        result["records"].append(record)
        place = ", ".join(record[key] for key in ("kind", "size", "dtype", "optimizer"))
        print(f"{place}: {record['ratio'][1]:.2f}", flush=True)
        text = json.dumps(result, indent=1)
        path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(tables(result), encoding="utf-8")
    print("\n" + tables(result))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("backend", choices=("jax", "torch"))
    parser.add_argument(
        "--sizes", nargs="+", choices=SIZES, default=["S", "N", "L", "100M"], metavar="SIZE"
    )
    parser.add_argument("--dtypes", nargs="+", choices=ITEM_SIZES, default=list(ITEM_SIZES))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument(
        "--stacks",
        nargs="+",
        metavar="PATTERN",
        help="these only, of all wrappers that there are: patterns such as 'l4*', or '*'",
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--cpu", action="store_true", help="to try it, without a GPU")
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("output", "bench"),
        help="folder (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    main()
