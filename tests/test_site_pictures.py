"""The pictures of the documentation: there is one of everything, and they can be drawn."""

import pathlib
import xml.etree.ElementTree

import numpy as np
import pytest

import draw as pictures
import functions
import paths
import registry
import stepwrap
from stepwrap.core import optimizer_wrapper

pytestmark = pytest.mark.backend_free("torch")
NAMES = {
    "wrappers": [*stepwrap.wrappers.names(), "loss_scale_optimizer"],
    "normalizers": stepwrap.normalizers.names(),
    "presets": stepwrap.presets.__all__,
    "optimizers": ["radam", "l4adam", "l4mom"],
    "callbacks": ["step_monitor", "evaluate_on_averages", "backup_and_restore"],
    "architecture": ["way_of_a_gradient"],
}
LANDSCAPES = {
    "ravine": functions.ravine(),
    "tilted_ravine": functions.tilted_ravine(),
    "banana": functions.banana(),
    "line_of_minima": functions.line_of_minima(),
    "plateau": functions.plateau(),
    "ridge": functions.ridge(),
    "dented_bowl": functions.dented_bowl(),
    "cliff": functions.cliff(),
    "right_answers": functions.right_answers(),
    "unequal_layers": functions.unequal_layers(),
    "scaled": functions.scaled(functions.ravine(), 1e-3),
}
KILOBYTE = 1000


@pytest.mark.parametrize("kind", NAMES)
def test_there_is_a_picture_of_everything(kind):
    expected = {f"{kind}/{name}" for name in NAMES[kind]}
    drawn = {name for name in pictures.names() if name.startswith(f"{kind}/")}
    file = f"docs/pictures/{registry.FILES[kind]}"
    missing = ", ".join(sorted(expected - drawn))
    assert not missing, f"Add to {file} a function that draws, for each: {missing}"
    assert drawn == expected, f"{file} draws what the catalogue does not have."


def test_the_callbacks_are_those_of_the_package():
    classes = [name.replace("_", "") for name in NAMES["callbacks"]]
    assert sorted(classes) == sorted(name.lower() for name in stepwrap.callbacks.__all__)


@pytest.mark.parametrize(
    "name",
    [
        "wrappers/lookahead",
        "normalizers/l1",
        "callbacks/backup_and_restore",
        "architecture/way_of_a_gradient",
    ],
)
def test_a_picture_is_an_svg_of_few_bytes_with_a_title(name, tmp_path):
    file = pictures.draw(name, tmp_path)
    assert file == tmp_path / f"{name}.svg"
    text = file.read_bytes()
    assert len(text) < 150 * KILOBYTE
    root = xml.etree.ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    title, *_ = root.iter("{http://purl.org/dc/elements/1.1/}title")  # and that of the tool
    assert title.text.endswith(".")
    pictures.draw(name, tmp_path)
    assert file.read_bytes() == text


def test_the_drawing_of_a_step_has_every_hook_and_is_as_narrow_as_a_phone_needs():
    figure = registry.figure_of("architecture/way_of_a_gradient")
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {*optimizer_wrapper.HOOKS} <= texts
    for text in figure.axes[0].texts:
        extent = text.get_window_extent()
        assert extent.x0 > 0 and extent.x1 < figure.bbox.width, text
    assert figure.bbox.width < 450  # CSS pixels, of which a phone has about 360 for a page's text


def test_the_command_draws_what_it_is_told_to(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["draw.py", str(tmp_path), "wrappers/cautious"])
    pictures.main()
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file == tmp_path / "wrappers" / "cautious.svg"
    assert pathlib.Path(capsys.readouterr().out.strip()) == file


def test_an_unknown_name_is_an_error_that_lists_the_names(tmp_path):
    with pytest.raises(SystemExit, match=r"no picture of wrappers/lookahaed\..*wrappers/lookahead"):
        pictures.draw_all(tmp_path, ["wrappers/lookahaed"])


def test_a_picture_is_entered_once_and_under_a_known_kind():
    with pytest.raises(ValueError, match="already"):
        registry.picture("wrappers/lookahead")
    with pytest.raises(ValueError, match="no kind"):
        registry.picture("wrapper/lookahead")


@pytest.mark.parametrize("name", LANDSCAPES)
def test_gradients_are_those_of_the_functions(name):
    landscape = LANDSCAPES[name]
    random = np.random.default_rng(0)
    for _ in range(20):
        x, y = random.uniform(*landscape.across), random.uniform(*landscape.upward)
        width = 1e-5 * np.array([np.ptp(landscape.across), np.ptp(landscape.upward)])
        differences = [
            landscape.value(x + width[0], y) - landscape.value(x - width[0], y),
            landscape.value(x, y + width[1]) - landscape.value(x, y - width[1]),
        ]
        scale = np.abs(landscape.gradient(x, y)).max()
        np.testing.assert_allclose(
            differences / (2 * width), landscape.gradient(x, y), rtol=1e-3, atol=1e-4 * scale
        )


@pytest.mark.parametrize("name", [name for name in LANDSCAPES if LANDSCAPES[name].minima])
def test_gradients_are_zero_where_minima_are_marked(name):
    for minimum in LANDSCAPES[name].minima:
        np.testing.assert_allclose(LANDSCAPES[name].gradient(*minimum), 0, atol=1e-12)


@pytest.mark.parametrize("shapes", [paths.VECTOR, paths.KERNEL, paths.TWO_KERNELS])
def test_a_path_is_that_of_the_formula(shapes):
    path = paths.follow("sgd(0.1)", functions.ravine(2), (-3, 2), 2, shapes)
    expected = [(-3, 2), (-2.7, 1.6), (-2.43, 1.28)]
    np.testing.assert_allclose(path.points, expected, rtol=1e-6)
    assert path.text == "sgd(learning_rate=0.1)"
    assert not path.broke


def test_a_path_ends_before_what_is_not_a_number():
    batches = paths.with_bad_batches(paths.exactly(functions.ravine()), np.nan, [2])
    path = paths.follow("sgd(0.01)", batches, (-3, 2), 5)
    assert path.broke
    assert len(path.points) == 3
    assert np.all(np.isfinite(path.points))


def test_batches_are_equal_in_every_path():
    batches = paths.minibatches(functions.ravine(), 1.0, seed=3)
    point = np.array([1.0, 2.0])
    loss, gradient = batches(4, point)
    again, same = batches(4, point)
    _, other = batches(5, point)
    assert loss == again
    assert np.array_equal(gradient, same)
    assert not np.array_equal(gradient, other)


def test_averages_are_in_a_path_once_and_from_the_first_on():
    bowl, start = functions.ravine(2), (-3, 2)
    slow = paths.follow("sgd(0.1) | lookahead(sync_period=2)", bowl, start, 4)
    np.testing.assert_allclose(slow.averages, [start, slow.points[2], slow.points[4]])
    stack = "sgd(0.1) | stochastic_weight_average(start_averaging=1, average_period=2)"
    mean = paths.follow(stack, bowl, start, 5)
    expected = [mean.points[2], (mean.points[2] + mean.points[4]) / 2]
    np.testing.assert_allclose(mean.averages, expected, rtol=1e-6)
    assert paths.follow("sgd(0.1)", bowl, start, 2).averages is None
