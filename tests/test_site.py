"""The documentation site: its pages are complete, their code runs, the build sees what is amiss."""

import importlib.util
import pathlib
import re

import keras
import pytest

import mirrored
import stepwrap
from building import (
    built_pages,
    copied_pages,
    cost,
    docstrings,
    entry_pages,
    public_names,
    unwritten,
)
from building import reference as reference_pages
from building.entries import KINDS, entries

ROOT = pathlib.Path(__file__).parent.parent
SITE = ROOT / "docs" / "site"
ENTRIES = entries()
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for path in SITE.rglob("*.md")
    if "```python\n" in path.read_text(encoding="utf-8")
)
PACKAGES = ("keras_tuner", "optuna")  # which pages use and stepwrap does not need
BACKENDS = ("tensorflow", "jax", "torch")


# The pages.


@pytest.mark.backend_free("torch")
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.kind}/{entry.name}")
def test_everything_in_a_catalogue_has_a_page_with_its_sections(entry):
    path = SITE / f"{entry.page}.md"
    text = path.read_text(encoding="utf-8") if path.exists() else None
    assert not (complaint := entry_pages.complaint(entry, text)), complaint


@pytest.mark.backend_free("torch")
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_a_kind_leads_to_every_page_of_it(kind):
    text = (SITE / "pages" / kind / "index.md").read_text(encoding="utf-8")
    complaint = entry_pages.complaint_of_index(kind, ENTRIES, text)
    assert not complaint, complaint
    assert entry_pages.complaint_of_index(kind, ENTRIES, text.replace("](", "] ("))


@pytest.mark.backend_free("torch")
def test_what_has_a_page_is_all_that_the_catalogues_have():
    names = {kind: [entry.name for entry in ENTRIES if entry.kind == kind] for kind in KINDS}
    aliases = [alias for entry in ENTRIES for alias in entry.aliases]
    assert {*names["wrappers"]} == {*stepwrap.wrappers.names(), "loss_scale_optimizer"}
    assert sorted([*names["normalizers"], *aliases]) == stepwrap.normalizers.names()
    assert names["presets"] == sorted(stepwrap.presets.__all__)
    assert names["callbacks"] == ["backup_and_restore", "evaluate_on_averages", "step_monitor"]
    assert names["optimizers"] == ["l4adam", "l4mom", "radam"]


LOOKAHEAD = next(entry for entry in ENTRIES if entry.name == "lookahead")
WRITTEN = "# Lookahead\n\nIt goes back.\n\n" + "\n\n".join(
    f"## {name}\n\nWords." for name in entry_pages.sections_of("wrappers")
)


@pytest.mark.backend_free("torch")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            None,
            r"`lookahead` has no page. Write docs/site/pages/wrappers/lookahead.md with the sec",
        ),
        ("# Lookahead\n\n## Formula\n", "begin with `# Title` and one sentence"),
        (WRITTEN.replace("## When not to\n", ""), "has to have the sections Formula, What it does"),
        (WRITTEN + "\n\n## More\n\nWords.\n", "It has Formula, .*, More"),
    ],
)
def test_a_page_that_lacks_something_is_told_what(text, words):
    assert re.search(words, entry_pages.complaint(LOOKAHEAD, text))


