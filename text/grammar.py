"""The grammar of stacks: stages between `|`, each a name with literal arguments.

    base(arguments) | wrapper(arguments) | wrapper

The text is read by `ast`, and everything else that Python knows is refused by the type of
its node: nothing is evaluated but literals.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .source import Source

MOST_STAGES = 100

_LITERALS = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.UnaryOp, ast.UAdd, ast.USub, ast.Load)
_PLAIN = (str, int, float, type(None))  # bool is an int

_EXPECTED_STAGE = (
    "Expected a name such as `adam`, or one with arguments such as `adam(1e-3)`, and `|` before "
    "the next."
)
_EXPECTED_LITERAL = (
    "Expected a number, a string, True, False, None, a list, a tuple or a dictionary."
)
_OR_SCHEDULE = " A learning rate may be a schedule, such as `cosine_decay(0.001, 1000)`."


@dataclass(frozen=True)
class Argument:
    """A value, or the call of a schedule, and where an error about it belongs."""

    value: Any
    node: Any


@dataclass(frozen=True)
class Call:
    """A name with its arguments, and where an error about it belongs."""

    name: str
    positional: list[Argument]
    named: dict[str, Argument]
    node: Any


def read(source: Source) -> list[Call]:
    """Return the stages of a text, from the base outwards.

    Raises:
        TypeError: If an argument is given twice.
        ValueError: If the text is anything else than stages.
    """
    stages, node = [], _syntax_tree(source)
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        stages.insert(0, node.right)
        node = node.left
    stages.insert(0, node)
    if len(stages) > MOST_STAGES:
        message = f"A text may have {MOST_STAGES} stages. This one has {len(stages)}."
        raise source.error_at(stages[MOST_STAGES], message)
    return [_call(source, stage, _schedule_or_literal) for stage in stages]


def _syntax_tree(source: Source) -> ast.expr:
    if not source.text:
        raise ValueError("The text of a stack is empty. Write at least a base, such as 'adam'.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes such as '\d', at home in patterns
            return ast.parse(source.text, mode="eval").body
    except SyntaxError as error:
        message = (
            "Expected `base(arguments) | wrapper(arguments) | ...`, such as "
            f"`adam(1e-3) | normalized('l2')`. This is none: {error.msg}."
        )
        raise source.error_of(error, message) from error
    except (MemoryError, RecursionError) as error:
        raise source.error("The text is nested too deeply.", 0, 0) from error


def _call(source: Source, node: ast.expr, argument: Callable) -> Call:
    if isinstance(node, ast.Name):
        return Call(node.id, [], {}, node)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise source.error_at(node, _EXPECTED_STAGE)
    positional = [Argument(argument(source, value), value) for value in node.args]
    named: dict[str, Argument] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise source.error_at(keyword, "Arguments must be written out, not with `**`.")
        if keyword.arg in named:
            message = f"`{node.func.id}` is given the argument `{keyword.arg}` twice."
            raise source.error_at(keyword, message, TypeError)
        named[keyword.arg] = Argument(argument(source, keyword.value), keyword)
    return Call(node.func.id, positional, named, node)


def _schedule_or_literal(source: Source, node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        return _call(source, node, _literal)
    return _literal(source, node, _EXPECTED_LITERAL + _OR_SCHEDULE)


def _literal(source: Source, node: ast.expr, expected: str = _EXPECTED_LITERAL) -> Any:
    for part in ast.walk(node):
        place = part if hasattr(part, "lineno") else node  # operators have none
        if isinstance(part, ast.Name):
            raise source.error_at(place, f"{expected} A string stands in quotes: {part.id!r}.")
        refused = isinstance(part, ast.Constant) and not isinstance(part.value, _PLAIN)
        if refused or not isinstance(part, _LITERALS):
            raise source.error_at(place, expected)
    try:
        return ast.literal_eval(node)
    except (TypeError, ValueError, MemoryError, RecursionError) as error:
        raise source.error_at(node, expected) from error
