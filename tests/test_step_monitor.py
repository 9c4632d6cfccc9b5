"""StepMonitor: what it logs, where it finds it, and that training is the same with it."""

import csv
import json
import pathlib

import keras
import numpy as np
import pytest

import cases
import stepwrap
from cases import BACKEND
from stepwrap.callbacks import StepMonitor

NORMS = ["gradient_norm", "step_norm", "cosine"]
LEARNING_RATE = [f"effective_learning_rate{end}" for end in ("", "_min", "_max")]
OF_L4 = [*LEARNING_RATE, "min_loss", "skipped_steps"]
OF_ANY = [*NORMS, "learning_rate"]


def norm(arrays):
    return np.sqrt(sum(np.sum(array.astype("float64") ** 2) for array in arrays))


@keras.saving.register_keras_serializable(package="tests")
class Diary(stepwrap.OptimizerWrapper):
    """Writes down, eagerly, what the monitor of the wrapper inside should see."""

    def __init__(self, inner_optimizer, name=None):
        super().__init__(inner_optimizer, name=name)
        self.pages = []

    def transform_steps(self, steps, gradients, variables):
        gradients, step_arrays = cases.values(gradients), cases.values(steps)
        page = {"gradient_norm": norm(gradients), "step_norm": norm(step_arrays)}
        product = sum(np.sum(g * s) for g, s in zip(gradients, step_arrays, strict=True))
        page["cosine"] = -product / page["gradient_norm"] / page["step_norm"]
        page["effective_learning_rate"] = cases.number(self.inner_optimizer.effective_learning_rate)
        self.pages.append(page)
        return steps


@pytest.mark.parametrize(
    "stack",
    cases.whole_on(
        "torch",
        {
            "L4Adam": (lambda: stepwrap.L4Adam(), [*NORMS, *OF_L4]),
            "gradients only": (lambda: stepwrap.NormalizedOptimizer("adam"), OF_ANY),
            "steps": (lambda: cases.HalvedStep("adam"), OF_ANY),
            "a condition": (lambda: stepwrap.SkipNonFinite("adam"), [*OF_ANY, "skipped_steps"]),
            "deep in a stack": (
                lambda: stepwrap.ClippedOptimizer(
                    stepwrap.NormalizedOptimizer(
                        stepwrap.L4Wrapper(stepwrap.ClippedOptimizer("sgd"))
                    )
                ),
                [*NORMS, *OF_L4],
            ),
        },
        elsewhere=["a condition"],
    ),
)
def test_each_wrapper_gives_what_it_has(stack):
    make, logged = stack
    history = cases.fit(cases.model(make()), epochs=2, callbacks=[StepMonitor()])
    assert sorted(history) == sorted(["loss", *logged])
    assert all(np.all(np.isfinite(values)) and len(values) == 2 for values in history.values())


def test_the_values_are_right():
    network = cases.model(Diary(stepwrap.L4Wrapper("adam")), jit_compile=False, run_eagerly=True)
    history = cases.fit(network, epochs=2, callbacks=[StepMonitor()])
    pages = network.optimizer.pages
    assert len(pages) == 6
    for epoch, steps in enumerate((pages[:3], pages[3:])):
        for name in (*NORMS, "effective_learning_rate"):
            expected = np.mean([page[name] for page in steps])
            assert history[name][epoch] == pytest.approx(expected, rel=1e-5), name
        rates = [page["effective_learning_rate"] for page in steps]
        assert history["effective_learning_rate_min"][epoch] == pytest.approx(min(rates))
        assert history["effective_learning_rate_max"][epoch] == pytest.approx(max(rates))
    inner = network.optimizer.inner_optimizer
    assert history["min_loss"][-1] == pytest.approx(cases.number(inner.min_loss))
    assert history["skipped_steps"] == [0, 0]


