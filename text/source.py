"""A text, and errors that show where in it."""

from __future__ import annotations

import re
from typing import Any

LONGEST = 10_000
_SHOWN = 60  # characters of a line on either side of the place


class Source:
    """The text of a stack.

    Raises:
        TypeError: If it is no string.
        ValueError: If it is too long, or has characters that no text can have.
    """

    def __init__(self, text: Any) -> None:
        if not isinstance(text, str):
            raise TypeError(
                "The text of a stack must be a string, such as \"adam(1e-3) | normalized('l2')\". "
                f"Received: {text!r} of type {type(text).__name__}."
            )
        if len(text) > LONGEST:
            raise ValueError(
                f"The text of a stack may have {LONGEST:,} characters. Received: {len(text):,}."
            )
        self.text = text.strip().replace("\r\n", "\n").replace("\r", "\n")
        self._lines = self.text.split("\n")
        for line, content in enumerate(self._lines):
            if found := re.search("[\0\ud800-\udfff]", content):
                raise self.error("Character that no text can have.", line, found.start())

    def error_at(
        self, node: Any, message: str, kind: type[TypeError | ValueError] = ValueError
    ) -> TypeError | ValueError:
        """Return an error with a caret under the start of a node of the syntax tree."""
        line = node.lineno - 1
        before = self._lines[line].encode()[: node.col_offset]  # it counts bytes
        return self.error(message, line, len(before.decode(errors="ignore")), kind)

    def error_of(self, error: SyntaxError, message: str) -> ValueError:
        """Return an error with a caret where Python found the syntax wrong."""
        line = min(max(error.lineno or 1, 1), len(self._lines)) - 1
        end = len(self._lines[line])
        column = min(error.offset - 1, end) if error.offset else end  # 0 stands for the end
        return self.error(message, line, column)

    def error(
        self, message: str, line: int, column: int, kind: type[TypeError | ValueError] = ValueError
    ) -> TypeError | ValueError:
        """Return an error with the message, the line of the text, and a caret under the column."""
        content = "".join(sign if sign.isprintable() else " " for sign in self._lines[line])
        start, end = max(column - _SHOWN, 0), column + _SHOWN
        before = "..." if start > 0 else ""
        after = "..." if end < len(content) else ""
        caret = " " * (len(before) + column - start) + "^"
        return kind(f"{message}\n    {before}{content[start:end]}{after}\n    {caret}")
