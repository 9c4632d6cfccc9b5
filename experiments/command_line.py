"""The command line: `python -m stepwrap`."""

from __future__ import annotations

import argparse
import importlib.util
import pathlib
from collections.abc import Sequence

EXTRAS = ("matplotlib", "rich", "sklearn")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m stepwrap", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo", help="train on handwritten digits with bare and wrapped optimizers"
    )
    add_options(demo, "demo")
    options = parser.parse_args(arguments)

    missing = [name for name in EXTRAS if importlib.util.find_spec(name) is None]
    if missing:
        parser.error(
            f"{', '.join(missing)} not installed. Run: pip install 'stepwrap[experiments]'"
        )
    from .demo import run  # after the check: it imports the extras

    return run(options.output, options.epochs, options.seeds)


def add_options(
    parser: argparse.ArgumentParser, experiment: str, unit: str = "epochs", length: int = 30
) -> None:
    """Adds `--output`, `--seeds`, and one for the length of training in this unit."""
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("output", experiment),
        help="folder for what is written (default: %(default)s)",
    )
    parser.add_argument(f"--{unit}", type=_positive, default=length, help="default: %(default)s")
    parser.add_argument("--seeds", type=_positive, default=3, help="default: %(default)s")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {text}")
    return int(text)
