"""The package as it is installed."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest

import stepwrap

pytestmark = pytest.mark.backend_free
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


@pytest.mark.long
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


def test_every_line_that_installs_does_so_from_a_clone_with_extras_that_there_are():
    """The package is in no index that a reader is sure to reach."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    tracked = subprocess.run(
        ["git", "ls-files", "*.md", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    lines = {
        name: re.findall(r"pip install\s+(.*?)(?:`|\s*#|\s*$)", (ROOT / name).read_text(), re.M)
        for name in tracked
        if not name.startswith("tests/")
    }
    assert len(lines["README.md"]) == 2
    for name, installed in lines.items():
        for what in installed:
            if what.startswith("pandas"):
                continue  # another package, which a data frame needs
            form = re.match(r'"\.\[([\w,{}]+)\]"', what)
            assert form, f"{name}: pip install {what}"
            for extra in form[1].split(","):
                assert extra in extras or extra == "{backend}", f"{name}: {extra}"
