"""The README and pages beside it: code runs, files exist, numbers are those that a script wrote."""

import importlib.util
import pathlib
import re

import keras

import stepwrap

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_first_example_runs_as_it_stands():
    namespace = {}
    exec(compile(BLOCKS[0], "README.md", "exec"), namespace)
    [*_, before, after] = namespace["model"].history.history["loss"]
    assert after < before


def test_the_optimizers_of_the_other_examples_can_be_made():
    assert len(BLOCKS) == 2
    namespace = {"stepwrap": stepwrap}
    exec(compile(BLOCKS[1], "README.md", "exec"), namespace)
    optimizers = [name for name in namespace if name not in ("stepwrap", "__builtins__")]
    assert len(optimizers) == 4
    for name in optimizers:
        assert isinstance(namespace[name], keras.optimizers.Optimizer)


def test_the_results_in_the_gallery_are_those_that_the_scripts_wrote():
    gallery = (ROOT / "docs" / "gallery.md").read_text()
    tables = [*(ROOT / "images").glob("*digits_table.md")]
    assert len(tables) == 2
    for table in tables:
        assert table.read_text() in gallery, table


def catalogue_page():
    spec = importlib.util.spec_from_file_location("catalogue_page", ROOT / "docs" / "catalogue.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    return page


def test_the_table_of_the_catalogue_is_what_its_script_makes_of_the_wrappers():
    table = (ROOT / "docs" / "catalogue_table.md").read_text()
    assert catalogue_page().table() == table, "run `make catalogue`"
    assert all(f"`{name}`" in table for name in stepwrap.wrappers.names())


def test_the_catalogue_of_the_readme_has_every_wrapper():
    for name in stepwrap.wrappers.names():
        assert f"pages/wrappers/{name}.md)" in README, f"README.md, The catalogue, lacks `{name}`."


def test_linked_files_exist():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target
