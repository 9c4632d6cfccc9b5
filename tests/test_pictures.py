"""Pictures: what is drawn, in which look, and that it can be read."""

import itertools

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

import matplotlib.colors
from matplotlib.text import Annotation, Text

from stepwrap import optimizers
from stepwrap.experiments.pictures import (
    Curve,
    Panel,
    Published,
    draw,
    figure_of,
    geometric_mean,
    grouped,
    labels,
    limits,
    line_styles,
)
from stepwrap.experiments.pictures.line_styles import looks
from stepwrap.experiments.pictures.lines import MOST_POINTS, over_seeds

pytestmark = pytest.mark.backend_free

SGD = [
    "sgd(0.1)",
    "sgd(0.1, momentum=0.9)",
    "sgd(0.1, momentum=0.9, nesterov=True)",
    "sgd(inverse_time_decay(0.1, 1000, 0.5))",
    "sgd(0.1) | learning_rate_dropout(keep=0.5)",
    "sgd(0.1) | lookahead",
    "sgd(0.1) | gradient_noise(eta=0.01)",
    "sgd(0.1) | gradient_dropout(keep=0.9)",
]
MIX = [
    *SGD,
    "rmsprop(1e-3)",
    "adam(1e-3)",
    "adam(1e-3) | coupled_weight_decay(1e-4)",
    "adam(1e-3) | lookahead",
    "adamw(1e-3, weight_decay=0.01)",
    "radam(1e-3)",
    "radam(1e-3, weight_decay=0.01)",
    "nadam(1e-3)",
]
LONG = [
    "radam(1e-3, weight_decay=0.01) | gradient_noise | learning_rate_dropout(keep=0.7)"
    f" | gradient_dropout(keep={keep}) | lookahead(sync_period=5)"
    for keep in (0.7, 0.8)
]


def curve(name, *rows, **options):
    return Curve(name, np.arange(1, len(rows[0]) + 1), np.array(rows, float), **options)


def falling(name, final=0.1):
    return curve(name, np.geomspace(2, final, 8), np.geomspace(2.2, final * 1.1, 8))


def one_panel(*curves, center=np.mean, **options):
    """The axes of a picture with one panel."""
    return figure_of([Panel(curves, "epoch", "loss", **options)], "Title", center).axes[0]


def names(axes):
    return [child for child in axes.get_children() if isinstance(child, Annotation)]


def lines(axes):
    return [line for line in axes.get_lines() if line.get_marker() == "None"]


def marks(axes, marker):
    """The points that have this marker."""
    found = [line.get_xydata() for line in axes.get_lines() if line.get_marker() == marker]
    return np.concatenate([np.empty((0, 2)), *found])


def luminance(color):
    """Of sRGB, as WCAG defines it."""
    parts = np.array(matplotlib.colors.to_rgb(color))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(color):
    """To white."""
    return 1.05 / (luminance(color) + 0.05)


def lightness(color):
    return 116 * luminance(color) ** (1 / 3) - 16


def test_a_picture_is_a_png_and_an_svg_with_the_same_bytes_every_time(tmp_path):
    panels = [Panel([falling("adam"), falling("sgd | normalized", 0.2)], "epoch", "loss")]
    png, svg = draw(panels, "Title", tmp_path / "loss.v1")
    assert (png.name, svg.name) == ("loss.v1.png", "loss.v1.svg")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert svg.read_bytes().startswith(b"<?xml")
    assert b"<svg" in svg.read_bytes()
    first = svg.read_bytes()
    draw(panels, "Title", tmp_path / "loss.v1")
    assert svg.read_bytes() == first


# Looks


def test_every_optimizer_has_a_hue_in_the_table():
    assert set(optimizers.names()) <= set(line_styles.HUES)


def test_a_stack_looks_the_same_whatever_else_is_drawn():
    alone = looks([["adam(1e-3)"]])["adam(1e-3)"]
    others = ["adam(3e-3)", "sgd", "sgd | l4", "adam(1e-3) | lookahead", "somebodys(0.1)"]
    assert looks([["adam(1e-3)", *others]])["adam(1e-3)"] == alone
    assert looks([[*reversed(others), "adam(1e-3)"]])["adam(1e-3)"] == alone


