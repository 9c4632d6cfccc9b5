"""Digests of values and code: equal in every process, different where results may be."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import enum
import functools
import hashlib
import inspect
import pathlib
import re
import sys
import sysconfig
import types
from collections.abc import Iterator, Mapping, Set
from typing import Any

import keras
import numpy as np

DIGITS = 16
WHOLE = 2**28  # bytes of an array that are all read: MNIST as float32 has 188 MB
STRETCHES, STRETCH = 256, 2**14  # of a larger one: how many parts, of how many numbers
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), slice, range)
OF_EVERY_CLASS = {
    "_abc_impl",
    "__abstractmethods__",
    "__annotations__",
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__module__",
    "__static_attributes__",
    "__weakref__",
}
KNOWN_LIBRARIES = {__name__.partition(".")[0], "keras", "numpy", "tensorflow", "jax", "torch"}
LIBRARIES = tuple(
    pathlib.Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")
)


def digest(*values: Any) -> str:
    """Return what stands for these values: 16 hexadecimal digits.

    Numbers, texts, arrays and containers count by what they hold, Keras' objects by class,
    configuration and weights, functions and classes by their code, whatever it refers to included.
    Comments and line breaks do not count, and neither do the numbers that Keras adds to names. What
    comes with Python or an installed package counts by its name alone: versions are compared
    elsewhere. An object of which nothing of this is known counts by its class.
    """
    walk = _Walk()
    with contextlib.suppress(RecursionError):  # what is deeper than Python can go does not count
        for value in values:
            walk.add(value)
    return walk.hash.hexdigest()[:DIGITS]


class _Walk:
    """Goes through values, and tells a hash of everything it meets."""

    def __init__(self, met: Mapping[int, tuple[int, Any]] | None = None) -> None:
        self.hash = hashlib.sha256()
        # By identity, and kept, so that no other object gets the same one.
        self._met = dict(met or {})

    def add(self, value: Any) -> None:
        """Adds a value of any kind."""
        if isinstance(value, PLAIN):
            self._tell(type(value).__name__, repr(value))
            return
        # Which of Python's own constants are one object depends on whether a module was compiled.
        if not isinstance(value, tuple | frozenset | types.CodeType):
            if id(value) in self._met:
                self._tell("met", self._met[id(value)][0])
                return
            self._met[id(value)] = len(self._met), value
        if (array := _array(value)) is not None:
            self._array(array)
        elif isinstance(value, Mapping):
            self._unordered("mapping", value.items())
        elif isinstance(value, Set):
            self._unordered("set", value)
        elif isinstance(value, list | tuple):
            self._tell("sequence", len(value))
            self._all(value)
        elif not self._code(value):
            self._object(value)

    def _tell(self, *words: object) -> None:
        self.hash.update(repr(words).encode())

    def _all(self, values: Any) -> None:
        for value in values:
            self.add(value)

    def _unordered(self, kind: str, values: Any) -> None:
        digests = []
        for value in values:
            walk = _Walk(self._met)
            walk.add(value)
            digests.append(walk.hash.digest())
        self._tell(kind, sorted(digests))

    def _array(self, array: np.ndarray) -> None:
        self._tell("array", array.shape, str(array.dtype))
        if array.dtype.hasobject:
            places = np.linspace(0, array.size - 1, min(array.size, STRETCH)).astype(int)
            self._all(array.flat[place] for place in places)
        elif array.nbytes <= WHOLE:
            self.hash.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
        else:
            for start in np.linspace(0, array.size - STRETCH, STRETCHES).astype(int):
                self.hash.update(array.flat[start : start + STRETCH].view(np.uint8))

    def _code(self, value: Any) -> bool:
        """Adds what is code; returns whether it is."""
        if isinstance(value, functools.partial):
            self._tell("partial")
            self._all((value.func, value.args, value.keywords))
        elif isinstance(value, types.MethodType):
            self._tell("method")
            self._all((value.__func__, value.__self__))
        elif isinstance(value, classmethod | staticmethod):
            self.add(value.__func__)
        elif isinstance(value, property):
            self._all((value.fget, value.fset))
        elif isinstance(value, types.FunctionType | type) and is_of_a_library(value):
            self._tell("library", value.__module__, value.__qualname__)
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, types.CodeType):
            self._compiled(value)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, types.ModuleType):
            self._tell("module", value.__name__)
        elif isinstance(value, types.BuiltinFunctionType | np.ufunc):
            self._tell("builtin", value.__name__)
        elif (wrapped := inspect.getattr_static(value, "__wrapped__", None)) is not None:
            self.add(wrapped)  # such as a cached function
        else:
            return False
        return True

    def _function(self, function: types.FunctionType) -> None:
        self._tell("function")
        self._all((function.__code__, function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            try:
                self.add(cell.cell_contents)
            except ValueError:  # an empty one
                self._tell("empty")
        names = set(_names(function.__code__))
        for name in sorted(names & function.__globals__.keys()):
            self._tell(name)
            self._global(function.__globals__[name], names)

    def _global(self, value: Any, names: set[str]) -> None:
        """Adds what a name means, of a user's own module what is taken from it."""
        self.add(value)
        if isinstance(value, types.ModuleType) and not is_of_a_library(value):
            for name in sorted(names & vars(value).keys()):
                self._tell(name)
                self.add(vars(value)[name])

    def _compiled(self, code: types.CodeType) -> None:
        self._tell(
            code.co_code,
            code.co_argcount,
            code.co_posonlyargcount,
            code.co_kwonlyargcount,
            code.co_flags,
            code.co_names,
            code.co_varnames,
            code.co_freevars,
            code.co_cellvars,
        )
        self._all(code.co_consts)

    def _class(self, cls: type) -> None:
        self._tell("class", cls.__qualname__)
        self._all(cls.__bases__)
        for name in sorted(vars(cls).keys() - OF_EVERY_CLASS):
            self._tell(name)
            self.add(vars(cls)[name])

    def _object(self, value: Any) -> None:
        self.add(type(value))
        if isinstance(value, enum.Enum):
            self._tell(value.name)
        elif isinstance(value, pathlib.PurePath | np.dtype):
            self._tell(str(value))
        elif isinstance(value, keras.layers.Layer):
            self._all((keras_config(value), value.weights))
        elif (config := keras_config(value)) is not None:
            self.add(config)
        elif _is_of_members(value):
            for name, member in sorted(getattr(value, "__dict__", {}).items()):
                self._tell(name)
                self.add(member)


