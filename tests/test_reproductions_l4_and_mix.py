"""The reproductions of L4 and of the mixes: what they train, and their tables."""

import dataclasses

import keras
import numpy as np
import pytest

import stepwrap
from stepwrap.core import stack
from stepwrap.experiments import Comparison, Record
from stepwrap.experiments.pictures import geometric_mean
from stepwrap.experiments.report import curves_of_stretches
from stepwrap.experiments.reproductions import cells, l4, mix
from stepwrap.experiments.reproductions.l4_dnc import experiment as l4_dnc
from stepwrap.experiments.reproductions.l4_fashion import experiment as l4_fashion
from stepwrap.experiments.reproductions.l4_mnist import experiment as l4_mnist
from stepwrap.experiments.reproductions.l4_mnist_cnn import experiment as l4_mnist_cnn
from stepwrap.experiments.reproductions.l4_regression import experiment as l4_regression
from stepwrap.experiments.reproductions.l4_resnet import experiment as l4_resnet
from stepwrap.experiments.reproductions.mix_cifar import experiment as mix_cifar
from stepwrap.experiments.reproductions.mix_mnist import experiment as mix_mnist

L4_EXPERIMENTS = (l4_fashion, l4_mnist, l4_mnist_cnn, l4_dnc, l4_regression, l4_resnet)


def comparison(names, epochs=(), steps=(), diverged_at=None):
    """The same records for each name: a seed for each dictionary of epochs, or of steps."""
    records = [
        Record(
            {name: np.array(values, float) for name, values in by_epoch.items()},
            {name: np.array(values, float) for name, values in by_step.items()},
            diverged_at=diverged_at,
        )
        for by_epoch, by_step in zip(
            epochs or [{}] * len(steps), steps or [{}] * len(epochs), strict=True
        )
    ]
    count = max((len(values) for one in epochs for values in one.values()), default=1)
    return Comparison("a task", count, False, {name: records for name in names})


@pytest.mark.parametrize(
    "text",
    sorted(
        {
            *mix.STACKS.values(),
            *(text for one in L4_EXPERIMENTS for text in one.STACKS),
            *l4_regression.NOTEBOOK,
        }
    ),
)
def test_every_stack_is_an_optimizer(text):
    assert isinstance(stepwrap.parse(text), keras.optimizers.Optimizer)


def test_the_mix_is_what_it_is_called():
    """From the outside in."""
    classes = {
        label: [type(member).__name__ for member in stack.walk(stepwrap.parse(text))]
        for label, text in mix.STACKS.items()
    }
    assert classes == {
        "SGD": ["SGD"],
        "SGD w/ momentum": ["SGD"],
        "SGD w/ Nesterov momentum": ["SGD"],
        "SGDW": ["SGD"],
        "SGD w/ momentum + LRD": ["LearningRateDropout", "SGD"],
        "Lookahead (SGD)": ["Lookahead", "SGD"],
        "RMSprop": ["RMSprop"],
        "Adam": ["Adam"],
        "AdamL2": ["CoupledWeightDecay", "Adam"],
        "AdamW": ["AdamW"],
        "Adam w/ LRD": ["LearningRateDropout", "Adam"],
        "Lookahead (Adam)": ["Lookahead", "Adam"],
        "Gradient Noise (Adam)": ["GradientNoise", "Adam"],
        "Gradient Dropout (Adam)": ["GradientDropout", "Adam"],
        "Nadam": ["Nadam"],
        "RAdam": ["RAdam"],
        "RAdamW": ["RAdam"],
        "RAdam w/ LRD": ["LearningRateDropout", "RAdam"],
    }


def test_the_arguments_of_the_mix_are_the_published_ones():
    made = {label: stepwrap.parse(text) for label, text in mix.STACKS.items()}
    assert all(float(one.learning_rate) == pytest.approx(1e-3) for one in made.values())
    bases = {label: list(stack.walk(one))[-1] for label, one in made.items()}
    for label, base in bases.items():
        if type(base).__name__ == "SGD":
            assert base.momentum == (0 if label == "SGD" else 0.99)
            assert base.nesterov == ("Nesterov" in label)
        decay = {"SGDW": 1e-6, "AdamW": 1e-4, "RAdamW": 1e-4}.get(label)
        assert base.weight_decay == decay, label
    assert made["RMSprop"].rho == 0.9
    assert made["AdamL2"].rate == 1e-4
    for label in ("SGD w/ momentum + LRD", "Adam w/ LRD", "RAdam w/ LRD"):
        assert made[label].keep == 0.5
    for label in ("Lookahead (SGD)", "Lookahead (Adam)"):
        assert (made[label].sync_period, made[label].slow_step_size) == (5, 0.5)
    noise = made["Gradient Noise (Adam)"]
    assert (noise.eta, noise.gamma) == (0.3, 0.55)
    assert made["Gradient Dropout (Adam)"].keep == 0.9


