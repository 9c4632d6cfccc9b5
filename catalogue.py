"""Names: what wrappers, base optimizers, normalizers and others are called."""

from __future__ import annotations

import fnmatch
import inspect
import keyword
import re
from collections import ChainMap
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras

from . import checks


def check_name_in_texts(name: Any, reserved: Collection[str] = ()) -> None:
    """Raises for what cannot be the name of a wrapper or an optimizer in a text.

    Args:
        name: What a user gave.
        reserved: Names that have a meaning of their own.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"`name` must be a string. Received: {name!r}. As a decorator, write "
            "`@register('my_name')`."
        )
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        raise ValueError(
            "`name` must be of letters, digits and underscores, and no keyword of Python. "
            f"Received: {name!r}"
        )
    if name in reserved:
        raise ValueError(f"`name` {name!r} has a meaning of its own in texts. Choose another.")


class Catalogue:
    """Knows things by name: those built in, and those that users add, which can be removed again.

    Args:
        kind: What the entries are, in the singular.
        built_in: Those that are there from the start.
        check_name: Raises for what cannot be the name of a user's entry.

    A name is looked up as it is written first; then in any case, and so are the aliases and the
    names of the classes themselves, as long as only one entry has them.
    """

    def __init__(
        self,
        kind: str,
        built_in: Mapping[str, Any] | None = None,
        check_name: Callable[[Any], None] = check_name_in_texts,
    ) -> None:
        self.kind = kind
        self._check_name = check_name
        self._built_in = dict(built_in or {})
        self._aliases: dict[str, str] = {}
        # Users' entries are in the first map: a built-in one that was replaced comes back.
        self._entries: ChainMap[str, Any] = ChainMap({}, self._built_in)

    def built_in(self, name: str, *aliases: str) -> Callable[[Any], Any]:
        """Decorator for stepwrap's own: enters a class or a function."""

        def enter(entry: Any) -> Any:
            self._built_in[name] = entry
            self._aliases.update(dict.fromkeys(aliases, name))
            return entry

        return enter

    def register(self, name: str, given: Any, make: Callable[[Any], Any], replace: bool) -> Any:
        """Adds what is made of something that a user gives; a decorator if nothing is given.

        Args:
            name: The name of the entry.
            given: What the user gives, or None.
            make: Makes the entry of it, or raises.
            replace: Whether an existing name may be given a new meaning.

        Returns:
            What was given, unchanged.
        """
        self._check_name(name)
        if name in self._entries and not replace:
            raise ValueError(
                f"`name` {name!r} is already registered. Choose another, or pass `replace=True`."
            )

        def enter(given: Any) -> Any:
            self._entries[name] = make(given)
            return given

        return enter if given is None else enter(given)

    def unregister(self, name: str) -> None:
        """Removes an entry of your own; one that it replaced is back.

        A class stays registered with Keras, so that what was saved can be loaded.

        Raises:
            ValueError: If the name was never registered or is built in.
        """
        if name not in self._entries.maps[0]:
            reason = "is built in" if name in self._built_in else "was not registered"
            registered = checks.listed(sorted(self._entries.maps[0])) or "none"
            raise ValueError(f"`name` {name!r} {reason}. Names that can be removed: {registered}.")
        del self._entries[name]

    def names(self, pattern: str = "*") -> list[str]:
        """Return the names that match a pattern, sorted.

        Args:
            pattern: Characters, with `*` for any number of any, `?` for one, `[ab]` for one
                of these. Default: all names.
        """
        if not isinstance(pattern, str):
            raise TypeError(f"`pattern` must be a string, such as 'l4*'. Received: {pattern!r}")
        return sorted(name for name in self._entries if fnmatch.fnmatchcase(name, pattern))

    def get(self, name: str) -> Any:
        """Return what has that name.

        Raises:
            ValueError: If nothing has.
        """
        found = self._found(name)
        if found is None:
            raise ValueError(
                f"{name!r} is no {self.kind}.{checks.nearest(str(name).lower(), self.names())} "
                f"{self.kind.capitalize()}s: {checks.listed(self.names())}."
            )
        return self._entries[found]

    def knows(self, name: str) -> bool:
        """Return whether something has that name."""
        return self._found(name) is not None

    def _found(self, name: str) -> str | None:
        """Return the name under which it is entered that may be written in other ways."""
        if name in self._entries:
            return name
        lower = str(name).lower()
        classes = {
            name: entry.__name__ for name, entry in self._entries.items() if inspect.isclass(entry)
        }
        for spellings in (
            [(name, name) for name in self._entries],
            [(alias, name) for alias, name in self._aliases.items()],
            [(cls, name) for name, cls in classes.items()],
        ):
            found = {entry for spelling, entry in spellings if spelling.lower() == lower}
            if len(found) == 1:
                return found.pop()
        return None

    def name_of(self, entry: Any) -> str | None:
        """Return the name of an entry, None if it has none."""
        return next((name for name in self.names() if self._entries[name] is entry), None)