@pytest.mark.backend_free("torch")
@pytest.mark.parametrize(
    "path", unwritten.files(), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_what_only_a_person_can_write_is_written(path):
    complaint = unwritten.complaint(path)
    assert not complaint, complaint


@pytest.mark.backend_free("torch")
def test_a_page_is_completed_with_picture_arguments_and_cost(tmp_path):
    pictures = tmp_path / "pictures"
    (pictures / "wrappers").mkdir(parents=True)
    svg = "<svg><dc:title>It goes back\nhalf of the way.</dc:title></svg>"
    (pictures / LOOKAHEAD.picture).write_text(svg)
    page = entry_pages.complete(LOOKAHEAD, WRITTEN, pictures)
    begin = (
        "It goes back.\n\n![It goes back half of the way.](/pictures/wrappers/lookahead.svg)\n\n"
    )
    assert page.startswith(f"# Lookahead\n\n{begin}## Formula")
    headings = re.findall(r"^## (.*)$", page, flags=re.MULTILINE)
    assert headings == [*entry_pages.sections_of("wrappers"), "Arguments", "Cost"]
    assert ".. autoclass:: stepwrap.Lookahead\n   :no-index:\n" in page


@pytest.mark.backend_free("torch")
def test_the_catalogue_shows_everything_with_the_first_sentence_of_its_page(tmp_path):
    for entry in ENTRIES:
        path = tmp_path / f"{entry.page}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# Title\n\nAs [its neighbour]({entry.name}.md) does.\n\n## Formula\n")
    page = entry_pages.overview(ENTRIES, tmp_path)
    assert page.count("As its neighbour does.") == len(ENTRIES)
    assert all(f":link: {entry.page}\n" in page for entry in ENTRIES)
    assert ":::{grid-item-card} `max`, `linf`\n" in page


# Cost.


@pytest.mark.backend_free("torch")
def test_the_cost_of_a_wrapper_is_its_memory_and_the_medians_of_the_records():
    section = cost.section(LOOKAHEAD)
    assert "It keeps one copy of the model" in section
    assert "| `Lookahead` | TensorFlow, XLA | TensorFlow, no XLA | JAX | PyTorch |" in section
    [record] = [
        record
        for record in cost.measured()["records"]
        if (record["variant"], record["mode"], record["size"]) == ("Lookahead", "jax", "S")
        and (record["kind"], record["threads"]) == ("step", "one")
    ]
    [row] = re.findall(r"\| the step alone, 0.27 million weights \| (.*) \|", section)[:1]
    assert row.split(" | ")[2] == f"{record['ratios']['Adam'][1]:.2f}"
    assert "`Lookahead(slow_state='pullback')`" in section


@pytest.mark.backend_free("torch")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gradient_noise", "It keeps no copy of the model, beside"),
        ("radam", "It keeps 2 copies of the model; Adam keeps 2 copies"),
        ("ranger", "It keeps 3 copies of the model; Adam"),
        ("finetune", "It keeps 2 copies of the model; Adam keeps 2 copies"),
        ("l2", "`NormalizedOptimizer`"),
        ("std", "No benchmark measures it yet."),
        ("step_monitor", ""),
    ],
)
def test_the_cost_of_others_is_what_is_known(name, words):
    section = cost.section(next(entry for entry in ENTRIES if entry.name == name))
    assert words in section if words else not section


# Docstrings.

DOCSTRING = """Goes back, as `Lookahead` does.

    slow ← slow + a · (w − slow)
    w ← |slow|

Not |g|, but w_ and `use_ema`:

- `l2`: see `stepwrap.normalizers.names`

Args:
    fraction, epsilon,
        loss_floor: As in
            `L4Wrapper`.

Returns:
    The text: or None.

References:
    Zhang et al., arXiv
    1907.08610.
"""


@pytest.mark.backend_free("torch")
def test_a_docstring_is_converted_as_its_writer_meant_it():
    lines = docstrings.restructured(docstrings.paragraphs(DOCSTRING.splitlines()))
    text = "\n".join(lines)
    assert "as :py:obj:`Lookahead <stepwrap.Lookahead>` does." in text
    block = ".. code-block:: text\n\n    slow ← slow + a · (w − slow)\n    w ← |slow|\n\n"
    assert block in text
    assert r"Not \|g\|, but w\_ and ``use_ema``:" in text
    assert "- ``l2``: see :py:obj:`stepwrap.normalizers.names <stepwrap.normalizers.names>`" in text
    assert "    fraction, epsilon, loss_floor: As in\n" in text
    assert ":returns: The text: or None." in text
    assert "`arXiv 1907.08610 <https://arxiv.org/abs/1907.08610>`__." in text


@pytest.mark.backend_free("torch")
def test_an_example_in_a_docstring_is_python():
    lines = docstrings.restructured([["It compares."], ['    compare(["adam"], epochs=20)']])
    assert ".. code-block:: python" in lines


