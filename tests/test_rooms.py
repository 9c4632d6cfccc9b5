"""The rooms of the package: what lies where, and that imports lead downward only."""

import ast
import graphlib
import pathlib

import pytest

pytestmark = pytest.mark.backend_free
ROOT = pathlib.Path(__file__).parents[1]
# From the top: each may import those below it, which docs/architecture.md explains.
ROOMS = (
    *("__main__", "experiments", "__init__", "presets", "text", "callbacks", "wrappers", "core"),
    *("optimizers", "toolkit", "normalizers", "catalogue", "checks", "backends", "command"),
)
FILES = [
    file for room in ROOMS for file in (*ROOT.glob(f"{room}.py"), *ROOT.glob(f"{room}/**/*.py"))
]


def imported(file):
    """The modules and packages of stepwrap that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = file.parents[node.level - 1] / (node.module or "").replace(".", "/")
            inside = [folder / name.name for name in node.names]
            modules = [path for path in inside if path.is_dir() or path.with_suffix(".py").exists()]
            for path in modules if len(modules) == len(inside) else [*modules, folder]:
                yield path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def room(file):
    return ROOMS.index(file.relative_to(ROOT).with_suffix("").parts[0])


def test_imports_lead_downward():
    imports = [(file, other) for file in FILES for other in imported(file)]
    assert [(file, other) for file, other in imports if room(file) > room(other)] == []


def test_no_file_imports_itself_by_way_of_others():
    graphlib.TopologicalSorter({file: imported(file) for file in FILES}).prepare()


def imported_beside(script):
    """The scripts of its folder that a script imports, wherever in it."""
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [name.name for name in node.names]
            for name in names if isinstance(node, ast.Import) else [node.module]:
                yield from script.parent.glob(f"{name}.py")


def test_no_script_imports_itself_by_way_of_others():
    scripts = [*ROOT.glob("benchmarks/*.py")]
    graphlib.TopologicalSorter({one: imported_beside(one) for one in scripts}).prepare()


def test_nothing_else_lies_at_the_root():
    assert {file.stem for file in ROOT.glob("*.py")} - {"setup"} <= {*ROOMS}
