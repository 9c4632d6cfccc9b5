"""Makes `differences.md` from what the tests noted with `--differences=FILE`.

python docs/differences.py FILE
"""

from __future__ import annotations

import collections
import json
import pathlib
import sys

PAGE = pathlib.Path(__file__).with_suffix(".md")
TEXT = """# Several devices beside one

The same training in each of these settings and on one device: the largest difference of any weight
after 20 steps of a small network, in float32. The tests fail at 1e-6, so a larger number could not
stand here; 0 means bit for bit.

Optimizers inside a wrapper, not all of them in every cell: {bases}. The stacks are those of
`tests/cases.py`.

`make differences` wrote this page: the tests note what they measure (`pytest --differences=FILE`),
and `docs/differences.py` makes the tables of it.

{tables}
What Keras itself cannot do: [keras_limits.md](keras_limits.md).
"""


def read(path: pathlib.Path) -> dict[str, dict[str, dict[str, float]]]:
    """Return the largest difference by setting, wrapper and base optimizer."""
    largest: dict = collections.defaultdict(lambda: collections.defaultdict(dict))
    for line in path.read_text(encoding="utf-8").splitlines():
        note = json.loads(line)
        wrapper, _, base = note["wrapper"].partition("-")
        before = largest[note["setting"]][wrapper].get(base, 0.0)
        largest[note["setting"]][wrapper][base] = max(before, note["difference"])
    return largest


def table(wrappers: list[str], differences: dict[str, dict[str, dict[str, float]]]) -> str:
    """Wrappers down, settings across."""
    settings = sorted(differences)
    rows = [["wrapper", *settings], ["---"] + ["---:"] * len(settings)]
    for wrapper in wrappers:
        found = (differences[setting].get(wrapper) for setting in settings)
        numbers = ["" if f is None else f"{max(f.values()):.1g}" for f in found]
        rows.append([f"`{wrapper}`", *numbers])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def page(differences: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the whole page."""
    wrappers = sorted({wrapper for of in differences.values() for wrapper in of})
    bases = {
        base for of in differences.values() for by_base in of.values() for base in by_base if base
    }
    return TEXT.format(
        bases=", ".join(sorted(bases)),
        tables=table(wrappers, differences),
    )


if __name__ == "__main__":
    PAGE.write_text(page(read(pathlib.Path(sys.argv[1]))), encoding="utf-8")
