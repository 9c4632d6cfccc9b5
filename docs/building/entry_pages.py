"""The pages of wrappers, normalizers, presets, callbacks and base optimizers.

A writer's page says what code cannot know. Here it gets its picture, its arguments and its cost.
"""

from __future__ import annotations

import pathlib
import re

from . import cost, drawn
from .entries import KINDS, Entry

# The sections that a writer writes, in this order.
SECTIONS = (
    "Formula",
    "What it does",
    "When to use it",
    "When not to",
    "In a stack",
    "Example",
    "Neighbours",
)
ONLY_WRAPPERS = "In a stack"
FOLDERS = {
    "gradients": "They change the gradient",
    "steps": "They change the step",
    "step_sizes": "They choose the step size",
    "weights": "They keep other weights",
    "updates": "They decide whether there is a step",
}


def sections_of(kind: str) -> list[str]:
    """Return the headings that a page of that kind has, in order."""
    return [name for name in SECTIONS if kind == "wrappers" or name != ONLY_WRAPPERS]


def complaint(entry: Entry, text: str | None) -> str:
    """Return what is missing in a page and where to write it, or nothing.

    Args:
        entry: Whose page it is.
        text: What stands in its file; None if there is none.
    """
    path = f"docs/site/{entry.page}.md"
    wanted = sections_of(entry.kind)
    if text is None:
        return f"`{entry.name}` has no page. Write {path} with the sections {', '.join(wanted)}."
    if not re.match(r"# .+\n\n[^#\s]", text):
        return f"{path} has to begin with `# Title` and one sentence of what it does for the user."
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"^## (.+)$", prose, flags=re.MULTILINE)
    if found != wanted:
        return f"{path} has to have the sections {', '.join(wanted)}. It has {', '.join(found)}."
    return ""


def complaint_of_index(kind: str, entries: list[Entry], text: str) -> str:
    """Return what is missing in the page that leads to all of a kind, or nothing.

    Args:
        kind: The kind.
        entries: Everything that has a page.
        text: What stands in the file of that page.
    """
    path = f"docs/site/pages/{kind}/index.md"
    names = [entry.name for entry in entries if entry.kind == kind]
    if missing := [name for name in names if f"]({name}.md)" not in text]:
        return f"{path} leads to no page of {', '.join(missing)}. Say there who wants to read it."
    return ""


def complete(entry: Entry, text: str, pictures: pathlib.Path) -> str:
    """Return a writer's page with the picture after its first sentence, arguments and cost.

    Args:
        entry: Whose page it is.
        text: What the writer wrote.
        pictures: The folder of the pictures that were drawn.
    """
    title, first, rest = text.split("\n\n", 2)
    parts = [title, first]
    if (pictures / entry.picture).exists():
        parts.append(drawn.shown(entry.picture, pictures))
    parts += [rest.rstrip(), arguments(entry), cost.section(entry)]
    return "\n\n".join(part for part in parts if part)


def arguments(entry: Entry) -> str:
    """Return the section on arguments: what the docstring says, or how a norm is given."""
    if entry.kind == "normalizers":
        return "## Arguments\n\n" + _of_a_norm(entry)
    directive = "autofunction" if entry.kind == "presets" else "autoclass"
    lines = [
        "## Arguments\n",
        "```{eval-rst}",
        f".. {directive}:: {entry.path}",
        "   :no-index:",
        "```\n",
        f"The reference, {{py:obj}}`{entry.path}`, leads to the source.",
    ]
    return "\n".join(lines)


def _of_a_norm(entry: Entry) -> str:
    names = " or ".join(f'`"{name}"`' for name in (entry.name, *entry.aliases))
    return (
        f"The norm takes no arguments. It is given by its name, {names}, as `normalization` of "
        "{py:class}`stepwrap.NormalizedOptimizer`, which divides by it, and of "
        "{py:class}`stepwrap.ClippedOptimizer`, which bounds it. "
        "{py:func}`stepwrap.normalizers.names` lists all names, and "
        "{py:func}`stepwrap.normalizers.register_norm` adds a norm of your own."
    )


def overview(entries: list[Entry], source: pathlib.Path) -> str:
    """Return the page of the whole catalogue, wrappers by what they act on.

    Args:
        entries: What has a page.
        source: The folder of the site's source, with the pages.
    """
    parts = [
        "# The catalogue",
        "Everything that stepwrap has, by what it is for. Each card leads to a page with the "
        "formula, a picture, an example, and what it costs.",
        "## Wrappers",
    ]
    for folder, title in FOLDERS.items():
        members = [entry for entry in entries if _folder(entry) == folder]
        parts += [f"### {title}", _cards(members, source)]
    for kind in [*KINDS][1:]:
        members = [entry for entry in entries if entry.kind == kind]
        parts += [f"## {KINDS[kind]}", _cards(members, source)]
    return "\n\n".join(parts) + "\n"


def _folder(entry: Entry) -> str:
    """Return the folder of a wrapper's file; of anything else, nothing."""
    return entry.what.__module__.split(".")[2] if entry.kind == "wrappers" else ""


def _cards(entries: list[Entry], source: pathlib.Path) -> str:
    cards = (_card(entry, (source / f"{entry.page}.md").read_text("utf-8")) for entry in entries)
    return "\n".join(["::::{grid} 1 1 2 2", ":gutter: 3", "", *cards, "::::"])


def _card(entry: Entry, page: str) -> str:
    """Return a card with the picture, the names, and the page's first sentence without links."""
    names = ", ".join(f"`{name}`" for name in (entry.name, *entry.aliases))
    sentence = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", page.split("\n\n")[1])
    return "\n".join(
        [
            f":::{{grid-item-card}} {names}",
            f":img-top: /pictures/{entry.picture}",
            f":link: {entry.page}",
            ":link-type: doc",
            "",
            sentence,
            ":::",
        ]
    )