def test_a_users_optimizer_has_the_same_look_in_every_process():
    assert looks([["somebodys(0.1)"]])["somebodys(0.1)"].color == "#446303"


def test_curves_in_different_panels_may_look_the_same_and_in_one_may_not():
    apart = looks([["adam(1e-3)"], ["adam(3e-3)"]])
    assert apart["adam(1e-3)"] == apart["adam(3e-3)"]
    together = looks([["adam(1e-3)", "adam(3e-3)"]])
    assert together["adam(1e-3)"] != together["adam(3e-3)"]


@pytest.mark.parametrize(
    "panel",
    [
        [f"adam({rate})" for rate in range(20)],
        [f"adam | lookahead({period})" for period in range(20)],
        MIX,
        sorted(line_styles.HUES),
        [f"somebodys_{number}" for number in range(20)],
    ],
    ids=["rates", "wrapped", "mix", "every base", "strangers"],
)
def test_lines_of_one_panel_differ_in_greyscale(panel):
    for one, other in itertools.combinations(looks([panel]).values(), 2):
        apart = abs(lightness(one.color) - lightness(other.color))
        assert one.dashes != other.dashes or apart > 8


def test_colours_are_dark_enough_on_white():
    hues = [
        *line_styles.HUES.values(),
        *(line_styles.Hue(angle, 60, 0) for angle in range(0, 360, 15)),
    ]
    for hue, level in itertools.product(hues, range(len(line_styles.LEVELS))):
        look = line_styles.Look(hue, level, ())
        assert contrast(look.color) > 3
        assert contrast(look.text_color) > 4.5
        assert lightness(look.color) == pytest.approx(line_styles.LEVELS[level], abs=1)


def test_a_wrapper_has_the_same_dashes_around_every_optimizer_of_the_demo():
    bare = ["sgd", "adam", "rmsprop"]
    look = looks([[*bare, *(f"{name} | normalized('l2')" for name in bare)]])
    assert {look[name].linestyle for name in bare} == {"solid"}
    (dashes,) = {look[f"{name} | normalized('l2')"].dashes for name in bare}
    assert dashes


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("Adam(1e-3)", "adam"),
        ("sgd(0.1, momentum=0.9) | clipped(exclude='a|l4') | lookahead", "sgd"),
        ("adamw(LR)|l4(fraction=0.25)", "l4adam"),
        ("sgd | normalized | l4", "l4mom"),
        ("l4mom(fraction=0.25)", "l4mom"),
    ],
)
def test_the_optimizer_that_decides_the_colour(name, base):
    assert line_styles.base(name) == base


# Names


@pytest.mark.parametrize(
    "panels",
    [
        [Panel([falling(name) for name in [*MIX, *LONG]], "epoch", "loss")],
        grouped(Panel([falling(name) for name in MIX], "epoch", "loss")),
        [
            Panel([falling(name, 0.1) for name in [*MIX[:4], *LONG]], "epoch", "loss", "Train"),
            Panel([falling(name, 1.9) for name in MIX[4:8]], "epoch", "accuracy", log_y=False),
            Panel([curve(name, [np.nan] * 8) for name in MIX[8:12]], "epoch", "loss"),
        ],
    ],
    ids=["one", "grouped", "several"],
)
def test_names_are_apart_and_beside_the_panels(panels):
    figure = figure_of(panels, "Title")
    boxes = [
        Text.get_window_extent(name, figure.canvas.get_renderer())  # without its line
        for axes in figure.axes
        for name in names(axes)
    ]
    assert len(boxes) == sum(len(panel.curves) for panel in panels)
    panels_boxes = [axes.get_window_extent() for axes in figure.axes if axes.axison]
    for one, other in itertools.combinations([*boxes, *panels_boxes], 2):
        assert not one.overlaps(other)
    for box in boxes:
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width
        assert box.y0 >= 0 and box.y1 <= figure.bbox.height


def test_long_names_leave_most_of_the_width_to_the_panel():
    axes = one_panel(*map(falling, LONG))
    assert axes.get_position().width > 0.55