class Options:
    no_index = True


@pytest.mark.backend_free("torch")
def test_on_its_own_page_a_class_does_not_say_again_what_the_page_says():
    lines = ["It goes back.", "", "    w ← slow", "", "Details.", "", "Args:", "    a: One."]
    docstrings.convert(None, "class", "", None, Options, lines)
    assert lines == ["Details.", "", "Args:", "    a: One.", ""]


@pytest.mark.backend_free("torch")
def test_the_signature_of_a_class_is_that_of_its_init():
    signature, _ = docstrings.sign(None, "class", "", stepwrap.Lookahead, Options, "(*args)", "")
    assert signature.startswith("(inner_optimizer, sync_period=6, slow_step_size=0.5, ")


# The reference.


@pytest.mark.backend_free("torch")
def test_the_reference_describes_every_public_name_once():
    pages = dict(reference_pages.pages(ENTRIES))
    for name, place in public_names.documented().items():
        module = name.rpartition(".")[0]
        described = [
            page
            for page, text in pages.items()
            if re.search(
                rf"^\.\. (auto(class|function|module)|py:data):: {place}$", text, re.MULTILINE
            )
        ]
        assert len(described) == 1, name
        assert name in pages[module], name
    assert ":members: averaged" not in pages["stepwrap"].partition("## MovingAverage")[0]
    assert "skipped_steps" in pages["stepwrap"].partition("## L4Wrapper")[2]


@pytest.mark.backend_free("torch")
def test_the_reference_has_the_help_of_every_command():
    page = dict(reference_pages.pages(ENTRIES))["command_line"]
    for command in ("compare", "sweep", "reproduce", "demo", "tasks", "wrappers"):
        assert f"## stepwrap {command}\n" in page
        assert f"usage: stepwrap {command} " in page


# What the repository has elsewhere.


@pytest.mark.backend_free("torch")
def test_links_of_pages_from_elsewhere_lead_to_the_same_things(tmp_path):
    text = (
        "[rooms](../docs/architecture.md#the-rooms) ![a](../images/digits.png) [b](#here)\n"
        "[c](https://arxiv.org) [d](../experiments/reproductions/l4_mnist/README.md)\n"
        "[e](../README.md#speed) [f](new_wrapper.py)\n\n```\n[g](../nothing.md)\n```\n"
    )
    found = copied_pages.rewritten(text, "docs/gallery.md", "deep/gallery.md", tmp_path)
    assert found == (
        "[rooms](../architecture.md#the-rooms) ![a](../images/digits.png) [b](#here)\n"
        "[c](https://arxiv.org) [d](../reproductions/l4_mnist.md)\n"
        "[e](../index.md) [f](../files/docs_new_wrapper.py)\n\n```\n[g](../nothing.md)\n```\n"
    )
    assert (tmp_path / "images" / "digits.png").exists()
    assert (tmp_path / "files" / "docs_new_wrapper.py").exists()


@pytest.mark.backend_free("torch")
def test_every_page_of_the_repository_has_a_place_in_the_site():
    pages = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md")}
    assert pages - {"docs/catalogue_table.md"} <= {*copied_pages.places()}
    assert copied_pages.places()["docs/migration.md"] == "guides/migrating.md"
    assert "experiments/reproductions/l4_mnist/README.md" in copied_pages.whole()
    assert all((ROOT / path).exists() for path in copied_pages.places())


@pytest.mark.backend_free("torch")
def test_a_link_to_a_page_that_the_site_does_not_have_is_an_error(tmp_path):
    with pytest.raises(SystemExit, match=r"link to docs/nothing\.md, which the site does not have"):
        copied_pages.rewritten("[a](nothing.md)", "docs/gallery.md", "gallery.md", tmp_path)