@pytest.mark.parametrize("name", cases.WRAPPERS)
def test_every_wrapper_has_norms_and_a_learning_rate(name):
    """By hand, at one step of gradient descent, unless what it does is not gradient descent."""
    variables = cases.variables()
    optimizer = cases.WRAPPERS[name](keras.optimizers.SGD(0.1))
    optimizer.build(variables)
    record = optimizer.record_steps()
    for seed in range(cases.batches_per_step(optimizer)):
        gradients, before = cases.gradients(variables, seed), cases.values(variables)
        cases.apply(optimizer, gradients, variables)
    last = record.last()
    steps = [after - b for after, b in zip(cases.values(variables), before, strict=True)]
    gradients = cases.values(gradients)
    product = sum(np.sum(g * s) for g, s in zip(gradients, steps, strict=True))
    assert last["gradient_norm"] == pytest.approx(norm(gradients), rel=1e-5)
    assert last["step_norm"] == pytest.approx(norm(steps), rel=1e-5)
    assert last["cosine"] == pytest.approx(-product / norm(gradients) / norm(steps), rel=1e-4)
    rate = last.get("learning_rate", last.get("effective_learning_rate"))
    assert "l4" in name or name == "stack_of_steps" or rate == pytest.approx(0.1)


def test_an_optimizer_alone_is_gradient_descent():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.1, 0.01])
    network = cases.model(stepwrap.OptimizerWrapper(keras.optimizers.SGD(schedule)))
    history = cases.fit(network, epochs=2, callbacks=[StepMonitor()])
    assert sorted(history) == sorted(["loss", *OF_ANY])
    np.testing.assert_allclose(history["cosine"], 1, rtol=1e-5)
    np.testing.assert_allclose(history["learning_rate"], [0.1, 0.01], rtol=1e-6)
    ratio = history["step_norm"][1] / history["gradient_norm"][1]
    assert ratio == pytest.approx(0.01, rel=1e-4)


def test_a_batch_without_a_step_has_none():
    optimizer = stepwrap.GradientAccumulation(keras.optimizers.SGD(0.1), steps=3)
    variables = cases.variables()
    optimizer.build(variables)
    record, norms = optimizer.record_steps(), []
    for seed in range(6):
        optimizer.apply(cases.gradients(variables, seed), variables)
        norms.append(record.last()["step_norm"])
    assert [value > 0 for value in norms] == [False, False, True] * 2


def test_a_callback_that_sets_the_learning_rate_has_the_last_word():
    """It logs the same under the same name, and the monitor's is a mean of single precision."""
    network = cases.model(stepwrap.OptimizerWrapper(keras.optimizers.SGD(0.1)))
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / 3 ** (epoch + 1))
    histories = [
        cases.fit(network, epochs=2, callbacks=callbacks)["learning_rate"]
        for callbacks in ([schedule], [schedule, StepMonitor()], [StepMonitor(), schedule])
    ]
    assert histories[0] == histories[1] == histories[2]


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)
def test_a_multi_optimizer_has_no_learning_rate():
    optimizer_map = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.01))
    optimizer = stepwrap.OptimizerWrapper(keras.optimizers.MultiOptimizer(optimizer_map))
    history = cases.fit(cases.model(optimizer), callbacks=[StepMonitor()])
    assert sorted(history) == sorted(["loss", *NORMS])


@pytest.mark.parametrize(
    "wrap",
    [stepwrap.L4Wrapper, stepwrap.OptimizerWrapper, lambda inner: stepwrap.Lookahead(inner, 2)],
    ids=["l4", "alone", "lookahead"],
)
def test_training_is_the_same_with_it(wrap):
    """Bit for bit, and nothing of it is saved."""
    watched, alone = (cases.model(wrap("adam"), jit_compile=False, run_eagerly=True) for _ in "12")
    cases.fit(watched, epochs=2, callbacks=[StepMonitor()])
    cases.fit(alone, epochs=2)
    cases.assert_equal(cases.values(watched.weights), cases.values(alone.weights))
    store, other = {}, {}
    watched.optimizer.save_own_variables(store)
    alone.optimizer.save_own_variables(other)
    cases.assert_equal(list(store.values()), list(other.values()))


def test_a_watched_model_is_saved_and_loaded(tmp_path):
    network = cases.model(stepwrap.L4Wrapper("adam"))
    cases.fit(network, callbacks=[StepMonitor()])
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    cases.fit(network, callbacks=[StepMonitor()])
    cases.fit(loaded)
    cases.assert_equal(cases.values(loaded.weights), cases.values(network.weights))


