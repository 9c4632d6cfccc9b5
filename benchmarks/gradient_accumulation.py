"""The time of a batch under gradient accumulation as a ratio to a bare Adam step.

    KERAS_BACKEND=jax python benchmarks/gradient_accumulation.py [--repeats N] [--output DIR]

Every fourth batch makes a step; the time is the mean over whole cycles of four, step alone.
Measured as in `adam_step.py`: in turn, compiled where the backend compiles, with donated buffers on
JAX. Writes a table for the backend.
"""

from __future__ import annotations

import argparse
import pathlib

import keras
import numpy as np
from adam_step import BACKEND, SIZES, measure

import stepwrap
from stepwrap.experiments.curves import markdown_table

STEPS = 4
VARIANTS = {
    "Adam()": lambda: keras.optimizers.Adam(),
    f"Adam(gradient_accumulation_steps={STEPS})": lambda: keras.optimizers.Adam(
        gradient_accumulation_steps=STEPS
    ),
    f"GradientAccumulation(Adam(), {STEPS})": lambda: stepwrap.GradientAccumulation(
        keras.optimizers.Adam(), STEPS
    ),
}


def table(repeats: int) -> str:
    """The ratios in Markdown, with a caption."""
    compiled = BACKEND != "torch"
    seconds = {
        f"{size} (bare: {1e6 * np.median(times['Adam()']):,.0f} µs)": times
        for size, times in (
            (size, measure(VARIANTS, widths, compiled, repeats)) for size, widths in SIZES.items()
        )
    }
    rows = []
    for name in VARIANTS:
        quartiles = [
            np.percentile(times[name] / times["Adam()"], (50, 25, 75)) for times in seconds.values()
        ]
        rows.append([f"`{name}`", *(f"{q[0]:.2f} ({q[1]:.2f} to {q[2]:.2f})" for q in quartiles)])
    return (
        f"Time of a batch as a ratio to a step of bare Adam, {BACKEND}"
        f"{', compiled' if compiled else ''}: median (quartiles) of {repeats} rounds.\n\n"
        + markdown_table(["optimizer", *seconds], rows)
    )


def main() -> None:
    """Measures, and prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=40, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("output", "gradient_accumulation"),
        help="folder for the table (default: %(default)s)",
    )
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    text = table(options.repeats)
    print(text)
    (options.output / f"gradient_accumulation_{BACKEND}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
