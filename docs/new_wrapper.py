"""Writes the files of a new wrapper from templates; `make wrapper` runs it, and then ruff.

Usage: python docs/new_wrapper.py NAME KIND

The wrapper works as it stands, and is in the catalogue. Its reference fails until it is written,
and so do its page and its picture as long as `WRITE:` stands in them.
"""

from __future__ import annotations

import pathlib
import sys

from stepwrap import catalogue, wrappers
from wrapper_kinds import KINDS

ROOT = pathlib.Path(__file__).parents[1]
TEMPLATES = ROOT / "docs" / "templates"
# The row is put below this one.
TABLE = "| you want to … | page |\n| --- | --- |\n"


def write(name: str, kind: str, root: pathlib.Path = ROOT) -> None:
    """Writes the wrapper, its export, its reference, its page and its picture.

    Raises:
        ValueError: If there is such a wrapper, or no such kind.
    """
    catalogue.check_name_in_texts(name)
    path = root / "wrappers" / kind / f"{name}.py"
    if kind not in KINDS:
        raise ValueError(f"KIND must be one of {', '.join(KINDS)}. Received: {kind!r}")
    if name in wrappers.names() or path.exists():
        raise ValueError(f"There is a wrapper called {name!r}.")
    words = _words(name, kind)
    pages = root / "docs" / "site" / "pages" / "wrappers"

    path.write_text(_filled("wrapper.py", words), encoding="utf-8")
    _export(root / "wrappers" / "classes.py", words)
    with (root / "tests" / "references" / f"{kind}.py").open("a", encoding="utf-8") as references:
        references.write(_filled("reference.py", words))
    (pages / f"{name}.md").write_text(_filled("page.md", words), encoding="utf-8")
    row = f"| WRITE: what for | [{words['CLASS']}]({name}.md) |\n"
    _insert(pages / "index.md", TABLE, TABLE + row)
    _add_picture(root / "docs" / "pictures" / "wrapper_pictures.py", words, KINDS[kind].heading)


def _words(name: str, kind: str) -> dict[str, str]:
    """Return what stands in the templates for what."""
    of_kind = KINDS[kind]
    neighbours = [
        f"- {neighbour} WRITE: what is different there." for neighbour in of_kind.neighbours
    ]
    return {  # in this order: some of these texts have the words that come after them
        "FORMULA": of_kind.formula,
        "LATEX": of_kind.latex,
        "SYMBOLS": of_kind.symbols,
        "ARGUMENT": of_kind.argument,
        "HOOK": of_kind.hook.strip("\n"),
        "METHOD": of_kind.reference,
        "STACK": of_kind.stack,
        "NEIGHBOURS": "\n".join(neighbours),
        "NAME": name,
        "CLASS": "".join(part.capitalize() for part in name.split("_")),
        "KIND": kind,
    }


def _filled(template: str, words: dict[str, str]) -> str:
    text = (TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text


def _export(classes: pathlib.Path, words: dict[str, str]) -> None:
    """Adds the two lines by which a class is in `stepwrap.wrappers`; ruff sorts them."""
    name, cls, kind = (words[word] for word in ("NAME", "CLASS", "KIND"))
    listed = "\n\n__all__ = [\n"
    _insert(classes, listed, f'\nfrom .{kind}.{name} import {cls}{listed}    "{cls}",\n')


def _add_picture(pictures: pathlib.Path, words: dict[str, str], heading: str) -> None:
    """Adds the function of the picture at the end of those of its kind."""
    function = _filled("picture.py", words)
    if heading:
        _insert(pictures, f"{heading}\n", f"{function}\n\n{heading}\n")
    else:
        with pictures.open("a", encoding="utf-8") as file:
            file.write(f"\n\n{function}")


def _insert(path: pathlib.Path, place: str, text: str) -> None:
    """Puts a text in the place of another one, which the file has once."""
    before, found, after = path.read_text(encoding="utf-8").partition(place)
    if not found:
        raise ValueError(f"{path} has no {place!r}, where something is to be added.")
    path.write_text(f"{before}{text}{after}", encoding="utf-8")


if __name__ == "__main__":
    try:
        write(*sys.argv[1:])
    except ValueError as error:
        raise SystemExit(f"make wrapper NAME=my_wrapper KIND={'|'.join(KINDS)}\n{error}") from None