@pytest.mark.skipif(BACKEND == "torch", reason="torch compiles nothing by default")
def test_compiled_as_eager():
    compiled, eager = (
        cases.fit(
            cases.model(stepwrap.L4Mom(), jit_compile=compiled, run_eagerly=not compiled),
            epochs=2,
            callbacks=[StepMonitor()],
        )
        for compiled in (True, False)
    )
    for name, values in compiled.items():
        np.testing.assert_allclose(values, eager[name], rtol=1e-5, err_msg=name)


def test_other_callbacks_see_it(tmp_path):
    network = cases.model(stepwrap.L4Wrapper("adam"))
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", monitor="effective_learning_rate", mode="max", save_best_only=True
    )
    cases.fit(
        network,
        epochs=2,
        callbacks=[StepMonitor(), keras.callbacks.CSVLogger(tmp_path / "log.csv"), best],
    )
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and set(rows[0]) >= {*NORMS, *OF_L4}
    assert (tmp_path / "best.keras").exists()


def test_tensorboard_shows_it(tmp_path):
    pytest.importorskip("tensorboard")
    tensorflow = pytest.importorskip("tensorflow")
    network = cases.model(stepwrap.L4Wrapper("adam"))
    cases.fit(network, callbacks=[StepMonitor(), keras.callbacks.TensorBoard(tmp_path)])
    tags = {
        value.tag
        for path in pathlib.Path(tmp_path).rglob("*events*")
        for event in tensorflow.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    assert {"epoch_effective_learning_rate", "epoch_cosine", "epoch_min_loss"} <= tags


def test_the_batch_log(tmp_path):
    network = cases.model(stepwrap.NormalizedOptimizer(stepwrap.L4Wrapper("adam")))
    path = tmp_path / "batches.csv"
    history = cases.fit(network, epochs=2, callbacks=[StepMonitor(batch_log=path)])
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["batch"]) for row in rows] == [
        (str(epoch), str(batch)) for epoch in range(2) for batch in range(3)
    ]
    expected = {"epoch", "batch", *NORMS, "effective_learning_rate", "min_loss", "skipped_steps"}
    assert set(rows[0]) == expected
    for name in (*NORMS, "effective_learning_rate"):
        mean = np.mean([float(row[name]) for row in rows[:3]])
        assert history[name][0] == pytest.approx(mean, rel=1e-5), name
    json.dumps(history)  # plain numbers


def test_a_gradient_that_is_not_finite_spoils_no_mean(tmp_path):
    x, y = cases.data()
    y[8:16] = np.nan
    network = cases.model(stepwrap.L4Wrapper("adam"))
    history = network.fit(
        x,
        y,
        batch_size=8,
        shuffle=False,
        verbose=0,
        callbacks=[StepMonitor(tmp_path / "batches.csv")],
    ).history
    assert history["skipped_steps"] == [1]
    assert np.isfinite(history["gradient_norm"][0]) and np.isfinite(history["cosine"][0])
    with (tmp_path / "batches.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["gradient_norm"] == "nan"
    assert float(rows[1]["effective_learning_rate"]) == float(rows[1]["step_norm"]) == 0


def test_several_fits_and_a_fit_without():
    network = cases.model(stepwrap.L4Wrapper("adam"))
    monitor = StepMonitor()
    first = cases.fit(network)
    second = cases.fit(network, callbacks=[monitor])
    third = cases.fit(network, callbacks=[monitor])
    assert "cosine" not in first and "cosine" in second and "cosine" in third
    assert int(cases.number(network.optimizer.iterations)) == 9


def test_an_optimizer_without_a_wrapper_is_an_error():
    network = cases.model(keras.optimizers.Adam())
    with pytest.raises(ValueError, match=r"stepwrap wrapper. Received: Adam. `stepwrap.Optim"):
        cases.fit(network, callbacks=[StepMonitor()])


def test_a_file_that_cannot_be(tmp_path):
    for path in (tmp_path / "missing" / "log.csv", tmp_path):
        with pytest.raises(ValueError, match="`batch_log` must be the path of a file in a folder"):
            StepMonitor(batch_log=path)
    with pytest.raises(TypeError, match="`batch_log` must be the path of a file"):
        StepMonitor(batch_log=3)