def keras_config(value: Any) -> dict | None:
    """Return an object's configuration without the numbers in names; None if it has none to
    give.
    """
    try:
        return without_counts(value.get_config())
    except Exception:  # Keras raises several kinds where arguments cannot be written down
        return None


def without_counts(config: Any) -> Any:
    """Return a configuration in which names are numbered from 0: Keras goes on counting in a
    process.

    So "dense_7" is the same as "dense". In which module a class is, and Python lambdas, which Keras
    writes down with the lines on which they stand, are left out.
    """
    names: dict[str, str] = {}

    def numbered(name: str) -> str:
        return names.setdefault(name, f"{re.sub(r'_[0-9]+$', '', name)} {len(names)}")

    def walk(part: Any) -> Any:
        if isinstance(part, Mapping):
            if part.get("class_name") == "__lambda__":
                return "lambda"
            where = ("module", "registered_name") if "class_name" in part else ()
            return {
                key: numbered(value) if key == "name" and isinstance(value, str) else walk(value)
                for key, value in part.items()
                if key not in where
            }
        if isinstance(part, list | tuple):
            if [type(one) for one in part] == [str, int, int]:  # a layer, one of its calls, outputs
                return [numbered(part[0]), *part[1:]]
            return [walk(one) for one in part]
        return part

    return walk(config)


def is_of_a_library(value: Any) -> bool:
    """Return whether it comes with Python, an installed package or stepwrap, not from the user."""
    name = value.__name__ if isinstance(value, types.ModuleType) else value.__module__
    root = (name or "builtins").partition(".")[0]
    if root == "__main__":
        return False
    if root in sys.stdlib_module_names or root in KNOWN_LIBRARIES:
        return True
    path = getattr(sys.modules.get(root), "__file__", None)
    if path is None:
        return False
    return any(pathlib.Path(path).resolve().is_relative_to(folder) for folder in LIBRARIES)


def _is_of_members(value: Any) -> bool:
    """Return whether an object is known by its attributes; Keras' have counts and locks."""
    if isinstance(value, keras.losses.Loss | keras.metrics.Metric | keras.optimizers.Optimizer):
        return False
    namespaces = types.SimpleNamespace | argparse.Namespace
    return (
        dataclasses.is_dataclass(value)
        or isinstance(value, namespaces)
        or not is_of_a_library(type(value))
    )


def _names(code: types.CodeType) -> Iterator[str]:
    """Yield every name that the code, or a function in it, may take from its module."""
    yield from code.co_names
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _names(constant)


def _array(value: Any) -> np.ndarray | None:
    """Return an array, a tensor or a data frame, as an array; None if it is none of these."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    # Of the class: an object that stands for a module may import it when it is asked.
    if not hasattr(type(value), "__array__"):
        return None
    try:
        return np.asarray(value)
    except Exception:  # such as a tensor of PyTorch that is not on the CPU
        with contextlib.suppress(Exception):
            return keras.ops.convert_to_numpy(value)
    return None
