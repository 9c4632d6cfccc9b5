"""The command line: `stepwrap compare`, `sweep`, `reproduce`, `demo`, and lists of names."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import logging
import os
import pathlib
import sys
from collections.abc import Callable, Sequence

import keras
import rich.box
import rich.console
import rich.markup
import rich.table

from .. import __version__
from ..optimizers import catalogue as optimizers
from ..wrappers import catalogue as wrappers
from . import demo
from .comparing import compare
from .reproductions import catalogue as reproductions
from .reproductions.laboratory import Laboratory
from .sweeping import parse_learning_rates, sweep
from .tasks import catalogue as tasks

BACKENDS = ("tensorflow", "jax", "torch")
INTERRUPTED = 130  # as shells have it for Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand; returns the exit status: 0, 2 for bad input, 130 for Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(arguments)
    backend = getattr(options, "backend", None)
    if backend not in (None, keras.backend.backend()):
        _start_again(backend, arguments)
    # It warns of functions that are compiled again and again; here every model is another.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        return options.run(options) or 0
    except (TypeError, ValueError, OSError) as error:
        if options.traceback:
            raise
        _complain(options.command, error)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. The same command continues from here.", file=sys.stderr)
        return INTERRUPTED


def _start_again(backend: str, arguments: Sequence[str]) -> None:
    """Runs the command anew: Keras reads its backend once, when it is imported."""
    if importlib.util.find_spec(backend) is None:
        print(
            f"stepwrap: {backend} is not installed. "
            f'In the clone of stepwrap, run: pip install ".[{backend}]"',
            file=sys.stderr,
        )
        raise SystemExit(2)
    sys.stdout.flush()
    environment = {**os.environ, "KERAS_BACKEND": backend}
    os.execve(sys.executable, [sys.executable, "-m", "stepwrap", *arguments], environment)


def _complain(command: str, error: Exception) -> None:
    print(
        f"stepwrap {command}: {error}", *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr
    )


# The subcommands.


def _demo(options: argparse.Namespace) -> int:
    return demo.run(options.output, options.epochs, options.seeds)


def _compare(options: argparse.Namespace) -> None:
    compare(options.stacks, options.task, **_training_options(options))


def _sweep(options: argparse.Namespace) -> None:
    sweep(options.stacks, options.lr, options.task, **_training_options(options))


def _training_options(options: argparse.Namespace) -> dict:
    names = ("output", "epochs", "seeds", "samples", "data", "jobs", "force")
    return {name: getattr(options, name) for name in names}


def _reproduce(options: argparse.Namespace) -> int:
    names = reproductions.names() if options.name == "all" else [options.name]
    functions = {name: reproductions.get(name) for name in names}
    console = rich.console.Console()
    failed = {}
    for name, reproduce in functions.items():
        folder = f"{name}-fast" if options.fast else name
        try:
            laboratory = Laboratory(
                name,
                options.output / folder,
                fast=options.fast,
                data=options.data,
                jobs=options.jobs,
                force=options.force,
                console=console,
            )
            reproduce(laboratory)
        except OSError as error:  # such as data that is not there
            if options.name != "all":
                raise
            failed[name] = error
    for name, error in failed.items():
        _complain(f"reproduce {name}", error)
    return 2 if failed else 0


def _list(functions: dict[str, Callable]) -> None:
    table = rich.table.Table(box=None, show_header=False, pad_edge=False)
    for name, function in functions.items():
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        table.add_row(name, rich.markup.escape(summary))
    rich.console.Console().print(table)


# What may be written.


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stepwrap", description="Compares optimizers and their wrappers on real tasks."
    )
    parser.add_argument("--version", action="version", version=f"stepwrap {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    def command(name: str, run: Callable, summary: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        added.add_argument(
            "--traceback", action="store_true", help="show where an error comes from"
        )
        added.set_defaults(run=run)
        return added

    one = command("demo", _demo, "train on handwritten digits with bare and wrapped optimizers")
    _add_output(one, "output/demo")
    _add_count(one, "--epochs", 30, "how many (default: 30)")
    _add_count(one, "--seeds", 3, "how many initial weights (default: 3)")

    one = command("compare", _compare, "train with several stacks of optimizers, and compare them")
    one.add_argument("stacks", nargs="+", metavar="STACK", help="such as 'adam(1e-3) | normalized'")
    _add_training(one, "output/compare")

    one = command("sweep", _sweep, "train with stacks at several learning rates")
    one.add_argument(
        "stacks", nargs="+", metavar="STACK", help="with LR where the learning rate stands"
    )
    one.add_argument(
        "--lr",
        type=_learning_rates,
        required=True,
        metavar="RATES",
        help="FROM:TO:logN, FROM:TO:linN, or numbers with commas: 1e-4:1e-1:log7",
    )
    _add_training(one, "output/sweep")

    one = command("reproduce", _reproduce, "do published experiments again")
    one.add_argument(
        "name", metavar="NAME", help=f"all, or one of: {', '.join(reproductions.names())}"
    )
    one.add_argument("--fast", action="store_true", help="within 2 minutes: too short for a result")
    _add_output(one, "output/reproduce")
    _add_resources(one)

    for name, catalogue in {
        "tasks": tasks,
        "wrappers": wrappers,
        "optimizers": optimizers,
        "reproductions": reproductions,
    }.items():
        functions = {entry: catalogue.get(entry) for entry in catalogue.names()}
        command(name, lambda options, functions=functions: _list(functions), f"list the {name}")
    return parser


def _add_training(parser: argparse.ArgumentParser, output: str) -> None:
    parser.add_argument(
        "--task", default="digits-mlp", help="see `stepwrap tasks` (default: digits-mlp)"
    )
    _add_count(parser, "--epochs", None, "how many (default: the task's)")
    _add_count(parser, "--seeds", 3, "how many initial weights and orders of samples (default: 3)")
    _add_count(parser, "--samples", None, "at most so many to train and to test on (default: all)")
    _add_output(parser, output)
    _add_resources(parser)


def _add_output(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path(default),
        metavar="DIR",
        help="folder for the results (default: %(default)s)",
    )


def _add_resources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=pathlib.Path, metavar="DIR", help="folder of the data sets")
    _add_count(parser, "--jobs", 1, "how many processes train at a time (default: 1)")
    parser.add_argument("--backend", choices=BACKENDS, help="default: Keras' own setting")
    parser.add_argument(
        "--force", action="store_true", help="overwrite what is in the output folder"
    )


def _add_count(
    parser: argparse.ArgumentParser, option: str, default: int | None, words: str
) -> None:
    parser.add_argument(option, type=_count, default=default, metavar="N", help=words)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {text}")
    return int(text)


def _learning_rates(text: str) -> list[float]:
    try:
        return parse_learning_rates(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
