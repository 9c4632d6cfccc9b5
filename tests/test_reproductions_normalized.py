"""Reproductions of keras-normalized-optimizers, and the demo of learning rates."""

import io

import keras
import numpy as np
import pytest

import stepwrap

pytest.importorskip("rich")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

import rich.console

import cases
from stepwrap.experiments import Comparison, Record
from stepwrap.experiments.pictures import Published
from stepwrap.experiments.reproductions import catalogue
from stepwrap.experiments.reproductions.laboratory import Laboratory
from stepwrap.experiments.reproductions.learning_rate_demo import experiment as learning_rate_demo
from stepwrap.experiments.reproductions.learning_rate_demo.fitted_lines import Fit
from stepwrap.experiments.reproductions.normalized_cifar import experiment as normalized_cifar
from stepwrap.experiments.reproductions.normalized_convex import experiment as normalized_convex
from stepwrap.experiments.reproductions.normalized_convex.adaptive import AdaptiveNormalizedSGD
from stepwrap.experiments.reproductions.normalized_mlp import experiment as normalized_mlp
from stepwrap.experiments.reproductions.stages import (
    PublishedRun,
    Stages,
    columns,
    every_epoch,
    panels,
    rows,
)


def of_steps(losses, diverged_at=None):
    return Record({}, {"loss": np.array(losses, "float64")}, diverged_at=diverged_at)


def of_epochs(accuracies, diverged_at=None):
    """A record in which every quantity tells by its value which it is and of which epoch."""
    count = len(accuracies)
    epochs = {
        "loss": 3 - np.arange(count) / 10,
        "accuracy": np.array(accuracies) / 2,
        "val_loss": 5 - np.arange(count) / 10,
        "val_accuracy": np.array(accuracies),
        "seconds": np.array([100.0, *[0.2] * (count - 1)]),
    }
    return Record(epochs, {"loss": np.zeros(count)}, diverged_at=diverged_at)


def convex(courses):
    """All stacks at two learning rates, from two seeds; the others fall from 10 to 1, or to 3."""
    stacks = [
        normalized_convex.at(template, rate)
        for template in normalized_convex.STACKS
        for rate in (0.005, 0.1)
    ]
    usual = [of_steps(np.linspace(10, 1, 20)), of_steps(np.linspace(10, 3, 20))]
    return Comparison("quadratic", 1, True, {stack: courses.get(stack, usual) for stack in stacks})


# Stages of learning rates.


@pytest.mark.parametrize("template", ["sgd(LR, momentum=0.9)", "adam(LR) | normalized('max')"])
def test_a_stage_ends_with_the_last_step_of_its_last_epoch(template):
    stages = Stages([template], [0.1, 0.01, 0.001])
    length = stages.length(epochs=2, seeds=1, samples=300)
    assert length.epochs == 6
    optimizer = stepwrap.parse(stages.with_schedules(length, batch_size=128)[template])
    rates = []
    for step in range(6 * 3):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(rates, np.repeat([0.1, 0.01, 0.001], 6), rtol=1e-6)


def test_what_was_published_stands_below_its_own_row():
    accuracies = [0.1, 0.2, 0.3, 0.5], [0.3, 0.2, 0.3, 0.7]
    comparison = Comparison(
        "task",
        4,
        False,
        {"adam(LR)": [*map(of_epochs, accuracies)], "sgd(LR)": [*map(of_epochs, accuracies)]},
    )
    published = {
        "sgd(LR)": PublishedRun(
            {
                "val_accuracy": every_epoch("0.25 0.1 0.5 0.2 0.3 0.75"),
                "loss": {1: 3.0, 6: 1.5},
                "accuracy": {6: 0.625},
            },
            99,
        )
    }
    own = ["20.0 % ± 10.0", "20.0 % ± 0.0", "60.0 % ± 10.0", "–"]
    own += ["2.70 ± 0", "30.0 % ± 5.0", "4.70 ± 0", "200"]
    table = rows(comparison, 2, 1000, published, most_stages=3)
    assert table == [
        ["adam(LR)", *own],
        ["sgd(LR)", *own],
        ["published", "25.0 %", "50.0 %", "75.0 %", "–", "1.500", "62.5 %", "–", "≈ 99"],
    ]
    assert {len(row) for row in table} == {len(columns(3))}


def test_a_row_of_what_diverged_says_so():
    records = [of_epochs([0.1, 0.2, 0.3, 0.5]), of_epochs([0.1], diverged_at=7)]
    [row] = rows(Comparison("task", 4, False, {"sgd(LR)": records}), 2, 1000, {}, 2)
    assert row == ["sgd(LR)", *["diverged"] * 6, "–"]