def test_long_texts_are_wrapped_at_stages_then_at_arguments():
    assert labels.wrap("sgd(0.1) | lookahead", 30, len) == "sgd(0.1) | lookahead"
    assert labels.wrap("sgd(0.1) | lookahead", 15, len) == "sgd(0.1)\n| lookahead"
    wrapped = labels.wrap("sgd(0.1, momentum=0.9, nesterov=True)", 20, len)
    assert wrapped == "sgd(0.1,\n  momentum=0.9,\n  nesterov=True)"


def test_long_texts_are_shortened_in_the_middle():
    wrapped = labels.wrap("alpha | beta | gamma | delta", 9, len)
    assert wrapped == "alpha\n| beta\n… | delta"
    assert labels.shorten("abcdefghij", 5, len) == "ab…ij"


def test_names_that_shortening_would_make_the_same_are_not_shortened():
    first, second = labels.wrap_all(LONG, 34, len)
    assert first != second
    assert "keep=0.8" in second


def test_a_dollar_is_a_dollar():
    axes = one_panel(falling("sgd | coupled_weight_decay(0.1, exclude='bias$|beta$')"))
    (name,) = names(axes)
    assert "bias$|beta$" in name.get_text()
    assert not name.get_parse_math()


def test_names_move_only_where_they_overlap():
    positions = np.array([0.5, 0.1, 0.52, 0.9])
    moved = labels.spread(positions, np.full(4, 0.1), 0, 1)
    np.testing.assert_allclose(moved, [0.46, 0.1, 0.56, 0.9])
    at_the_edges = labels.spread(np.array([1.0, 0.99, 0.0]), np.full(3, 0.2), 0, 1)
    np.testing.assert_allclose(at_the_edges, [0.9, 0.7, 0.1])


# Curves


def test_the_line_is_the_mean_or_another_center_and_the_band_the_range():
    rows = [[1.0, 2.0], [2.0, 3.0], [6.0, 10.0]]
    for center, expected in ((np.mean, [3, 5]), (np.median, [2, 3])):
        axes = one_panel(curve("adam", *rows), center=center)
        np.testing.assert_allclose(lines(axes)[0].get_ydata(), expected)
    (band,) = axes.collections
    extents = band.get_paths()[0].get_extents()
    np.testing.assert_allclose(extents.get_points(), [[1, 1], [2, 10]])
    assert axes.get_ylim()[0] < 1 and axes.get_ylim()[1] > 10


def test_a_seed_that_diverged_does_not_break_the_others():
    axes = one_panel(curve("sgd", [4, 3, 2, 1], [6, 5, np.nan, np.inf], [5, 4, 3, 2]))
    np.testing.assert_allclose(lines(axes)[0].get_ydata(), [5, 4, 2.5, 1.5])
    assert names(axes)[0].get_text() == "sgd, 1 of 3 diverged"
    assert not len(marks(axes, "x"))


def test_a_curve_that_diverged_ends_in_a_cross():
    axes = one_panel(curve("sgd", [4, 3, 2, np.nan], [5, 4, np.nan, np.nan]), falling("adam"))
    np.testing.assert_allclose(lines(axes)[0].get_xydata(), [[1, 4.5], [2, 3.5], [3, 2]])
    np.testing.assert_allclose(marks(axes, "x"), [[3, 2]])
    assert [name.get_text() for name in names(axes)] == ["sgd, diverged", "adam"]


def test_a_curve_that_diverged_at_once_is_named():
    axes = one_panel(curve("sgd", [np.nan] * 8), falling("adam"))
    np.testing.assert_allclose(marks(axes, "x"), [[1, axes.get_ylim()[1]]])
    assert names(axes)[0].get_text() == "sgd, diverged"
    assert names(one_panel(curve("sgd", [np.nan] * 8)))[0].get_text() == "sgd, diverged"


def test_whether_a_curve_diverged_can_be_said():
    unfinished = curve("sgd", [2, 1, np.nan], diverged=False)
    stopped = curve("adam", [2, 1, 1], diverged=True)
    texts = [name.get_text() for name in names(one_panel(unfinished, stopped))]
    assert texts == ["sgd", "adam, diverged"]


