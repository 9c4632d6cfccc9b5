"""Draws the pictures of the documentation: what each wrapper does to a path, and the way of a step.

python docs/pictures/draw.py OUTPUT                       # all: OUTPUT/<kind>/<name>.svg
python docs/pictures/draw.py OUTPUT wrappers/lookahead    # one, or some
python docs/pictures/draw.py --format png OUTPUT          # to look at them

A new wrapper needs a function of its own in the file of its kind, see `registry.FILES`.
"""

from __future__ import annotations

import argparse
import pathlib
import re
from collections.abc import Iterable

import matplotlib

import architecture_pictures  # noqa: F401 (these enter their pictures)
import callback_pictures  # noqa: F401
import normalizer_pictures  # noqa: F401
import optimizer_pictures  # noqa: F401
import preset_pictures  # noqa: F401
import registry
import style
import wrapper_pictures  # noqa: F401


def names() -> list[str]:
    """Return all that can be drawn, as "kind/name", sorted."""
    return registry.entered()


def draw(name: str, output: pathlib.Path, suffix: str = "svg") -> pathlib.Path:
    """Draw the picture "kind/name" and return its file, OUTPUT/kind/name.suffix.

    An SVG file has the sentence that stands above the picture as its title, and the same bytes
    every time.
    """
    path = output / f"{name}.{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = registry.figure_of(name)
    metadata = {"Date": None, "Title": style.sentence_of(figure)} if suffix == "svg" else None
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(path, metadata=metadata)
    if suffix == "svg":
        path.write_text(_rounded(path.read_text()))
    return path


def _rounded(svg: str) -> str:
    """Return an SVG file with coordinates in hundredths of a point, which halves it."""

    def shorter(attribute: re.Match[str]) -> str:
        return re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", attribute[0])

    return re.sub(r'\b[dxy]="[^"]*"', shorter, svg)


def draw_all(output: pathlib.Path, chosen: Iterable[str] = (), suffix: str = "svg") -> None:
    """Draw these pictures, or all of them."""
    chosen = list(chosen) or names()
    if unknown := sorted({*chosen} - {*names()}):
        raise SystemExit(f"There is no picture of {', '.join(unknown)}. There are: {names()}.")
    for name in chosen:
        print(draw(name, output, suffix))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("output", type=pathlib.Path, help="the folder for the pictures")
    parser.add_argument("names", nargs="*", metavar="KIND/NAME", help="default: all")
    parser.add_argument("--format", choices=["svg", "png"], default="svg")
    arguments = parser.parse_args()
    draw_all(arguments.output, arguments.names, arguments.format)


if __name__ == "__main__":
    main()
