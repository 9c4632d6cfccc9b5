"""The README: its code runs, its names exist, its numbers are those a script wrote."""

import importlib.util
import pathlib
import re

import keras
import pytest

import stepwrap
from stepwrap import normalizers

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def clean_catalogue():
    """Removes the wrappers that the README registers."""
    before = stepwrap.wrappers.names()
    yield
    for name in set(stepwrap.wrappers.names()) - set(before):
        stepwrap.wrappers.unregister(name)


def test_the_first_example_runs_as_it_stands():
    namespace = {}
    exec(compile(BLOCKS[0], "README.md", "exec"), namespace)
    [*_, before, after] = namespace["model"].history.history["loss"]
    assert after < before


@pytest.mark.usefixtures("clean_registry", "clean_catalogue")
def test_the_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    assert len(BLOCKS) == 13
    others = {"tensorflow", "jax", "torch"} - {keras.backend.backend()}
    for block in BLOCKS:
        if any(f"import {other}" in block for other in others):
            continue
        exec(compile(block, "README.md", "exec"), namespace)
    optimizer = namespace["SquashedGradient"]("adam", sharpness=3.0)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert copy.sharpness == 3.0
    assert namespace["SignedStep"]("adam").takes_steps
    [own_wrappers] = [block for block in BLOCKS if "(stepwrap.OptimizerWrapper)" in block]
    assert all(len(wrapper.splitlines()) < 15 for wrapper in own_wrappers.split("\n\n\n"))


def test_the_table_of_normalizers_is_complete():
    [table] = re.findall(r"\| name \| norm \|\n(.*?)\n\n", README, flags=re.DOTALL)
    names = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row[:20])]
    assert sorted(names) == normalizers.names()


def test_the_results_are_those_that_the_scripts_wrote():
    tables = [*(ROOT / "images").glob("*_table.md"), ROOT / "images" / "bench.md"]
    assert len(tables) == 4
    for table in tables:
        assert table.read_text() in README, table


def catalogue_page():
    spec = importlib.util.spec_from_file_location("catalogue_page", ROOT / "docs" / "catalogue.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    return page


def test_the_table_of_the_catalogue_is_what_its_script_makes_of_the_wrappers():
    table = (ROOT / "docs" / "catalogue_table.md").read_text()
    assert catalogue_page().table() == table, "run `make catalogue`"
    assert table in README
    assert all(f"`{name}`" in table for name in stepwrap.wrappers.names())


def test_the_script_puts_a_new_table_where_the_old_one_was(tmp_path, monkeypatch):
    page = catalogue_page()
    for name, path in {"PAGE": "table.md", "README": "README.md"}.items():
        monkeypatch.setattr(page, name, tmp_path / path)
    page.PAGE.write_text("| old |\n")
    page.README.write_text("before\n\n| old |\n\nafter\n")
    monkeypatch.setattr(page, "table", lambda: "| new |\n")
    page.write()
    assert page.PAGE.read_text() == "| new |\n"
    assert page.README.read_text() == "before\n\n| new |\n\nafter\n"
    page.README.write_text("nothing\n")
    with pytest.raises(SystemExit, match=r"The table of table\.md is not in README\.md"):
        page.write()


def test_the_presets_are_what_the_readme_says():
    [table] = re.findall(r"\| preset \| stack \|\n(.*?)\n\n", README, flags=re.DOTALL)
    for row in table.splitlines()[1:]:
        name, stack = re.fullmatch(r"\| `(\w+)` \| `(.*)` \|", row).groups()
        assert stepwrap.describe(getattr(stepwrap.presets, name)()) == stack.replace("\\|", "|")


def test_linked_files_exist():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target