class SavedClasses:
    """Enters classes in a catalogue, and registers them with Keras, so that they can be saved.

    Args:
        catalogue: Where they are entered.
        base: What a user's class has to be a subclass of.
    """

    def __init__(self, catalogue: Catalogue, base: type) -> None:
        self._catalogue = catalogue
        self._base = base
        self._examples: dict[Callable, dict[str, Any]] = {}

    def built_in(
        self, name: str, *aliases: str, example: Mapping[str, Any] | None = None
    ) -> Callable[[Callable], Callable]:
        """Decorator for stepwrap's own: enters a class, or a function that makes instances."""

        def enter(entry: Callable) -> Callable:
            if inspect.isclass(entry):
                keras.saving.register_keras_serializable(package="stepwrap")(entry)
            self._examples[entry] = dict(example or {})
            return self._catalogue.built_in(name, *aliases)(entry)

        return enter

    def register(
        self,
        name: str,
        cls: type | None = None,
        *,
        replace: bool = False,
        package: str = "Custom",
        example: Mapping[str, Any] | None = None,
    ) -> Callable:
        """Adds a class of your own under a name; a decorator if no class is given.

        It is registered with Keras for saving as well, unless it is already.

        Args:
            name: What it is called in texts: letters, digits and underscores.
            cls: The class.
            replace: Whether an existing name may be given a new meaning. Default: False.
            package: Keras' name for where the class comes from, part of what is saved.
                Default: "Custom", as in `keras.saving.register_keras_serializable`.
            example: What `example` returns for it. Default: no arguments.

        Returns:
            The class, unchanged.

        Raises:
            TypeError: If `name` is no string, the class not of the right kind, or `example` no
                mapping.
            ValueError: If `name` cannot stand in a text, or exists and `replace` is False,
                or `package` is stepwrap's own.
        """
        if package == "stepwrap":
            raise ValueError("`package` 'stepwrap' is the library's own. Choose another.")
        if not isinstance(example, Mapping | None):
            raise TypeError(f"`example` must map arguments to values. Received: {example!r}")

        def saved(cls: type) -> type:
            if not (inspect.isclass(cls) and issubclass(cls, self._base)):
                raise TypeError(
                    f"A {self._catalogue.kind} must be a subclass of {self._base.__name__}. "
                    f"Received: {cls!r}"
                )
            if keras.saving.get_registered_name(cls) == cls.__name__:
                keras.saving.register_keras_serializable(package=package)(cls)
            self._examples[cls] = dict(example or {})
            return cls

        return self._catalogue.register(name, cls, saved, replace)

    def example(self, name: str) -> dict[str, Any]:
        """Return arguments, beside an optimizer to wrap, with which a name shows what it does.

        They are those that it cannot do without, and those that make it do something within
        three steps. Tests, documentation and benchmarks make it with them. Most need none.

        Raises:
            ValueError: If nothing has that name.
        """
        return dict(self._examples.get(self._catalogue.get(name), {}))


def snake_case(cls: type) -> str:
    """Return the name that Keras gives to the instances of a class, as `rm_sprop` to RMSprop's."""
    word_starts = r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])"
    return re.sub(word_starts, "_", cls.__name__).lower()
