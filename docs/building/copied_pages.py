"""The pages that live elsewhere in the repository, with their links rewritten for the site."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import shutil
from collections.abc import Iterator

from . import drawn

ROOT = pathlib.Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"
# Where the site has them.
PLACES = {
    "docs/architecture.md": "architecture.md",
    "docs/differences.md": "differences.md",
    "docs/gallery.md": "gallery.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "CODE_OF_CONDUCT.md": "code_of_conduct.md",
    "SECURITY.md": "security.md",
    "images/bench_tables.md": "benchmark.md",
}
FRONT_PAGE = {"README.md": "index.md"}  # which says less than the README, and has no such sections
# What stands below these pages in the navigation.
BELOW = {
    "gallery.md": ["reproductions/*", "benchmark"],
    "architecture.md": ["differences"],
    "contributing.md": ["code_of_conduct", "security"],
}
# What is drawn in letters in the first block of a page of the repository, and is a picture here.
DRAWN = {"docs/architecture.md": "architecture/way_of_a_gradient.svg"}
LINK = re.compile(r"(!?\[[^\]]*\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(\))")
IN_LETTERS = re.compile(r"^```\n.*?^```$", re.DOTALL | re.MULTILINE)
INCLUDE = re.compile(r"^```\{include\} +(\S+)\n```$", re.MULTILINE)


@functools.cache
def whole() -> dict[str, str]:
    """Return where the site has the pages of the repository that it has as they are."""
    readmes = sorted(ROOT.glob("experiments/reproductions/*/README.md"))
    return PLACES | {
        path.relative_to(ROOT).as_posix(): f"reproductions/{path.parent.name}.md"
        for path in readmes
    }


@functools.cache
def places() -> dict[str, str]:
    """Return for every page of the repository that the site has where the site has it.

    What a page of the site includes is found in that page.
    """
    included = {
        os.path.relpath(page.parent / found[1], ROOT): page.relative_to(SITE).as_posix()
        for page in sorted(SITE.rglob("*.md"))
        for found in INCLUDE.finditer(page.read_text(encoding="utf-8"))
    }
    return included | whole() | FRONT_PAGE


def copy(source: pathlib.Path) -> None:
    """Writes the pages into the source of the site, and what they show and offer.

    Args:
        source: The folder of the source, which `docs/site` was copied to.
    """
    for path, place in whole().items():
        text = rewritten((ROOT / path).read_text(encoding="utf-8"), path, place, source)
        if path in DRAWN:
            picture = drawn.shown(DRAWN[path], source / "pictures")
            text = IN_LETTERS.sub(lambda _, picture=picture: picture, text, count=1)
        target = source / place
        target.parent.mkdir(exist_ok=True)
        target.write_text(text + _navigation(place), encoding="utf-8")


def expand_includes(source: pathlib.Path) -> None:
    """Puts pages of the repository where a page of the site includes them, links rewritten."""
    for page in source.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        place = page.relative_to(source).as_posix()
        own_folder = (SITE / place).parent

        def included(found: re.Match, place: str = place, folder: pathlib.Path = own_folder) -> str:
            path = os.path.relpath(folder / found[1], ROOT)
            return rewritten((ROOT / path).read_text(encoding="utf-8"), path, place, source)

        if INCLUDE.search(text):
            page.write_text(INCLUDE.sub(included, text), encoding="utf-8")


def rewritten(text: str, path: str, place: str, source: pathlib.Path) -> str:
    """Return a page with links that lead to the same things from its place in the site.

    Args:
        text: The page.
        path: Where the repository has it.
        place: Where the site has it.
        source: The folder of the source; pictures and files that are linked are copied to it.
    """

    def link(found: re.Match) -> str:
        start, target, anchor, end = found.groups()
        linked = os.path.relpath(ROOT / os.path.dirname(path) / target, ROOT)
        new = places().get(linked) or _copied(linked, source)
        anchor = "" if linked in FRONT_PAGE else anchor or ""
        return f"{start}{os.path.relpath(new, os.path.dirname(place) or '.')}{anchor}{end}"

    return "".join(part if is_code else LINK.sub(link, part) for part, is_code in _parts(text))


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text in parts, each with whether it is a fenced block of code."""
    for place, part in enumerate(re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE)):
        yield part, place % 2 == 1


def _copied(path: str, source: pathlib.Path) -> str:
    """Return where the site has a picture or another file, which is copied there.

    Raises:
        SystemExit: If it is a page, which has to have a place in the site, or is not there.
    """
    if path.endswith(".md") or not (ROOT / path).exists():
        raise SystemExit(
            f"There is a link to {path}, which the site does not have. Give it a place in "
            "docs/building/copied_pages.py, or include it in a guide."
        )
    folder, name = os.path.split(path)
    place = path if folder == "images" else f"files/{folder.replace('/', '_')}_{name}".lstrip("_")
    target = source / place
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / path, target)
    return place


def _navigation(place: str) -> str:
    pages = BELOW.get(place, ())
    if not pages:
        return ""
    return "\n```{toctree}\n:hidden:\n:glob:\n\n" + "\n".join(pages) + "\n```\n"
