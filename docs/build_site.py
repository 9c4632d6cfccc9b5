"""Builds the documentation site, and fails if anything in it is missing, broken or not there.

Usage: python docs/build_site.py [--output output/site]

The source is `docs/site`, which writers write. It is copied, completed with what the code and the
repository know already, and made into pages by Sphinx. `docs/building` has the parts.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import subprocess
import sys
import time

from sphinx.cmd.build import build_main

from building import built_pages, copied_pages, entry_pages, reference, unwritten
from building.entries import KINDS, Entry, entries

ROOT = pathlib.Path(__file__).parents[1]
SITE = ROOT / "docs" / "site"
DRAW = ROOT / "docs" / "pictures" / "draw.py"


def build(output: pathlib.Path) -> None:
    """Builds the site into a folder.

    Args:
        output: The folder; the source is made beside it.

    Raises:
        SystemExit: If something is missing or broken, with a sentence on each.
    """
    began = time.monotonic()
    source = output.with_name(f"{output.name}_source")
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(SITE, source, ignore=shutil.ignore_patterns("conf.py", "_static"))
    shutil.copytree(ROOT / "images", source / "images", ignore=shutil.ignore_patterns("*.md"))
    found = entries()
    refuse(list(missing(found)))
    draw(source / "pictures")
    refuse(list(not_drawn(found, source / "pictures")))
    generate(found, source)
    make_pages(source, output)
    pages = built_pages.read(output)
    refuse([*built_pages.broken_links(output, pages), *built_pages.names_in_no_page(pages)])
    print(
        f"{len(pages)} pages in {output}: {len(found)} of them on what has a name, "
        f"{built_pages.count_of_links(pages)} links within the site looked at, in "
        f"{time.monotonic() - began:.0f} seconds."
    )


def refuse(complaints: list[str]) -> None:
    """Ends the build if there is something to complain about."""
    if complaints:
        raise SystemExit("\n".join(complaints))


def missing(found: list[Entry]) -> list[str]:
    """Return a sentence on each page that is missing, lacks a section or is not finished."""
    complaints = [unwritten.complaint(path) for path in unwritten.files()]
    for entry in found:
        path = SITE / f"{entry.page}.md"
        text = path.read_text(encoding="utf-8") if path.exists() else None
        complaints.append(entry_pages.complaint(entry, text))
    for kind in KINDS:
        text = (SITE / "pages" / kind / "index.md").read_text(encoding="utf-8")
        complaints.append(entry_pages.complaint_of_index(kind, found, text))
    pages = {f"{entry.page}.md" for entry in found} | {f"pages/{kind}/index.md" for kind in KINDS}
    for path in sorted(SITE.glob("pages/*/*.md")):
        name = path.relative_to(SITE).as_posix()
        if name not in pages:
            complaints.append(f"docs/site/{name} is the page of nothing in stepwrap's catalogues.")
    return [complaint for complaint in complaints if complaint]


def draw(pictures: pathlib.Path) -> None:
    """Draws the pictures of the pages."""
    pictures.mkdir()
    command = [sys.executable, str(DRAW), str(pictures)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def not_drawn(found: list[Entry], pictures: pathlib.Path) -> list[str]:
    """Return a sentence on each page without a picture."""
    return [
        f"`{entry.name}` has no picture. Write a function for it in docs/pictures, in the file of "
        f"{KINDS[entry.kind].lower()}; docs/pictures/draw.py has to write {entry.picture}."
        for entry in found
        if not (pictures / entry.picture).exists()
    ]


def generate(found: list[Entry], source: pathlib.Path) -> None:
    """Completes the pages in the source, and adds those that are made of the code."""
    for entry in found:
        page = source / f"{entry.page}.md"
        text = page.read_text(encoding="utf-8")
        page.write_text(entry_pages.complete(entry, text, source / "pictures"), encoding="utf-8")
    (source / "catalogue.md").write_text(entry_pages.overview(found, source), encoding="utf-8")
    (source / "reference").mkdir()
    for name, text in reference.pages(found):
        (source / "reference" / f"{name}.md").write_text(text, encoding="utf-8")
    copied_pages.copy(source)
    copied_pages.expand_includes(source)


def make_pages(source: pathlib.Path, output: pathlib.Path) -> None:
    """Runs Sphinx, which takes every warning for an error and goes on to the last of them."""
    shutil.rmtree(output, ignore_errors=True)
    doctrees = source.with_name(f"{output.name}_doctrees")
    options = ["-q", "-W", "--keep-going", "-n", "-E", "-d", str(doctrees), "-c", str(SITE)]
    if build_main(["-b", "html", *options, str(source), str(output)]):
        raise SystemExit(
            f"Sphinx has warned, see above. Pages in {source.name} are copies: mend the page in "
            "docs/site, the docstring, or the page of the repository that it was made of."
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "output" / "site")
    build(parser.parse_args().output.resolve())
