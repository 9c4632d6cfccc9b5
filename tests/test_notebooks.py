"""The notebooks of the documentation: each runs from top to bottom."""

import os
import pathlib
import sys

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

FOLDER = pathlib.Path(__file__).parent.parent / "docs" / "site" / "notebooks"
NAMES = ("averages", "comparing", "getting_started")
SECONDS = 300  # of which two quiet cores need a tenth, for each cell


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def installs(cell):
    return "install" in cell.metadata.get("tags", ())


@pytest.mark.backend_free("torch")
def test_there_is_no_other_notebook():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.backend_free("torch")
@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_one_that_has_not_been_run(name):
    """Outputs would be those of a machine that nobody knows, and differ with every commit."""
    notebook = read(name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert [installs(cell) for cell in code] == [True] + [False] * (len(code) - 1)
    assert code[0].source.startswith("%pip install")


@pytest.mark.long
@pytest.mark.backend_free("torch")
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_from_top_to_bottom(name, tmp_path, monkeypatch):
    for package in ("ipykernel", "matplotlib", "rich", "sklearn"):
        pytest.importorskip(package)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    notebook = read(name)
    notebook.cells = [cell for cell in notebook.cells if not installs(cell)]
    client = nbclient.NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [output.get("data", {}) for cell in code for output in cell.outputs]
    assert any("image/png" in data for data in shown)