def test_what_was_published_is_of_optimizers_that_are_trained():
    assert l4_mnist.NOTEBOOK_STACK in l4_mnist.L4_STACKS
    assert set(l4_mnist_cnn.PUBLISHED) <= set(l4_mnist_cnn.STACKS)


def accuracies(*values):
    return {"loss": [2.0, 1.0, 0.5], "val_accuracy": values}


def test_what_was_published_stands_below_its_own_row():
    names = ["l4adam(fraction=0.15)", "l4adam(fraction=0.25)", "adam(1e-3)"]
    rows = l4.rows(
        comparison(names, [accuracies(0.5, 0.7, 0.9), accuracies(0.5, 0.7, 0.8)]),
        [1, 3],
        {"l4adam(fraction=0.25)": {"in the paper": {1: "95.9"}}},
    )
    assert rows == [
        ["l4adam(fraction=0.15)", "2.0", "0.50", "50.0 ± 0.0", "85.0 ± 5.0"],
        ["l4adam(fraction=0.25)", "2.0", "0.50", "50.0 ± 0.0", "85.0 ± 5.0"],
        ["in the paper", "", "", "95.9", ""],
        ["adam(1e-3)", "2.0", "0.50", "50.0 ± 0.0", "85.0 ± 5.0"],
    ]
    assert all(len(row) == len(l4.columns([1, 3])) for row in rows)


def test_table_2_stands_whole_below_our_own():
    rows = l4.rows(
        comparison(l4_mnist.STACKS, [accuracies(0.95, 0.96, 0.97)]), [1], l4_mnist.table_2()
    )
    assert [row[0] for row in rows[1::2]] == [
        f"{name} in the paper" for name in ("L4Adam*", "L4Adam", "L4Mom*", "L4Mom", "Adam", "mSGD")
    ]
    assert [row[2] for row in rows[1::2]] == [
        *("96.8 ± 0.2", "95.9 ± 0.7", "96.3 ± 0.4", "95.4 ± 0.5", "95.7 ± 0.3", "96.4 ± 0.5")
    ]


def test_a_rate_that_falls_to_zero_is_at_the_lower_edge():
    steps = [{"learning_rate": [1, 1e-2, 0, 0], "loss": [1, 1, 0, 0]}]
    of_steps = dataclasses.replace(comparison(["l4adam"], steps=steps), epochs=2)
    assert l4.steps_per_epoch(of_steps) == 2
    panel = l4.rate_panel(of_steps, 2)
    assert panel.curves[0].x.tolist() == [0.5, 1, 1.5, 2]
    np.testing.assert_allclose(panel.curves[0].values, [[1, 1e-2, 1e-8, 1e-8]], rtol=1e-12)
    assert panel.limits == (1e-8, 1e4)


def test_the_notebooks_losses_begin_at_epoch_0_and_end_at_0():
    steps = [{"loss": [2.0, 1.0]}]
    panel = l4_mnist.batch_loss_panel(comparison(["l4adam(fraction=0.25)"], steps=steps))
    (points,) = panel.published
    assert len(points.x) == len(points.y) == 23
    assert (points.x[0], points.y[0]) == (0, 2.3026) and points.y[-1] == 0


def test_the_time_of_a_sample_is_the_median_of_all_epochs_but_the_first():
    course = {
        "loss": [2.0, 1.0, 0.5, 0.25],
        "seconds": [60.0, 3.0, 1.0, 2.0],
        "val_accuracy": [0.9, 0.91, 0.92, 0.98765],
    }
    rows = l4_mnist_cnn.rows(comparison(["adam(1e-3)", "adam"], [course]), [1, 4], 10_000)
    assert rows == [
        ["adam(1e-3)", "2.0000", "0.2500", "90.00", "98.77", "200"],
        ["published as Adam()", "0.2459", "0.0514", "98.28", "98.95", "173–181"],
        ["adam", "2.0000", "0.2500", "90.00", "98.77", "200"],
    ]


