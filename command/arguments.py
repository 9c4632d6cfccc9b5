"""What may be written after `stepwrap`: read before Keras and its backend, which take seconds."""

from __future__ import annotations

import argparse
import difflib
import importlib.metadata
import importlib.util
import math
import os
import pathlib
import re
import sys
from collections.abc import Iterable, Sequence

BACKENDS = ("tensorflow", "jax", "torch")
PROGRAMS = ("stepwrap", "stepwrap.exe", "stepwrap-script.py")
COMMANDS = {
    "demo": "train on handwritten digits with bare and wrapped optimizers",
    "compare": "train with several stacks of optimizers, and compare them",
    "sweep": "train with stacks at several learning rates",
    "reproduce": "do published experiments again",
    "tasks": "list the tasks",
    "wrappers": "list the wrappers",
    "optimizers": "list the optimizers",
    "reproductions": "list the reproductions",
}


def are_of_this_process() -> bool:
    """Return whether this process is the command: `stepwrap` or `python -m stepwrap`.

    It is not where the command only started it, as a process that trains.
    """
    program, *_ = sys.argv or [""]
    as_module = "-m", "stepwrap"
    if program == "-m":  # while Python looks for the module
        return as_module in zip(sys.orig_argv, sys.orig_argv[1:], strict=False)
    return program in sys.orig_argv and pathlib.Path(program).name in PROGRAMS


def prepare() -> None:
    """Reads the arguments of this process, and chooses the backend that they name.

    Raises:
        SystemExit: If they ask for help, or cannot be understood, which is said.
    """
    options = parse(sys.argv[1:])
    if getattr(options, "backend", None):
        check_installed(options.backend)
        os.environ["KERAS_BACKEND"] = options.backend


def check_installed(backend: str) -> None:
    """Refuses a backend that is not there.

    Raises:
        SystemExit: If it is not, with the remedy.
    """
    if importlib.util.find_spec(backend) is None:
        print(
            f"stepwrap: {backend} is not installed. "
            f'In the clone of stepwrap, run: pip install ".[{backend}]"',
            file=sys.stderr,
        )
        raise SystemExit(2)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options, `command` among them.

    Raises:
        SystemExit: If help is asked for, or the arguments cannot be understood, which is said.
    """
    parser = _parser()
    command = next((word for word in arguments if not word.startswith("-")), None)
    if command is not None and command not in COMMANDS:
        near = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        parser.error(f"COMMAND {command!r} is none of {', '.join(COMMANDS)}.{hint}")
    return parser.parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stepwrap", description="Compares optimizers and their wrappers on real tasks."
    )
    version = f"stepwrap {importlib.metadata.version('stepwrap')}"
    parser.add_argument("--version", action="version", version=version)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    commands = {}
    for name, summary in COMMANDS.items():
        commands[name] = subparsers.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        commands[name].add_argument(
            "--traceback", action="store_true", help="show where an error comes from"
        )

    one = commands["demo"]
    _add_output(one, "output/demo")
    _add_count(one, "--epochs", 30, "how many (default: 30)")
    _add_count(one, "--seeds", 3, "how many initial weights (default: 3)")

    one = commands["compare"]
    one.add_argument("stacks", nargs="+", metavar="STACK", help="such as 'adam(1e-3) | normalized'")
    _add_training(one, "output/compare")

    one = commands["sweep"]
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

    one = commands["reproduce"]
    one.add_argument("name", metavar="NAME", help="all, or one of `stepwrap reproductions`")
    one.add_argument("--fast", action="store_true", help="within 2 minutes: too short for a result")
    _add_output(one, "output/reproduce")
    _add_resources(one)
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
    words = "how many processes train at a time, each on its share of the CPUs (default: 1)"
    _add_count(parser, "--jobs", 1, words)
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


# Learning rates, of which `stepwrap.experiments.sweep` has some, too.


def parse_learning_rates(text: str) -> list[float]:
    """Return the learning rates of "1e-4:1e-1:log7", "0.1:0.5:lin5" or "1e-3,1e-2".

    Raises:
        ValueError: If the text is nothing of these.
    """
    wanted = (
        "Learning rates are written as FROM:TO:logN or FROM:TO:linN, such as 1e-4:1e-1:log7, or "
        f"with commas, such as 1e-3,1e-2. Received: {text!r}"
    )
    spaced = re.fullmatch(r"([^:,]+):([^:,]+):(log|lin)([0-9]{1,3})", text)
    try:
        if spaced is None:
            return checked_learning_rates(float(part) for part in text.split(","))
        first, last = checked_learning_rates(map(float, spaced.group(1, 2)), allow_equal=True)
        shares = [place / max(int(spaced[4]) - 1, 1) for place in range(int(spaced[4]))]
        if spaced[3] == "log":
            rates = [first ** (1 - share) * last**share for share in shares]
        else:
            rates = [first * (1 - share) + last * share for share in shares]
        return checked_learning_rates(float(f"{rate:.4g}") for rate in rates)
    except ValueError as error:
        raise ValueError(f"{wanted}. {error}") from None


def checked_learning_rates(rates: Iterable[float], allow_equal: bool = False) -> list[float]:
    """Return the learning rates, or raise if they make no sense.

    Args:
        rates: Which.
        allow_equal: Whether to keep each of equal ones. Default: False, for one of them.

    Raises:
        ValueError: If there is none, or one is not a finite number above 0.
    """
    rates = list(rates)
    if not rates:
        raise ValueError("There must be at least one learning rate.")
    for rate in rates:
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"A learning rate must be a finite number above 0, not {rate}.")
    return rates if allow_equal else list(dict.fromkeys(rates))