def test_what_was_not_measured_in_between_is_passed_over():
    axes = one_panel(curve("sgd", [3, np.nan, np.nan, 2, np.nan, 1]))
    np.testing.assert_allclose(lines(axes)[0].get_xydata(), [[1, 3], [4, 2], [6, 1]])


@pytest.mark.parametrize("last", [1e30, 1e308], ids=["high", "near the largest number"])
def test_a_curve_that_shoots_up_leaves_the_panel(last):
    wild = curve("sgd", np.geomspace(2, last, 8), np.geomspace(2, last, 8))
    axes = one_panel(wild, falling("adam", 0.1), falling("nadam", 0.05))
    low, high = np.log10(axes.get_ylim())
    assert low < np.log10(0.05) and high > np.log10(2.2)
    assert np.log10(2.2 / 0.05) > 0.5 * (high - low)
    ((x, y),) = marks(axes, "^")
    assert 1 < x < 2
    assert np.log10(y) == pytest.approx(high)
    assert names(axes)[0].get_position()[1] > 0.9
    drawn = np.log10(lines(axes)[0].get_ydata())  # Agg cannot fill bands that reach far outside
    assert high < drawn.max() < high + 1.01 * (high - low)


def test_the_mean_of_numbers_that_are_nearly_too_large_is_finite():
    assert np.isfinite(over_seeds(curve("sgd", [1e308], [1e308]), np.mean)).all()


def test_values_that_are_not_positive_leave_a_logarithmic_panel_at_the_bottom():
    axes = one_panel(curve("sgd", [1, 0.1, 0, -1]), falling("adam", 0.01))
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] > 0
    ((x, y),) = marks(axes, "v")
    assert 2 < x <= 3
    assert y == pytest.approx(axes.get_ylim()[0])


def test_where_nothing_is_positive_the_axis_is_linear():
    axes = one_panel(curve("sgd", [-1, -2, -3]))
    assert axes.get_yscale() == "linear"
    low, high = axes.get_ylim()
    assert low < -3 and high > -1


def test_a_single_epoch_is_a_point():
    axes = one_panel(curve("sgd", [1.0], [3.0]))
    np.testing.assert_allclose(marks(axes, "o"), [[1, 2]])
    assert axes.get_xlim() == (0.5, 1.5)


@pytest.mark.parametrize("value", [0.0, 0.1, -5.0, 1e20])
def test_constant_values_are_in_the_middle(value):
    axes = one_panel(curve("sgd", [value] * 5))
    (line,) = lines(axes)
    heights = axes.transAxes.inverted().transform(axes.transData.transform(line.get_xydata()))
    np.testing.assert_allclose(heights[:, 1], 0.5, atol=1e-6)


def test_many_steps_are_thinned_to_their_peaks_and_valleys():
    values = np.random.default_rng(1).uniform(1, 2, size=(4, 10 * MOST_POINTS))
    axes = one_panel(curve("sgd", *values), log_y=False)
    (line,), (band,) = lines(axes), axes.collections
    drawn, means = line.get_ydata(), values.mean(axis=0)
    assert MOST_POINTS / 2 < len(drawn) <= MOST_POINTS + 2
    assert set(drawn) <= set(means)
    np.testing.assert_allclose(np.sort(drawn)[[0, -1]], [means.min(), means.max()])
    assert line.get_xdata()[-1] == 10 * MOST_POINTS
    extents = band.get_paths()[0].get_extents()
    np.testing.assert_allclose([extents.y0, extents.y1], [values.min(), values.max()])


def test_the_geometric_mean_is_the_mean_in_log_space():
    values = np.array([[1e-3, 1e3], [1e-30, 1e-40], [np.nan, 1]])
    np.testing.assert_allclose(geometric_mean(values, axis=1), [1, 1e-35, np.nan], rtol=1e-12)
    np.testing.assert_allclose(geometric_mean(values[:2]), 10**-17.5, rtol=1e-12)


