"""The command line: `stepwrap compare`, `sweep`, `reproduce`, `demo`, and lists of names."""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import sys
from collections.abc import Callable, Sequence

import keras
import rich.console
import rich.markup
import rich.table

from ..command.arguments import check_installed, parse
from ..optimizers import catalogue as optimizers
from ..wrappers import catalogue as wrappers
from . import demo
from .comparing import compare
from .reproductions import catalogue as reproductions
from .reproductions.laboratory import Laboratory
from .sweeping import sweep
from .tasks import catalogue as tasks

INTERRUPTED = 130  # as shells have it for Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand; returns the exit status: 0, 2 for bad input, 130 for Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = parse(arguments)
    backend = getattr(options, "backend", None)
    if backend not in (None, keras.backend.backend()):
        _start_again(backend, arguments)
    # It warns of functions that are compiled again and again; here every model is another.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        return RUN[options.command](options) or 0
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
    check_installed(backend)
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
    for number, (name, reproduce) in enumerate(functions.items(), start=1):
        if len(functions) > 1:
            console.print(f"Reproduction {number} of {len(functions)}: {name}", highlight=False)
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


def _list(options: argparse.Namespace) -> None:
    catalogue = CATALOGUES[options.command]
    table = rich.table.Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    for name in catalogue.names():
        summary = (inspect.getdoc(catalogue.get(name)) or "").partition("\n")[0]
        table.add_row(name, rich.markup.escape(summary))
    rich.console.Console().print(table)


CATALOGUES = {
    "tasks": tasks,
    "wrappers": wrappers,
    "optimizers": optimizers,
    "reproductions": reproductions,
}
RUN: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "demo": _demo,
    "compare": _compare,
    "sweep": _sweep,
    "reproduce": _reproduce,
    **dict.fromkeys(CATALOGUES, _list),
}
