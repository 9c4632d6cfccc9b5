"""Shows a picture that was drawn for the site."""

from __future__ import annotations

import html
import pathlib
import re


def shown(picture: str, pictures: pathlib.Path) -> str:
    """Return the Markdown of a picture, with its title for those who cannot see it.

    Args:
        picture: Its path below the folder of the pictures.
        pictures: That folder.
    """
    return f"![{_title(pictures / picture)}](/{pictures.name}/{picture})"


def _title(picture: pathlib.Path) -> str:
    """Return the sentence that stands above a picture, and that its file has as the title."""
    found = re.search(r"<dc:title>(.*?)</dc:title>", picture.read_text("utf-8"), re.DOTALL)
    return re.sub(r"[\[\]]", "", html.unescape(found[1])).replace("\n", " ") if found else ""