def test_the_geometric_mean_falls_with_what_falls_to_zero():
    falling = np.array([[1, 1], [1, 0], [0, 0]], "float32")
    means = geometric_mean(falling, axis=1, floor=1e-8)
    np.testing.assert_allclose(means, [1, 1e-4, 1e-8], rtol=1e-12)
    assert geometric_mean(falling) > 0


def test_a_line_may_be_the_geometric_mean():
    axes = one_panel(curve("adam", [1, 1e-2], [1, 1e-4], [np.nan, np.nan]), center=geometric_mean)
    np.testing.assert_allclose(lines(axes)[0].get_ydata(), [1, 1e-3], rtol=1e-12)


# Limits


def logarithmic(*lines, values=None, sweep=False):
    values = np.concatenate(lines) if values is None else np.array(values)
    return limits.logarithmic(list(map(np.array, lines)), values, sweep)


def linear(*lines):
    return limits.linear(list(map(np.array, lines)), np.concatenate(lines))


def test_limits_hold_everything_that_is_ordinary():
    for lines in ([[0.3, -1], [0.4, -6]], [[0, 0.2, -1], [-2, -3]]):
        low, high = logarithmic(*lines)
        assert low < min(map(min, lines)) and max(map(max, lines)) < high
    low, high = linear([0.1, 0.9], [0.5, 0.98])
    assert -0.1 < low < 0.1 and 0.98 < high < 1.2


def test_limits_leave_out_a_curve_that_starts_far_above_or_ends_far_below():
    low, high = logarithmic([0.3, -1], [25, 30])
    assert low < -1 and 0.3 < high < 10
    low, high = logarithmic([0.3, -1], [0.3, -300])
    assert -20 < low < -10
    low, high = linear([1, 2], [1, 3], [1, 1e9])
    assert 3 < high < 100


def test_limits_hold_a_band_unless_it_is_very_wide():
    low, high = logarithmic([0.3, -1], values=[0.4, 0.2, -0.9, -1.2])
    assert low < -1.2 and high > 0.4
    low, high = logarithmic([0.3, -1], values=[25, 0.3, -1, -30])
    assert -2 < low < -1 and 0.3 < high < 1.5


def test_limits_of_a_sweep_do_not_depend_on_the_order():
    points = [0.3, -1, -2, -1.5, 0.4, 30]
    low, high = logarithmic(points, sweep=True)
    assert logarithmic(points[::-1], sweep=True) == (low, high)
    assert low < -2 and 0.4 < high < 3


# Panels


def test_many_curves_are_grouped_by_optimizer():
    curves = [falling(name) for name in MIX]
    panels = grouped(Panel(curves, "epoch", "loss"))
    assert [[one.name for one in panel.curves] for panel in panels] == [
        MIX[:4],
        MIX[4:8],
        MIX[8:12],
        MIX[12:],
    ]
    for panel in panels:
        assert {id(one) for one in (*panel.curves, *panel.background)} == set(map(id, curves))
        assert len(panel.curves) + len(panel.background) == len(curves)


def test_few_curves_stay_together():
    panel = Panel([falling(name) for name in MIX[:9]], "epoch", "loss")
    assert grouped(panel) == [panel]


def test_panels_with_the_same_axes_have_the_same_limits():
    panels = [
        Panel([falling("adam", 0.1)], "epoch", "loss"),
        Panel([falling("sgd", 0.001)], "epoch", "loss"),
        Panel([falling("sgd", 0.01)], "epoch", "test loss"),
    ]
    first, second, third, spare = figure_of(panels, "Title").axes
    assert first.get_ylim() == second.get_ylim()
    assert third.get_ylim() != first.get_ylim()
    assert [axes.get_ylabel() for axes in (first, second, third)] == ["loss", "", "test loss"]
    assert not spare.axison


@pytest.mark.parametrize("log_y", [True, False])
def test_a_panel_may_have_limits_of_its_own(log_y):
    panels = [
        Panel([falling("adam")], "epoch", "loss", log_y=log_y, limits=(1e-8, 1e4)),
        Panel([falling("sgd")], "epoch", "loss", log_y=log_y),
    ]
    first, second = figure_of(panels, "Title").axes
    np.testing.assert_allclose(first.get_ylim(), (1e-8, 1e4), rtol=1e-12)
    assert second.get_ylim()[1] < 10