def test_what_was_published_is_beside_the_curves_of_the_same_quantity():
    comparison = Comparison("task", 2, False, {"sgd(LR)": [of_epochs([0.1, 0.2])]})
    published = {"sgd(LR)": PublishedRun({"loss": {2: 1.5}})}
    loss, *others = panels([comparison], published, "the source")
    assert loss.published == [Published("sgd(LR)", [2], [1.5], "the source")]
    assert [panel.published for panel in others] == [[], [], []]


def parts(experiment):
    return {
        "mlp": [
            (normalized_mlp.PORT_PARTS, normalized_mlp.PORT),
            (normalized_mlp.ORIGINAL_PARTS, normalized_mlp.ORIGINAL),
        ],
        "cifar": [
            (normalized_cifar.PORT_PARTS, normalized_cifar.PORT),
            (normalized_cifar.ORIGINAL_PARTS, normalized_cifar.ORIGINAL),
            (normalized_cifar.NORM_PARTS, normalized_cifar.NORMS),
        ],
    }[experiment]


@pytest.mark.parametrize(("experiment", "epochs"), [("mlp", 10), ("cifar", 15)])
def test_published_runs_are_as_long_as_their_stages(experiment, epochs):
    for stages_of_parts, published in parts(experiment):
        for stages in stages_of_parts.values():
            for stack in stages.stacks:
                assert published[stack].epochs == epochs * stages.count
                for curve in published[stack].curves.values():
                    assert len(curve) in (1, 5, 6, 7, epochs * stages.count)


# normalized-convex.


def test_the_quadratic_on_the_published_scale_with_what_was_published():
    back_and_forth = np.tile([100.0, 200.0], 10)
    comparison = convex(
        {
            "rmsprop(0.1)": [of_steps(back_and_forth), of_steps(back_and_forth)],
            "sgd(0.1, momentum=0.9)": [of_steps([10, 1e9, np.inf], 3), of_steps([10, 1])],
        }
    )
    table = normalized_convex.table_rows(comparison, (0.005, 0.1))
    own = {row[0]: place for place, row in enumerate(table) if row[0] in normalized_convex.STACKS}
    assert list(own) == [*normalized_convex.STACKS]

    def below(template):
        return table[own[template] :][:4]

    assert below("adam(LR)") == [
        ["adam(LR)", "2.0 ± 1.0", "2.0 ± 1.0"],
        ["seed 0, published scale", "−452.1", "−452.1"],
        ["published", "≈ −102", "≈ −382"],
        ["original", "≈ −136", "≈ −613"],
    ]
    assert below("rmsprop(LR)")[:2] == [
        ["rmsprop(LR)", "2.0 ± 1.0", "200.0 ± 0.0"],
        ["seed 0, published scale", "−452.1", "−253.1…−353.1"],
    ]
    assert below("sgd(LR, momentum=0.9)") == [
        ["sgd(LR, momentum=0.9)", "2.0 ± 1.0", "diverged"],
        ["seed 0, published scale", "−452.1", "diverged"],
        ["original", "≈ −397", "not converged"],
    ]


def test_the_course_on_the_quadratic_is_the_range_of_stretches():
    losses = np.arange(20.0)
    losses[[3, 14]] = 30, -30
    comparison = convex({"adam(0.1)": [of_steps(losses), of_steps(1000 * losses)]})
    panel = normalized_convex.convergence(comparison, 0.1)
    curve = next(curve for curve in panel.curves if curve.name == "adam(LR)")
    np.testing.assert_array_equal(curve.x, [1, 11])
    expected = np.array([[0, -30], [30, 19]]) + normalized_convex.PUBLISHED_MINIMUM
    np.testing.assert_allclose(curve.values, expected, rtol=1e-12)


def test_published_values_stand_at_the_last_step_and_in_the_dependence_on_the_learning_rate():
    comparison = convex({})
    panel = normalized_convex.convergence(comparison, 0.1)
    [rmsprop] = [one for one in panel.published if one.name == "rmsprop(LR)"]
    assert (rmsprop.x, list(rmsprop.y)) == ([20], [-242])
    of_seed_0, of_seed_1 = (
        normalized_convex.dependence(comparison, seed, (0.005, 0.1)) for seed in (0, 1)
    )
    [sgd] = [one for one in of_seed_0.published if one.name == normalized_convex.NORMALIZED_SGD]
    assert sgd.x == [0.001, 0.005, 0.01, 0.03, 0.05, 0.05, 0.1, 0.1]
    assert sgd.y[1] == pytest.approx(-404 - normalized_convex.PUBLISHED_MINIMUM)
    assert of_seed_1.published == []


