"""Looks at the pages as they were built: every link, anchor and file, and every public name."""

from __future__ import annotations

import html.parser
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from . import public_names

# Sphinx writes these for the search, the index and the source, without our text.
WITHOUT_PROSE = ("genindex.html", "search.html", "py-modindex.html")


@dataclass
class Page:
    """A page as it was built.

    Args:
        anchors: Its ids.
        links: Where it leads, and what it loads.
        loaded: Those of them that a browser loads by itself.
    """

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)


class _Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Notes the ids and the addresses of a tag."""
        found = {name: value for name, value in attributes if value is not None}
        self.page.anchors |= {found[name] for name in ("id", "name") if name in found}
        links = [found[name] for name in ("href", "src", "data", "poster") if name in found]
        self.page.links += links
        if tag != "a":
            self.page.loaded += links


def read(site: pathlib.Path) -> dict[str, Page]:
    """Return every page of a built site by its path."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        reader = _Reader()
        reader.feed(path.read_text(encoding="utf-8"))
        pages[path.relative_to(site).as_posix()] = reader.page
    return pages


def broken_links(site: pathlib.Path, pages: dict[str, Page]) -> Iterator[str]:
    """Yield a sentence for each link without a target, and for each file on another machine."""
    for path, page in pages.items():
        for link in page.loaded:
            if urlsplit(link).netloc:
                yield f"{path} loads {link}, which is on another machine. Put it beside the pages."
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = _target(path, unquote(parts.path))
            if not (site / target).exists():
                yield f"{path} has a link to {link}, and there is no {target}."
            elif parts.fragment and target in pages:
                anchor = unquote(parts.fragment)
                if anchor not in pages[target].anchors:
                    yield f"{path} has a link to {link}, and {target} has no such anchor."


def _target(path: str, link: str) -> str:
    """Return what a link of a page leads to, from the root of the site."""
    if not link:
        return path
    parts: list[str] = []
    for part in [*pathlib.PurePosixPath(path).parent.parts, *link.split("/")]:
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    target = "/".join(parts)
    return f"{target}/index.html".lstrip("/") if link.endswith("/") or not target else target


def count_of_links(pages: dict[str, Page]) -> int:
    """Return how many links within the site were looked at."""
    links = (urlsplit(link) for page in pages.values() for link in page.links)
    return sum(not link.scheme and not link.netloc for link in links)


def names_in_no_page(pages: dict[str, Page]) -> Iterator[str]:
    """Yield a sentence for each public name that the reference does not describe."""
    anchors = set().union(*(page.anchors for page in pages.values()))
    for name, place in public_names.documented().items():
        if place not in anchors and f"module-{place}" not in anchors:
            yield (
                f"`{name}` is public and in no page. docs/building/reference.py makes the pages of "
                "the modules in docs/building/public_names.py from their `__all__`: give it a "
                "docstring, or add its module there."
            )