@pytest.mark.backend_free("torch")
def test_the_page_of_the_architecture_has_the_drawing(tmp_path):
    place = tmp_path / "pictures" / copied_pages.DRAWN["docs/architecture.md"]
    place.parent.mkdir(parents=True)
    place.write_text("<svg><dc:title>How a gradient becomes a step.</dc:title></svg>")
    copied_pages.copy(tmp_path)
    page = (tmp_path / "architecture.md").read_text("utf-8")
    picture = "![How a gradient becomes a step.](/pictures/architecture/way_of_a_gradient.svg)"
    assert f"## The way of a gradient\n\n{picture}\n" in page
    assert "```\nfit ──" not in page


# What was built.


def site_of(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")
    return built_pages.read(folder)


@pytest.mark.backend_free("torch")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('<a href="b.html#there">', ""),
        ('<a href="https://arxiv.org">', ""),
        ('<a href="">', ""),
        ('<a href="c.html">', "a.html has a link to c.html, and there is no c.html."),
        ('<a href="b.html#here">', "a.html has a link to b.html#here, and b.html has no such"),
        ('<a href="#here">', "a.html has a link to #here, and a.html has no such anchor."),
        ('<img src="no.png">', "a.html has a link to no.png, and there is no no.png."),
        ('<script src="https://cdn.net/a.js">', "a.html loads https://cdn.net/a.js, which is on a"),
        ('<link href="//cdn.net/a.css">', "a.html loads //cdn.net/a.css, which is on another"),
    ],
)
def test_what_is_broken_in_a_built_page_is_seen(tmp_path, body, words):
    pages = site_of(tmp_path, a=body, b='<p id="there">')
    complaints = [*built_pages.broken_links(tmp_path, pages)]
    assert complaints[0].startswith(words) if words else not complaints


@pytest.mark.backend_free("torch")
def test_a_public_name_in_no_page_is_seen(tmp_path):
    anchors = [f'<p id="{name}">' for name in public_names.documented() if "." in name]
    modules = [f'<p id="module-{name}">' for name in public_names.MODULES]
    everything = "".join([*anchors, *modules])
    assert not [*built_pages.names_in_no_page(site_of(tmp_path, a=everything))]
    without = everything.replace('<p id="stepwrap.parse">', "")
    [complaint] = built_pages.names_in_no_page(site_of(tmp_path, a=without))
    assert complaint.startswith("`stepwrap.parse` is public and in no page.")


# How to cite it.


@pytest.mark.backend_free("torch")
def test_the_citation_is_of_this_version():
    assert f"\nversion: {stepwrap.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


# The code.


@pytest.fixture
def clean_session(tmp_path, monkeypatch, clean_registry):
    """Leaves nothing behind: no file, no wrapper, no policy, no second strategy."""
    monkeypatch.chdir(tmp_path)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        strategy = mirrored.strategy()
        monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: strategy)
    before = stepwrap.wrappers.names()
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)
    for name in {*stepwrap.wrappers.names()} - {*before}:
        stepwrap.wrappers.unregister(name)


def run_blocks(page):
    """Runs the blocks of a page in order, those of other backends left out."""
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (SITE / page).read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    others = {*BACKENDS} - {keras.backend.backend()}
    namespace = {"__name__": "__main__"}
    for number, block in enumerate(blocks, start=1):
        imported = {*re.findall(r"^(?:import|from) (\w+)", block, flags=re.MULTILINE)}
        for package in imported & {*PACKAGES}:
            if importlib.util.find_spec(package) is None:
                pytest.skip(f"{package} is not installed")
        if not imported & others:
            exec(compile(block, f"{page}, block {number}", "exec"), namespace)


@pytest.mark.backend_free("torch")
@pytest.mark.usefixtures("clean_session")
@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page):
    run_blocks(page)


def names_backend(page):
    """Return whether a page says what is different on this backend."""
    block = rf"^```python\n(?:import|from) {keras.backend.backend()}\b"
    return re.search(block, (SITE / page).read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.long
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="there it runs every day")
@pytest.mark.usefixtures("clean_session")
@pytest.mark.parametrize("page", ["start.md", *filter(names_backend, PAGES)])
def test_the_code_of_a_page_runs_on_other_backends(page):
    """The other pages are the same on every backend, and their code takes minutes."""
    run_blocks(page)
