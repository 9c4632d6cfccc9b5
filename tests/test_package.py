"""The package as it is installed."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

import stepwrap

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel, built from a copy so that the build leaves nothing behind."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    for name in filter(None, tracked):
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*pip, str(target), str(source)], check=True, timeout=300)
    [path] = target.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.split("/")[1] for name in names if name.count("/") > 1}
    assert {name.split("/")[0] for name in names} == {
        "stepwrap",
        f"stepwrap-{stepwrap.__version__}.dist-info",
    }
    assert folders >= {"wrappers", "normalizers", "backends", "experiments"}
    assert "stepwrap/py.typed" in names and "stepwrap/__main__.py" in names
    for folder in ("pictures", "tasks", "reproductions/l4_mnist"):
        assert f"stepwrap/experiments/{folder}/__init__.py" in names
    for unwanted in ("setup", "tests", "images", "benchmarks", "docs", "examples", "conftest"):
        assert not [name for name in names if unwanted in name], unwanted


def test_the_wheel_works(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    script = (
        "import stepwrap; print(stepwrap.__file__); "
        "print(stepwrap.NormalizedOptimizer('adam', 'std').get_config()['normalization'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    path, normalization = result.stdout.split()
    assert pathlib.Path(path).is_relative_to(tmp_path / "site")
    assert normalization == "std"


def test_the_changelog_has_this_version():
    assert f"## {stepwrap.__version__}\n" in (ROOT / "CHANGELOG.md").read_text()