def test_every_published_epoch_of_the_cnn_is_in_its_panels():
    courses = {name: [1.0] * 12 for name in l4_mnist_cnn.QUANTITIES}
    of_cnn = comparison(l4_mnist_cnn.STACKS, [courses])
    for quantity in l4_mnist_cnn.QUANTITIES:
        published = l4_mnist_cnn.panel(of_cnn, quantity).published
        assert [len(points.y) for points in published] == [12] * 4
        assert all(list(points.x) == list(range(1, 13)) for points in published)


def test_the_table_of_regression_has_means_in_log_space_and_the_lowest():
    steps = [{"loss": [9, 1e-3, 5]}, {"loss": [9, 2, 6]}, {"loss": [9, 3, 70]}]
    row, spans = l4_regression.rows(comparison(["sgd(4e-5)"], steps=steps), "narrow", [1, 3])
    assert row == ["sgd(4e-5)", "narrow", "9.0e+00", "1.3e+01", "1.8e-01"]
    assert spans == ["range", "", "9.0e+00 to 9.0e+00", "5.0e+00 to 7.0e+01", "1.0e-03 to 3.0e+00"]


def test_the_table_of_the_neural_computer_has_means_of_the_batches_up_to_an_iteration():
    losses = [np.r_[np.full(100, low), np.full(100, 4 * low)] for low in (1.0, 4.0)]
    two = comparison(["sgd(1)"], steps=[{"loss": one} for one in losses])
    row, spans = l4_dnc.rows(two, [100, 150])
    assert row == ["sgd(1)", "2.0e+00", "4.0e+00"]
    assert spans == ["range", "1.0e+00 to 4.0e+00", "2.0e+00 to 8.0e+00"]


def test_the_neural_computer_s_rates_are_those_of_fig_6b():
    steps = [{"loss": np.ones(200), "learning_rate": np.r_[0.0, np.ones(199)]}]
    losses, rates = l4_dnc.panels(comparison(l4_dnc.STACKS, steps=steps))
    assert [curve.name for curve in losses.curves] == l4_dnc.STACKS
    assert [curve.name for curve in rates.curves] == [l4_dnc.L4ADAM, l4_dnc.ADAM]
    assert all(np.min(curve.values) > 0 for curve in rates.curves)


def test_what_the_notebook_has_of_regression_stands_below_our_own_row():
    losses = [{"loss": np.full(3_000, 2.0)}]
    names = list(l4_regression.NOTEBOOK)
    rows = l4_regression.notebook_rows(
        dataclasses.replace(comparison(names, steps=losses), epochs=3)
    )
    assert rows[:2] == [
        ["sgd(1e-6)", "2.0e+00", "2.0e+00", "2.0e+00", "2.0e+00"],
        ["in the notebook's picture", "~1.7e+03", "~7.5e+02", "~3.6e+02", "~2.6e+02"],
    ]
    assert rows[5] == ["in the notebook's picture", *["diverged"] * 4]


def test_the_table_of_a_mix_has_losses_and_the_test_accuracy():
    names = ["sgd(1e-3)", "rmsprop(1e-3)"]
    rows = mix.rows(comparison(names, [accuracies(0.5, 0.7, 0.9)]), [2, 3])
    assert rows == [
        ["sgd(1e-3)", "SGD", "1.0", "0.50", "90.0"],
        ["rmsprop(1e-3)", "RMSprop", "1.0", "0.50", "90.0"],
    ]
    assert len(mix.columns([2, 3])) == len(rows[0])


def test_what_the_picture_of_mnist_has_stands_below_the_run_on_as_many_images():
    long = {"loss": np.linspace(1, 0.01, 100), "val_accuracy": np.full(100, 0.9)}
    compared = comparison(["adam(1e-3)", "sgd(1e-3, momentum=0.99)"], [long])
    assert mix_mnist.table_rows(compared, 8_192, [20, 100])[:2] == [
        ["adam(1e-3)", "Adam, 8,192 images", "0.81", "0.010", "90.0"],
        ["published", "Adam, 8,192 images", "≈ 0.072", "≈ 0.00086", "–"],
    ]
    assert mix_mnist.table_rows(compared, 4_096, [20, 100]) == [
        ["adam(1e-3)", "Adam", "0.81", "0.010", "90.0"],
        ["sgd(1e-3, momentum=0.99)", "SGD w/ momentum", "0.81", "0.010", "90.0"],
        ["published", "SGD w/ momentum", "–", "≈ 0.037", "–"],
    ]