def test_the_first_run_stands_above_what_is_printed():
    values = np.arange(1500.0)
    comparison = Comparison(
        "quadratic", 15, True, {normalized_convex.FIRST_RUN: [of_steps(values)]}
    )
    own, printed = normalized_convex.first_run_rows(comparison)
    assert own[:3] == [normalized_convex.FIRST_RUN, "−453.0821", "−354.0821"]
    assert printed[:3] == ["printed", "94.4129", "−186.5157"]
    assert len(own) == len(printed) == 17


def test_the_adaptive_optimizer_follows_its_formula():
    generator = np.random.default_rng(0)
    start, gradients = generator.normal(size=5), generator.normal(size=(4, 5))
    variable = keras.Variable(start.astype("float32"))
    optimizer = AdaptiveNormalizedSGD(0.1, rate_update=0.5, momentum=0.9, momentum_update=0.25)
    x, average, before, rate, momentum = start, 0, np.zeros(5), 0.1, 0.9
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient.astype("float32"))], [variable])
        average = momentum * average + gradient
        x = x - rate * average / (np.std(average) + 1e-6)
        lengths = np.linalg.norm(gradient) * np.linalg.norm(before)
        cosine = gradient @ before / lengths if lengths else 0
        rate = np.clip(rate * (1 + 0.5 * cosine), 1e-6, 0.5)
        momentum = np.clip(0.75 * momentum - 0.25 * cosine, 0, 1)
        before = gradient
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), x, rtol=1e-5, atol=1e-6)


# learning-rate-demo.


def test_the_table_has_the_loss_after_a_step_and_the_last_line():
    records = [of_steps(np.arange(200.0))]
    fits = [Fit("sgd(0.1)", [(0.0, 0.0), (3.0, 4.0)]), Fit("sgd | l4", [(5.0, 6.0)])]
    comparison = Comparison("line", 2, True, {fit.name: records for fit in fits})
    losses = ["0.0000", "1.0000", "2.0000", "5.0000", "10.0000", "100.0000"]
    exact = ["12.7681", "7.2542", "4.1346", "0.8044", "0.1047", "0.0145"]
    assert learning_rate_demo.table_rows(comparison, fits) == [
        ["sgd(0.1)", *losses, "3.0000", "4.0000"],
        ["published code", *exact, "1.7600", "1.1406"],
        ["sgd | l4", *losses, "5.0000", "6.0000"],
    ]


@pytest.mark.backend_free("torch")  # which compiles nothing
@pytest.mark.parametrize("stack", cases.others_long(learning_rate_demo.EXACT, ["sgd(0.1)"]))
def test_gradient_descent_is_that_of_the_published_code(stack):
    keras.utils.set_random_seed(0)
    x, y, start = learning_rate_demo.random_instance()
    lines = [start, *learning_rate_demo.fitted(stack)]
    exact_losses, exact_line = learning_rate_demo.EXACT[stack]
    losses = [
        np.mean((lines[step][0] * x + lines[step][1] - y) ** 2)
        for step in learning_rate_demo.TABLE_STEPS
    ]
    half_a_digit = 5.5e-5  # of what is printed, and the rounding of float32
    np.testing.assert_allclose(losses, exact_losses, rtol=0, atol=half_a_digit)
    np.testing.assert_allclose(lines[-1], exact_line, rtol=0, atol=half_a_digit)


@pytest.mark.backend_free("torch")  # which compiles nothing
def test_learning_rate_demo(tmp_path):
    console = rich.console.Console(file=io.StringIO(), width=120)
    laboratory = Laboratory("learning-rate-demo", tmp_path / "demo", fast=True, console=console)
    catalogue.get("learning-rate-demo")(laboratory)
    table = (tmp_path / "demo" / "learning_rate_demo_table.md").read_text(encoding="utf-8")
    assert table.startswith("Fast run")
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) == len(learning_rate_demo.STACKS)
    for name in ("learning_rate_demo", "learning_rate_demo_loss"):
        picture = tmp_path / "demo" / f"{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.with_suffix(".svg").is_file()
    assert "learning-rate-demo, linear-regression: --fast" in console.file.getvalue()
