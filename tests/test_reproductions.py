"""Every reproduction: its tables, its pictures and its page; training is pretended."""

import importlib.util
import pathlib
import re

import pytest

import cases

pytest.importorskip("rich")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

import rich.console

from pretended_training import pretend_training
from stepwrap.experiments.reproductions import catalogue
from stepwrap.experiments.reproductions.laboratory import Laboratory

ROOT = pathlib.Path(__file__).parent.parent
pytestmark = pytest.mark.backend_free("torch")  # which compiles nothing


def page_of(name):
    path = pathlib.Path(catalogue.__file__).parent / name.replace("-", "_") / "README.md"
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", cases.others_long(catalogue.names(), ["l4-mnist"]))
def test_it_writes_tables_and_pictures(name, image_folder, tmp_path, monkeypatch):
    pretend_training(monkeypatch)
    console = rich.console.Console(quiet=True)
    laboratory = Laboratory(name, tmp_path / "run", fast=True, data=image_folder, console=console)
    catalogue.get(name)(laboratory)
    tables = list(laboratory.output.glob("*_table.md"))
    pictures = list(laboratory.output.glob("*.png"))
    stem = name.replace("-", "_")
    assert f"{stem}_table.md" in [table.name for table in tables]
    assert f"{stem}.png" in [picture.name for picture in pictures]
    assert all(path.name.startswith(stem) for path in (*tables, *pictures))
    for table in tables:
        caption, _, rows = table.read_text(encoding="utf-8").partition("\n\n")
        assert caption.startswith("Fast run, too short for a result.")
        assert len({row.replace("\\|", "").count("|") for row in rows.splitlines()}) == 1


@pytest.mark.parametrize("name", catalogue.names())
def test_its_page_names_the_command_and_shows_pictures_that_are_there(name):
    page = page_of(name)
    assert f"stepwrap reproduce {name}" in page
    assert "<!-- results -->" in page
    for picture in re.findall(r"!\[.*?\]\(\.\./\.\./\.\./(images/.*?)\)", page):
        assert (ROOT / picture).is_file(), picture


def test_the_gallery_shows_every_result_and_links_every_page():
    gallery = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    for name in catalogue.names():
        stem = name.replace("-", "_")
        assert f"(../experiments/reproductions/{stem}/README.md)" in gallery
        for picture in re.findall(r"\((?:\.\./)+(images/.*?)\)", page_of(name)):
            assert (ROOT / picture).is_file(), picture
    for picture in re.findall(r"\]\(\.\./(images/.*?)\)", gallery):
        assert (ROOT / picture).is_file(), picture


@pytest.fixture
def publish():
    """The script that puts results into pages."""
    path = ROOT / "docs" / "reproductions.py"
    spec = importlib.util.spec_from_file_location("reproduction_pages", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.publish


def test_results_are_put_into_the_page_and_replace_older_ones(publish, tmp_path):
    page = tmp_path / "experiments" / "reproductions" / "some_thing" / "README.md"
    page.parent.mkdir(parents=True)
    page.write_text("before\n<!-- results -->\nold\n<!-- /results -->\nafter\n")
    (tmp_path / "images").mkdir()
    results = tmp_path / "results"
    results.mkdir()
    (results / "some_thing.png").write_bytes(b"picture")
    (results / "some_thing_table.md").write_text("Fast run, too short for a result.\n")
    with pytest.raises(SystemExit, match="a fast run, which is no result"):
        publish("some-thing", results, tmp_path)
    (results / "some_thing_table.md").write_text("caption\n\n| table |\n")
    publish("some-thing", results, tmp_path)
    assert (tmp_path / "images" / "some_thing.png").read_bytes() == b"picture"
    assert page.read_text() == (
        "before\n<!-- results -->\n\ncaption\n\n| table |\n\n"
        "![some thing](../../../images/some_thing.png)\n\n<!-- /results -->\nafter\n"
    )