def test_the_points_of_mnist_are_of_stacks_that_are_trained_on_as_many_images():
    for images, (labels, _) in mix_mnist.TRAINED.items():
        assert set(mix_mnist.PUBLISHED[images]) <= set(labels)
        for points in mix_mnist.points(images):
            assert points.name in mix.STACKS.values()
            assert len(points.x) == len(points.y)


def test_every_optimizer_of_cifar_has_a_published_curve_at_its_true_epochs():
    assert {curve.label for curve in mix_cifar.CURVES} == set(mix.STACKS)
    assert mix_cifar.read_off("RAdamW") == (
        "1.12 (1), 0.87 (2), 0.5 (5), 0.2 (10), 0.07 (15), 0.06 (20), 0.03 (30)"
    )
    assert mix_cifar.read_off("SGDW") == (
        "1.1 (1.7), 0.78 (3.4), 0.45 (8.5), 0.16 (17), 0.05 (25.5), 0 (34), 0 (51) †"
    )


def test_the_points_of_cifar_end_with_the_run_and_above_zero():
    for points in mix_cifar.points(31):
        assert points.name in mix.STACKS.values()
        shown = [x for x, y in zip(points.x, points.y, strict=True) if np.isfinite(y)]
        assert shown and max(shown) <= 31
    [sgdw] = [one for one in mix_cifar.points(31) if one.name == mix.STACKS["SGDW"]]
    np.testing.assert_array_equal(sgdw.y, [1.1, 0.78, 0.45, 0.16, 0.05, np.nan, np.nan])


@pytest.mark.parametrize(
    ("epochs", "drops"), [(5, [2, 3, 4]), (100, [40, 60, 80]), (400, [100, 150, 200])]
)
def test_the_manual_schedule_falls_after_these_epochs(epochs, drops):
    assert l4_resnet.drops_of(epochs) == drops
    stacks = l4_resnet.with_schedule(drops, steps=3)
    assert stacks == {**{text: text for text in l4_resnet.STACKS}, **stacks}
    optimizer = stepwrap.parse(stacks[l4_resnet.MANUAL])
    rates = []
    for step in range(3 * epochs):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    lengths = 3 * np.diff([0, *drops, epochs])
    np.testing.assert_allclose(rates, np.repeat([0.1, 0.01, 0.001, 0.0001], lengths), rtol=1e-6)
    assert optimizer.momentum == 0.9


def test_the_table_of_learning_rates_has_the_mean_of_an_epoch():
    rates = {"learning_rate": [0.1, 0.02, 0.003]}
    rows = l4_resnet.rate_rows(comparison(["adam(2e-4, epsilon=1e-4)"], [rates]), [1, 3])
    assert rows == [["adam(2e-4, epsilon=1e-4)", "0.10", "0.0030"]]


def test_tables_say_what_diverged():
    short = {"loss": [1.0, np.nan], "val_accuracy": [0.5, np.nan], "seconds": [1.0, 1.0]}
    diverged = comparison(["adam(1e-3)"], [short], diverged_at=7)
    assert l4.rows(diverged, [1, 2])[0] == ["adam(1e-3)", "1.0", "diverged", "50.0", "diverged"]
    assert mix.rows(diverged, [2])[0][2:4] == ["diverged", "diverged"]
    assert l4_mnist_cnn.rows(diverged, [2], 1)[0][1] == "diverged"
    assert cells.number(np.array([1.0, np.inf, np.nan])) == "2 of 3 diverged"
    assert cells.span(np.array([2.0, np.nan, 1.0])) == "1.0e+00 to 2.0e+00"
    assert cells.span(np.array([np.inf, np.nan])) == "–"
    steps = [{"loss": [2.0, np.inf]}]
    (row,) = l4_regression.rows(comparison(["sgd(1)"], steps=steps, diverged_at=2), "A", [1, 2])
    assert row[2:] == ["2.0e+00", "diverged", "2.0e+00"]


def test_stretches_may_have_means_in_log_space():
    steps = [{"learning_rate": [1, 1e-4, 1e-2, 1e-2]}, {"learning_rate": [1, 1, 1e-6, np.nan]}]
    (curve,) = curves_of_stretches(
        comparison(["sgd(1)"], steps=steps), "learning_rate", geometric_mean, stretches=2
    )
    assert curve.x.tolist() == [1.5, 3.5]
    np.testing.assert_allclose(curve.values, [[1e-2, 1e-2], [1, np.nan]], rtol=1e-12)
