"""The pages of the reference: every public name, module by module, and the command line."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
from collections.abc import Iterator
from typing import Any

import stepwrap
from stepwrap.command import arguments as command_arguments

from . import public_names
from .entries import Entry

INDEX = """# Reference

Every public name of stepwrap, with its arguments, its errors and a link to its source.

```{{toctree}}
:maxdepth: 1

{pages}
command_line
```
"""

CONSTANTS = {
    "stepwrap.VECTORS": (
        "Stands among the patterns of ``only`` and ``exclude`` for variables of less than two "
        "axes: biases, and scales and offsets of normalisations. It is no regular expression."
    ),
}


def pages(entries: list[Entry]) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page.

    Args:
        entries: All that have a page of their own, to which the reference leads.
    """
    for module in public_names.MODULES:
        yield module, _module_page(module, entries)
    yield "command_line", _command_line()
    yield "index", INDEX.format(pages="\n".join(public_names.MODULES))


def _module_page(module: str, entries: list[Entry]) -> str:
    content = importlib.import_module(module)
    described, elsewhere = [], []
    for name in sorted(content.__all__, key=lambda name: _order(getattr(content, name), name)):
        path = f"{module}.{name}"
        place = public_names.documented()[path]
        if place != path:
            elsewhere.append(f"- `{path}` is {{py:obj}}`{place}`.")
        elif not inspect.ismodule(getattr(content, name)):
            described.append(_object(path, getattr(content, name), entries))
        else:
            elsewhere.append(f"- {{py:mod}}`{path}` has a page of its own.")
    parts = [
        f"# {module}",
        f"```{{eval-rst}}\n.. automodule:: {module}\n```",
        *described,
        *(["## Under other names", "\n".join(elsewhere)] if elsewhere else []),
    ]
    return "\n\n".join(parts) + "\n"


def _order(value: Any, name: str) -> tuple[bool, bool, str]:
    """Return a key: functions first, then the contract of a wrapper, then classes by name."""
    return inspect.isclass(value), value is not stepwrap.OptimizerWrapper, name


def _object(path: str, value: Any, entries: list[Entry]) -> str:
    """Return the heading and the description of a class, a function or a constant."""
    directive = "autoclass" if inspect.isclass(value) else "autofunction"
    lines = [f".. {directive}:: {path}"]
    if path in CONSTANTS:
        lines = [
            f".. py:data:: {path}",
            "   :module:",  # none, for the path has it
            f"   :value: {value!r}",
            "",
            f"   {CONSTANTS[path]}",
        ]
    if members := _members(value):
        lines.append(f"   :members: {', '.join(members)}")
    parts = [f"## {path.rpartition('.')[2]}"]
    for entry in entries:
        if entry.path == path:
            parts.append(f"[Its page](../{entry.page}.md) has its formula, a picture and examples.")
    parts.append("```{eval-rst}\n" + "\n".join(lines) + "\n```")
    return "\n\n".join(parts)


def _members(value: Any) -> list[str]:
    """Return the attributes that a class of stepwrap has beside what every wrapper has.

    What Keras calls is described where the contract is, in `OptimizerWrapper`.
    """
    if not inspect.isclass(value):
        return []
    if value is stepwrap.OptimizerWrapper:
        return [*_own(value)]
    of_keras = {name for cls in value.__mro__ if not _is_ours(cls) for name in vars(cls)}
    of_all = {*_own(stepwrap.OptimizerWrapper)}
    return [name for name in _own(value) if name not in of_all | of_keras]


def _own(value: type) -> Iterator[str]:
    """Yield the public attributes with a docstring that stepwrap defines, in order."""
    seen = set()
    for cls in filter(_is_ours, value.__mro__):
        for name, attribute in vars(cls).items():
            described = callable(attribute) or isinstance(attribute, property | classmethod)
            if described and not name.startswith("_") and name not in seen:
                seen.add(name)
                yield name


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("stepwrap.")


def _command_line() -> str:
    """Return what `stepwrap --help` and the subcommands print."""
    parts = [
        "# The command line",
        "`stepwrap` is there with the extra `experiments`. `python -m stepwrap` is the same.",
    ]
    for command in ((), *((name,) for name in command_arguments.COMMANDS)):
        parts += [f"## {' '.join(('stepwrap', *command))}", f"```text\n{_help(*command)}\n```"]
    return "\n\n".join(parts) + "\n"


def _help(*command: str) -> str:
    """Return what the command prints when it is asked for help, in lines of 80 characters."""
    text = io.StringIO()
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        command_arguments.parse([*command, "--help"])
    os.environ.pop("COLUMNS") if columns is None else os.environ.update(COLUMNS=columns)
    return text.getvalue().rstrip()
