"""The page of differences: made from what the tests noted, complete, and within the bound."""

import json
import pathlib
import runpy

import pytest

import stepwrap

pytestmark = pytest.mark.backend_free
DOCS = pathlib.Path(__file__).parent.parent / "docs"


def test_the_page_is_made_from_the_largest_differences(tmp_path):
    notes = [
        ("one", "clipped-SGD", 1e-8),
        ("one", "clipped-Adam", 4e-7),
        ("one", "clipped-Adam", 2e-7),
        ("two", "L4Adam", 0.0),
    ]
    path = tmp_path / "notes.jsonl"
    lines = (
        json.dumps({"setting": setting, "wrapper": wrapper, "difference": difference})
        for setting, wrapper, difference in notes
    )
    path.write_text("\n".join(lines))
    program = runpy.run_path(str(DOCS / "differences.py"))
    page = program["page"](program["read"](path))
    assert "in every cell: Adam, SGD." in page
    assert "| wrapper | one | two |" in page
    assert "| `L4Adam` |  | 0 |" in page
    assert "| `clipped` | 4e-07 |  |" in page


def page():
    """The settings, and a row of cells for each wrapper."""
    header, _, *rows = [
        [cell.strip(" `") for cell in line.strip()[1:-1].split("|")]
        for line in (DOCS / "differences.md").read_text().splitlines()
        if line.startswith("|")
    ]
    assert all(len(row) == len(header) for row in rows)
    return header[1:], {name: cells for name, *cells in rows}


def test_the_page_has_every_setting_and_all_is_within_the_bound():
    settings, rows = page()
    expected = "MirroredStrategy, eager", "MirroredStrategy, graph", "MultiWorkerMirroredStrategy"
    assert {*expected, "JAX DataParallel", "JAX ModelParallel"} <= set(settings)
    assert any("DistributedDataParallel" in setting for setting in settings)
    assert {"L4Adam", "L4Mom", "stack"} <= set(rows)
    assert all(float(cell) < 1e-6 for cells in rows.values() for cell in cells if cell)


@pytest.mark.long
def test_the_page_has_every_wrapper(request):
    """A new one is on it after `make differences`, which takes long tests on three backends."""
    if request.config.getoption("--differences"):
        pytest.skip("this run measures what the page will be made from")
    assert {*stepwrap.wrappers.names()} <= set(page()[1])