def test_the_background_is_grey_and_not_named():
    axes = one_panel(falling("adam"), background=[falling("sgd")])
    behind, _ = lines(axes)
    assert np.ptp(matplotlib.colors.to_rgb(behind.get_color())) == 0
    assert len(names(axes)) == 1


# Sweeps


@pytest.fixture(scope="module")
def sweep():
    rates = np.array([1e-3, 1e-2, 1e-1, 1])
    some = np.array([[2, 0.1, 0.5, np.nan], [2, 0.2, np.nan, np.nan]])
    high = np.array([[1.0, 0.05, 0.1, 1e20]])
    curves = [Curve("sgd(LR)", rates, some), Curve("adam(LR)", rates, high)]
    panel = Panel(curves, "learning rate", "final loss", log_x=True, sweep=True)
    return figure_of([panel], "Title").axes[0]


def test_a_sweep_marks_its_points(sweep):
    points = marks(sweep, "o")
    expected = [[1e-3, 2], [1e-2, 0.15], [0.1, 0.5], [1e-3, 1], [1e-2, 0.05], [0.1, 0.1]]
    np.testing.assert_allclose(points, expected)


def test_a_sweep_marks_what_diverged_in_a_strip_at_the_upper_edge(sweep):
    crosses, triangles = marks(sweep, "x"), marks(sweep, "^")
    np.testing.assert_allclose(crosses[:, 0], [0.1, 1])
    np.testing.assert_allclose(triangles[:, 0], [1])
    heights = {*crosses[:, 1], *triangles[:, 1]}
    assert len(heights) == 2  # a row for each curve
    assert all(2 < height < sweep.get_ylim()[1] for height in heights)
    ticks = [*sweep.get_yticks(), *sweep.get_yticks(minor=True)]
    assert max(ticks) < min(heights)
    ends = [line.get_ydata()[-1] for line in lines(sweep)]
    assert set(ends) == heights
    texts = [name.get_text() for name in names(sweep)]
    assert texts == ["diverged", "sgd(LR)", "adam(LR)"]


def test_a_sweep_without_divergence_has_no_strip():
    rates = np.array([0.1, 0.2, 0.3])
    swept = Curve("sgd(LR)", rates, np.array([[2.0, 1, 2]]))
    axes = one_panel(swept, sweep=True, log_y=False)
    assert axes.get_ylim()[1] < 2.2
    assert [name.get_text() for name in names(axes)] == ["sgd(LR)"]


def test_what_was_published_stands_beside_our_line():
    published = [
        Published("adam(1e-3)", [2, 4], [1.5, 0.5], "paper"),
        Published("sgd(0.1)", [2, 3], [30, np.nan], "notebook"),
        Published("nadam", [5], [0.7], "notebook"),
    ]
    curves = [falling("adam(1e-3)"), falling("sgd(0.1)")]
    axes = one_panel(*curves, published=published)
    points = [line for line in axes.get_lines() if line.get_marker() in ("o", "D")]
    colors = {
        name: line.get_color() for name, line in zip(["adam", "sgd"], lines(axes), strict=False)
    }
    assert [list(line.get_xdata()) for line in points] == [[2, 4], [2], [5]]
    assert [line.get_marker() for line in points] == ["o", "D", "D"]
    assert [line.get_color() for line in points[:2]] == [colors["adam"], colors["sgd"]]
    assert points[2].get_color() not in colors.values(), "nothing here is called so"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["paper", "notebook"]
    low, high = axes.get_ylim()
    assert low < 0.5 < 30 < high, "the published points are within the picture"


def test_groups_keep_the_published_points_of_their_own_curves():
    curves = [falling(name) for name in MIX]
    published = [Published(name, [1], [1.0]) for name in ("nadam(1e-3)", "sgd(0.1)")]
    panels = grouped(Panel(curves, "epoch", "loss", published=published))
    for panel in panels:
        names = {curve.name for curve in panel.curves}
        assert {points.name for points in panel.published} == names & {"nadam(1e-3)", "sgd(0.1)"}
