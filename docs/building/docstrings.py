"""A Sphinx extension that reads stepwrap's docstrings, which are plain text for `help`.

Their formulas are indented blocks, which reStructuredText would set as quotations, and their
single backticks hold code. What a reader of the site can follow becomes a link.
"""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING, Any

from . import public_names

if TYPE_CHECKING:  # the conversion itself needs no Sphinx
    from sphinx.application import Sphinx

HEADING = re.compile(r"(Args|Attributes|Raises|References|Returns|Yields):$")
CODE = re.compile(r"``.+?``|`([^`]+)`", re.DOTALL)
ARXIV = re.compile(r"arXiv\s+(\d{4}\.\d{4,5})")
# A character that means something in reStructuredText, and nothing in a docstring.
SPECIAL = re.compile(r"[\\|*]|(?<=\w)_(?!\w)")
BEFORE_NAPOLEON = 400
# Before a property's first colon napoleon expects a type; here it is a sentence.
EMPTY_COMMENT = ["..", ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Has every docstring converted before the sections are read."""
    app.connect("autodoc-process-docstring", convert, priority=BEFORE_NAPOLEON)
    app.connect("autodoc-process-signature", sign)
    return {"parallel_read_safe": True}


def convert(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Converts the lines of a docstring in place.

    On a page of its own a class is shown without an entry in the index: there the page has said
    what the first sentence and the formula say.
    """
    parts = paragraphs(lines)
    if options.no_index and what in ("class", "function"):
        parts = _without_what_the_page_says(parts)
    lines[:] = restructured(parts)
    if what == "property":
        lines[:0] = EMPTY_COMMENT


def sign(
    app: Sphinx, what: str, name: str, found: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Return the arguments of a class's `__init__`; its `__new__` only looks for unknown ones."""
    if what != "class" or found.__new__ is object.__new__:
        return None
    _, *others = inspect.signature(found.__init__).parameters.values()
    plain = (parameter.replace(annotation=inspect.Parameter.empty) for parameter in others)
    return str(inspect.Signature([*plain])), returns


def paragraphs(lines: list[str]) -> list[list[str]]:
    """Return the lines of a docstring between those that are empty."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [paragraph for paragraph in found if paragraph]


def _without_what_the_page_says(parts: list[list[str]]) -> list[list[str]]:
    _, *others = parts
    return others[1:] if others and _is_indented(others[0]) else others


def restructured(parts: list[list[str]]) -> list[str]:
    """Return paragraphs in reStructuredText, with sections as `sphinx.ext.napoleon` reads them."""
    in_sections = False
    lines: list[str] = []
    for paragraph in parts:
        in_sections = in_sections or bool(HEADING.match(paragraph[0]))
        if in_sections:
            lines += _section(paragraph)
        elif _is_indented(paragraph):
            lines += _block(paragraph)
        else:
            lines += marked("\n".join(paragraph)).split("\n")
        lines.append("")
    return lines


def _is_indented(paragraph: list[str]) -> bool:
    return all(line.startswith("    ") for line in paragraph)


def _block(paragraph: list[str]) -> list[str]:
    """Return an indented block as it stands, coloured if it is Python."""
    text = "\n".join(line[4:] for line in paragraph)
    return [f".. code-block:: {'python' if _is_python(text) else 'text'}", "", *paragraph]


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _section(paragraph: list[str]) -> list[str]:
    """Return a section with names that go on in the next line joined to it."""
    text = marked("\n".join(paragraph))
    text = re.sub(r"(?m)^(\s+(?:\w+,[ \t]*)+)\n\s+", r"\1 ", text)
    # As a field: before a colon napoleon would expect a type.
    text = re.sub(r"\A(Returns|Yields):\n\s+", lambda found: f":{found[1].lower()}: ", text)
    return text.split("\n")


def marked(text: str) -> str:
    """Return text with its code marked as code, names and papers as links, the rest as it is."""
    parts = []
    end = 0
    for found in CODE.finditer(text):
        parts += [_plain(text[end : found.start()]), _code(found)]
        end = found.end()
    return "".join([*parts, _plain(text[end:])])


def _plain(text: str) -> str:
    escaped = SPECIAL.sub(lambda found: f"\\{found[0]}", text)
    return ARXIV.sub(r"`arXiv \1 <https://arxiv.org/abs/\1>`__", escaped)


def _code(found: re.Match) -> str:
    if found[1] is None:
        return found[0]
    name = " ".join(found[1].split())
    path = public_names.path_of(name)
    return f":py:obj:`{name} <{path}>`" if path else f"``{name}``"
