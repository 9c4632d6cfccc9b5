"""CONTRIBUTING.md and docs/architecture.md: what they name is there."""

import pathlib
import re

import pytest
import test_rooms

ROOT = pathlib.Path(__file__).parents[1]
PAGES = {path: (ROOT / path).read_text() for path in ("CONTRIBUTING.md", "docs/architecture.md")}
FOLDERS = ("", "core", "docs", "wrappers", "toolkit", "backends")

each = pytest.mark.parametrize("page", PAGES)


@each
def test_files_that_are_named_exist(page):
    named = re.findall(r"`([\w./]+(?:/|\.py|\.md))`", PAGES[page])
    assert len(named) > 5
    for name in named:
        inside = name.replace("my_wrapper", "cautious")
        assert any((ROOT / folder / inside).exists() for folder in FOLDERS) or any(
            ROOT.glob(f"wrappers/*/{inside}")
        ), name


@each
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGES[page]):
        assert ((ROOT / page).parent / target).is_file(), target


def test_commands_are_those_of_the_makefile():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    commands = re.findall(r"(?:^|`)make ([\w-]+)", PAGES["CONTRIBUTING.md"], flags=re.MULTILINE)
    assert len(commands) > 5
    assert {*commands} <= {*targets}


def test_the_map_has_every_room_in_the_order_of_the_import_rule():
    table = PAGES["docs/architecture.md"].partition("| room |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    rooms = [room for row in rows for room in re.findall(r"`(\w+)(?:/|\.py)`", row)]
    assert rooms == list(test_rooms.ROOMS)
