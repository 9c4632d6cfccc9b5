"""The template of `make wrapper`: what it writes works, and its reference asks to be written."""

import importlib
import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys

import keras
import pytest

import cases
import new_wrapper
import references
import registry
import stepwrap
import style
from building import entries, entry_pages, unwritten
from stepwrap.wrappers import catalogue

ROOT = pathlib.Path(__file__).parents[1]
KINDS = new_wrapper.KINDS
FOLDERS = ("wrappers", "tests/references", "docs/site/pages/wrappers", "docs/pictures")


@pytest.fixture
def written(tmp_path):
    """Writes a wrapper `brand_new` into a copy of the folders that it goes into."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)

    def write(kind):
        new_wrapper.write("brand_new", kind, tmp_path)
        return tmp_path

    yield write
    catalogue._catalogue._built_in.pop("brand_new", None)  # what is built in stays otherwise


def test_there_is_a_kind_for_every_folder_of_wrappers():
    folders = {path.parent.name for path in ROOT.glob("wrappers/*/__init__.py")}
    assert {*KINDS} == folders


def run(path, module):
    """Return the module that a file is, without entering it anywhere."""
    spec = importlib.util.spec_from_file_location(module, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def brand_new(kind, root):
    path = root / "wrappers" / kind / "brand_new.py"
    return run(path, f"stepwrap.wrappers.{kind}.brand_new").BrandNew


@pytest.mark.parametrize("kind", KINDS)
def test_the_wrapper_works_as_it_stands(kind, written):
    brand_new(kind, written(kind))
    optimizer = stepwrap.parse("sgd(0.125) | brand_new(0.5)")
    assert stepwrap.describe(optimizer) == ("sgd(learning_rate=0.125) | brand_new(factor=0.5)")
    assert stepwrap.wrappers.example("brand_new") == {"factor": 0.5}
    variables = cases.variables()
    before = cases.values(variables)
    cases.apply(optimizer, cases.gradients(variables), variables)
    assert all((new != old).any() for new, old in zip(cases.values(variables), before, strict=True))
    assert keras.optimizers.deserialize(keras.optimizers.serialize(optimizer)).factor == 0.5


@pytest.mark.backend_free
@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_clean_once_ruff_has_sorted_them(kind, written):
    root = written(kind)
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--quiet", "--fix"], ["format", "--quiet"]):
        subprocess.run([*ruff, *command, str(root)], check=True, timeout=60)
    classes = (root / "wrappers" / "classes.py").read_text()
    assert f"from .{kind}.brand_new import BrandNew\n" in classes and '"BrandNew",\n' in classes
    original = {*(ROOT / "wrappers" / "classes.py").read_text().splitlines()}
    assert len({*classes.splitlines()} - original) == 2


@pytest.mark.backend_free("torch")
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_its_sections_and_links_and_its_example_runs(kind, written, monkeypatch):
    root = written(kind)
    cls = brand_new(kind, root)
    pages = root / "docs" / "site" / "pages" / "wrappers"
    text = (pages / "brand_new.md").read_text()
    entry = entries.Entry("wrappers", "brand_new", "stepwrap.BrandNew", cls)
    assert not entry_pages.complaint(entry, text)
    index = (pages / "index.md").read_text()
    assert not entry_pages.complaint_of_index("wrappers", [entry], index)
    assert {*re.findall(r"\]\((\w+\.md)\)", text)} <= {path.name for path in pages.glob("*.md")}

    monkeypatch.setattr(stepwrap, "BrandNew", cls, raising=False)
    [example] = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    exec(example, {})


@pytest.mark.backend_free("torch")
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_person_has_to_write_is_told(kind, written, monkeypatch):
    monkeypatch.setattr(unwritten, "ROOT", written(kind))
    complaints = [*filter(None, map(unwritten.complaint, unwritten.files()))]
    files = [complaint.partition(" is not finished: ")[0] for complaint in complaints]
    assert files == [
        f"wrappers/{kind}/brand_new.py",
        "docs/site/pages/wrappers/brand_new.md",
        "docs/site/pages/wrappers/index.md",
        "docs/pictures/wrapper_pictures.py",
    ]
    assert complaints[0].endswith("replace `WRITE:` by what it asks for, in line 1, 17, 21, 32.")


@pytest.mark.backend_free("torch")
@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_is_drawn_and_says_that_its_sentence_must_be_written(
    kind, written, monkeypatch
):
    root = written(kind)
    brand_new(kind, root)
    monkeypatch.setattr(registry, "_pictures", {})
    file = root / "docs" / "pictures" / "wrapper_pictures.py"
    run(file, "pictures_of_wrappers_and_a_new_one")
    original = (ROOT / "docs" / "pictures" / "wrapper_pictures.py").read_text()
    assert registry.entered() == sorted(
        ["wrappers/brand_new", *re.findall(r'@picture\("(.*)"\)', original)]
    )
    sentence = style.sentence_of(registry.figure_of("wrappers/brand_new"))
    assert sentence.startswith(unwritten.MARK)


def test_the_reference_says_that_it_must_be_written(written, monkeypatch):
    monkeypatch.syspath_prepend(written("steps") / "tests")
    loaded = [name for name in sys.modules if name.partition(".")[0] == references.__name__]
    for name in loaded:  # of which there are the same again, which the end of the test undoes
        monkeypatch.delitem(sys.modules, name)
    copy = importlib.import_module(references.__name__)
    formula = copy.REFERENCES["brand_new"](factor=0.5)
    formula.start(copy.Momentum(), [])
    with pytest.raises(NotImplementedError, match=r"`brand_new`, .*tests/references/steps\.py"):
        formula.step([], [], 1.0, [])


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("brand_new", "colours", "KIND must be one of gradients, steps"),
        ("brand_new", "", "KIND must be one of"),
        ("cautious", "steps", "There is a wrapper called 'cautious'"),
        ("brand new", "steps", "letters, digits and underscores"),
    ],
)
def test_what_cannot_be_is_refused(name, kind, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        new_wrapper.write(name, kind, tmp_path)
