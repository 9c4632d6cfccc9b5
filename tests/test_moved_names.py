"""Modules and names of release 0.6.0 at their old places."""

import importlib
import json
import pathlib
import sys
import warnings
from importlib.machinery import PathFinder

import pytest

import stepwrap
from stepwrap.core import moved_names

pytestmark = pytest.mark.backend_free

EXPECTED = json.loads(
    (pathlib.Path(__file__).with_name("files_of_0_6_0") / "expected.json").read_text()
)
# What nobody but stepwrap itself had a use for.
INTERNAL = ("stepwrap.backends", "stepwrap.normalizers.norms", "stepwrap.text.")
MODULES = {
    name: names for name, names in EXPECTED["modules"].items() if not name.startswith(INTERNAL)
}
# Of these, what a wrapper of a user's may have imported; of the others, the module alone.
ALONE = ("gradient_average", "keras_private", "replica_local", "stack", "step_capture")
NAMES = [
    (module, name)
    for module, names in MODULES.items()
    for name in names
    if module.removeprefix("stepwrap.") not in ALONE
]
MOVED = [name for name in MODULES if moved_names._new_place(name) is not None]


@pytest.fixture
def forgotten(monkeypatch):
    """Makes an old name as if it had not been asked for yet."""

    def forget(name):
        module, _, attribute = name.rpartition(".")
        monkeypatch.delitem(sys.modules, name, raising=False)
        if attribute in vars(sys.modules[module]):
            monkeypatch.delattr(sys.modules[module], attribute)

    return forget


def test_every_module_of_then_is_there_or_has_moved():
    assert len(MOVED) > 40
    for name in MODULES.keys() - {*MOVED}:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            importlib.import_module(name)


@pytest.mark.parametrize("name", MOVED)
def test_a_module_that_moved_is_imported_with_a_warning(name, forgotten):
    new = moved_names._new_place(name)
    forgotten(name)
    with pytest.warns(DeprecationWarning) as caught:
        exec(f"import {name}\nimport {name} as old\nfrom {name} import *", names := {})
    [warning] = caught
    assert f"`{name}` is `{new}` now" in str(warning.message) and warning.filename == "<string>"
    assert names["old"] is sys.modules[new]
    assert names["old"].__spec__.name == names["old"].__name__ == new


@pytest.mark.parametrize("name", MOVED)
def test_a_module_that_moved_is_an_attribute_with_a_warning(name, forgotten):
    package, _, module = name.rpartition(".")
    forgotten(name)
    with pytest.warns(DeprecationWarning) as caught:
        exec(f"import {package}\nfrom {package} import {module}\n{name}", names := {})
    [warning] = caught
    assert warning.filename == "<string>"
    assert names[module] is sys.modules[moved_names._new_place(name)]


@pytest.mark.parametrize("name", moved_names._FUNCTIONS)
def test_a_function_that_moved_is_an_attribute_with_a_warning(name, forgotten):
    module, _, function = name.rpartition(".")
    then = {"stepwrap.core.optimizer_wrapper": "stepwrap.wrappers.optimizer_wrapper"}
    assert function in EXPECTED["modules"][then.get(module, module)]
    forgotten(name)
    with pytest.warns(DeprecationWarning, match=f"`{name}` is `{moved_names._FUNCTIONS[name]}`"):
        old = getattr(importlib.import_module(module), function)
    place, _, function = moved_names._FUNCTIONS[name].rpartition(".")
    assert old is getattr(importlib.import_module(place), function)


@pytest.mark.filterwarnings("ignore:`stepwrap:DeprecationWarning")
@pytest.mark.parametrize(("module", "name"), NAMES)
def test_what_a_module_had_is_still_in_it(module, name):
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("module", EXPECTED["names"])
def test_public_names_are_where_they_were(module):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        package = importlib.import_module(module)
        for name in EXPECTED["names"][module]:
            exec(f"from {module} import {name}", {})
    if hasattr(package, "__all__"):
        assert {*EXPECTED["names"][module]} <= {*package.__all__}


@pytest.mark.parametrize("module", ["stepwrap", "stepwrap.wrappers", "stepwrap.checks"])
def test_what_never_was_there_is_an_error_as_ever(module):
    for name in ("lookahead_", "_lookahead", "__wrapped__"):
        with pytest.raises(AttributeError, match=f"module '{module}' has no attribute '{name}'"):
            getattr(sys.modules[module], name)
        with pytest.raises(ModuleNotFoundError, match=rf"No module named '{module}\.{name}'"):
            importlib.import_module(f"{module}.{name}")


def test_a_name_of_a_wrapper_s_room_is_none_of_the_package():
    assert moved_names._new_place("stepwrap.lookahead") is None
    assert moved_names._new_place("stepwrap.wrappers.slots") is None
    assert moved_names._new_place("keras.slots") is None


def test_the_finder_is_asked_last():
    [finder] = [one for one in sys.meta_path if isinstance(one, moved_names._OldPlaces)]
    assert sys.meta_path.index(PathFinder) < sys.meta_path.index(finder)
    assert stepwrap.Lookahead.__module__ == "stepwrap.wrappers.weights.lookahead"
