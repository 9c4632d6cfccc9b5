"""Puts the results of a reproduction into its page, and its pictures into images/.

Usage: python docs/reproductions.py NAME FOLDER, after `stepwrap reproduce NAME --output FOLDER`.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = re.compile(r"(<!-- results -->\n).*?(<!-- /results -->\n)", re.DOTALL)


def publish(name: str, folder: pathlib.Path, root: pathlib.Path = ROOT) -> None:
    """Copies the pictures, and writes tables and pictures between the marks of the page.

    Args:
        name: The reproduction's name.
        folder: Where its results are: tables and pictures.
        root: The repository.
    """
    tables = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*_table.md"))]
    pictures = sorted(folder.glob("*.png"))
    if not tables or not pictures:
        raise SystemExit(f"{folder} holds no results of {name}.")
    if any(table.startswith("Fast run") for table in tables):
        raise SystemExit(f"{folder} holds a fast run, which is no result.")
    for picture in pictures:
        shutil.copy(picture, root / "images")
    block = "\n" + "\n".join([*tables, *map(_shown, pictures)]) + "\n"
    page = root / "experiments" / "reproductions" / name.replace("-", "_") / "README.md"
    text = page.read_text(encoding="utf-8")
    if not RESULTS.search(text):
        raise SystemExit(f"{page} has no place for results, between <!-- results --> marks.")
    page.write_text(RESULTS.sub(lambda marks: marks[1] + block + marks[2], text), encoding="utf-8")


def _shown(picture: pathlib.Path) -> str:
    words = picture.stem.replace("_", " ")
    return f"![{words}](../../../images/{picture.name})\n"


if __name__ == "__main__":
    publish(sys.argv[1], pathlib.Path(sys.argv[2]))
