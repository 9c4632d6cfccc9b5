"""`stepwrap.experiments.compare`: its results, its folder, and what it refuses."""

import csv
import dataclasses
import functools
import importlib.metadata
import io
import json
import math
import os
import runpy
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

pytest.importorskip("rich")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

import rich.console

import stepwrap
from cases import BACKEND
from pretended_training import pretend_training
from stepwrap.command.arguments import parse_learning_rates
from stepwrap.experiments import (
    Comparison,
    Record,
    Task,
    compare,
    digests,
    fingerprint,
    jobs,
    report,
    run_folder,
    sweep,
    sweeping,
    tables,
)
from stepwrap.experiments.comparison import final_rows, headings

X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int32")


def classifier(optimizer):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss=loss, metrics=["accuracy"], run_eagerly=True)
    return model


TASK = Task("signs", classifier, (X[:8], Y[:8]), (X[8:], Y[8:]), epochs=2, batch_size=4)
STACKS = ["sgd(0.1)", "sgd(0.1) | normalized"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Compares into a folder, without a word and without pictures, which take long."""
    monkeypatch.setattr(report, "draw", lambda *panels: None)

    def run(stacks, task=TASK, **options):
        return compare(
            stacks, task, **{"output": tmp_path / "run", "seeds": 2, "quiet": True, **options}
        )

    return run


def arrays(record):
    return {
        **{f"epochs {name}": values for name, values in record.epochs.items()},
        **{f"steps {name}": values for name, values in record.steps.items()},
    }


def same(record, other):
    mine, others = arrays(record), arrays(other)
    return mine.keys() == others.keys() and all(
        mine[name].tobytes() == others[name].tobytes() for name in mine if name != "epochs seconds"
    )


# Results.


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A comparison of the two stacks, for tests that only look at it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "draw", lambda *panels: None)
        folder = tmp_path_factory.mktemp("compared")
        return compare(STACKS, TASK, seeds=2, output=folder / "run", quiet=True)


def test_every_stack_is_trained_from_every_seed(compared):
    assert list(compared.records) == STACKS
    assert compared.seeds == 2
    for name in STACKS:
        assert compared.by_epoch(name, "val_accuracy").shape == (2, 2)
        assert compared.by_step(name, "loss").shape == (2, 4)
        assert np.isfinite(compared.by_step(name, "gradient_norm")).all()


def test_stacks_of_one_seed_start_alike_and_seeds_do_not(compared):
    first = [compared.by_step(name, "loss")[:, 0] for name in STACKS]
    assert first[0].tolist() == first[1].tolist()
    assert first[0][0] != first[0][1]


@pytest.mark.backend_free("torch")  # which is the fastest
def test_random_wrappers_change_neither_the_start_nor_the_order_of_the_samples(run):
    noise = "sgd(0.1) | gradient_noise(eta=1e-20)"
    comparison = run(["sgd(0.1)", noise])
    losses = comparison.by_step("sgd(0.1)", "loss"), comparison.by_step(noise, "loss")
    np.testing.assert_allclose(*losses, rtol=1e-6)


@pytest.mark.backend_free("torch")  # which is the fastest
def test_results_do_not_depend_on_what_else_is_compared(run, compared):
    alone = run(STACKS[1:])
    for one, other in zip(compared.records[STACKS[1]], alone.records[STACKS[1]], strict=True):
        assert same(one, other)


@pytest.mark.backend_free("torch")  # which is the fastest
def test_functions_by_name_are_compared_too(run):
    comparison = run({"half": lambda: keras.optimizers.SGD(0.5), "text": "sgd(0.5)"})
    assert same(comparison.records["half"][0], comparison.records["text"][0])


def test_a_data_set_is_trained_on_as_it_is(run):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return X[4 * index :][:4], Y[4 * index :][:4]

    comparison = run(["sgd(0.1)"], Task("batches", classifier, Batches(workers=0)), epochs=3)
    assert comparison.by_step("sgd(0.1)", "loss").shape == (2, 6)
    assert "val_loss" not in comparison.quantities


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.data is TensorFlow's")
def test_a_tf_data_set_is_trained_on_as_it_is(run):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    comparison = run(["sgd(0.1)"], Task("tf", classifier, dataset, dataset), epochs=2)
    assert comparison.by_step("sgd(0.1)", "loss").shape == (2, 6)
    assert np.isfinite(comparison.final("sgd(0.1)", "val_loss")).all()


def test_a_task_learns_on_the_first_samples(run):
    comparison = run(["sgd(0.1)"], samples=4)
    assert comparison.by_step("sgd(0.1)", "loss").shape == (2, 2)


def identity(optimizer):
    """A model whose loss is its input."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizer, loss=lambda y, outputs: keras.ops.mean(outputs), run_eagerly=True)
    return model


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_task_says_whether_samples_are_shuffled(shuffle, run):
    numbers = np.arange(8, dtype="float32")[:, None]
    task = Task("numbers", identity, (numbers, numbers), batch_size=1, shuffle=shuffle)
    [order] = run(["sgd(0.0)"], task, epochs=2, seeds=1).by_step("sgd(0.0)", "loss")
    assert sorted(order) == sorted([*range(8)] * 2)
    assert (order.tolist() == [*range(8)] * 2) is not shuffle


@pytest.mark.backend_free("torch")  # which is the fastest
def test_one_that_diverges_is_said_to_and_the_others_go_on(run, tmp_path, monkeypatch):
    monkeypatch.setattr(stepwrap.experiments.step_trace, "LOSSES_TO_GIVE_UP", 2)
    wild = "sgd(1e38)"
    steep = Task("steep", classifier, (1e30 * X[:8], Y[:8]), (X[8:], Y[8:]), batch_size=4)
    comparison = run([wild, "sgd(1e-30)"], steep, epochs=4)
    record = comparison.records[wild][0]
    assert comparison.divergences(wild)[0] == record.diverged_at
    assert not np.isfinite(record.steps["loss"][record.diverged_at - 1 :]).any()
    assert np.isfinite(record.steps["loss"][: record.diverged_at - 1]).all()
    assert np.isnan(comparison.final(wild, "val_loss")).all()
    assert comparison.divergences("sgd(1e-30)") == {}
    table = (tmp_path / "run" / "table.md").read_text()
    first = min(comparison.divergences(wild).values())
    assert f"`{wild}` | diverged at step {first} (2 of 2 seeds)" in table
    results = json.loads((tmp_path / "run" / "results.json").read_text())["results"]
    assert results[wild][0]["diverged_at_step"] == record.diverged_at
    assert results[wild][0]["val_loss"] is None


def test_one_that_makes_no_more_steps_is_told_from_the_others(run):
    stuck = "sgd(1e38) | skip_non_finite(max_consecutive_skips=2)"
    comparison = run([stuck], Task("nan", classifier, (X * np.nan, Y), epochs=2), seeds=1)
    record = comparison.records[stuck][0]
    assert "steps in a row" in record.stopped or "not finite" in record.stopped
    assert record.diverged_at == 1


# The folder, without training.


@pytest.fixture
def trained(monkeypatch):
    """The seeds that were trained, in pretence, in order."""
    return pretend_training(monkeypatch)


def test_the_folder_holds_settings_records_and_results(run, trained, tmp_path):
    run(STACKS)
    folder = tmp_path / "run"
    assert sorted(path.name for path in folder.iterdir()) == [
        "records",
        "results.csv",
        "results.json",
        "run.json",
        "table.md",
    ]
    settings = json.loads((folder / "run.json").read_text())["settings"]
    assert settings["seeds"] == [0, 1]
    assert settings["versions"]["stepwrap"] == stepwrap.__version__
    assert settings["versions"][BACKEND]
    assert len(list((folder / "records").iterdir())) == 4
    with (folder / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 2
    record = Record.load(folder / "records" / "01_seed1.npz")
    assert float(rows[-1]["loss"]) == record.epochs["loss"][-1]
    assert (rows[-1]["optimizer"], rows[-1]["seed"], rows[-1]["epoch"]) == (STACKS[1], "1", "2")


def test_a_record_is_read_as_it_was_written(run, trained, tmp_path):
    record = run(["l4adam"]).records["l4adam"][0]
    record.save(tmp_path / "again.npz")
    again = Record.load(tmp_path / "again.npz")
    assert same(record, again)
    assert (again.stopped, again.diverged_at) == (record.stopped, record.diverged_at)


def test_the_same_call_trains_only_what_is_missing(run, trained, tmp_path):
    first = run(STACKS)
    missing = tmp_path / "run" / "records" / "01_seed0.npz"
    missing.unlink()
    trained.clear()
    again = run(STACKS)
    assert trained == [0]
    for name in STACKS:
        assert all(map(same, first.records[name], again.records[name]))


def test_what_was_trained_before_an_interruption_is_kept(run, trained, tmp_path, monkeypatch):
    train, interrupted = jobs.train, []

    def interrupted_train(task, make, seed, *rest):
        if seed == 1 and not interrupted:
            interrupted.append(seed)
            raise KeyboardInterrupt
        return train(task, make, seed, *rest)

    monkeypatch.setattr(jobs, "train", interrupted_train)
    with pytest.raises(KeyboardInterrupt):
        run(STACKS)
    [kept] = (tmp_path / "run" / "records").iterdir()
    written = kept.stat().st_mtime_ns
    assert run(STACKS).seeds == 2
    assert kept.stat().st_mtime_ns == written


def test_another_run_is_not_overwritten(run, trained, tmp_path):
    run(STACKS)
    with pytest.raises(FileExistsError, match=r"another run \(epochs: 2 there, 3 here\).*--force"):
        run(STACKS, epochs=3)
    assert run(STACKS, epochs=3, force=True).epochs == 3


def test_an_older_run_that_noted_no_model_and_no_data_is_not_continued(run, trained, tmp_path):
    run(STACKS)
    path = tmp_path / "run" / "run.json"
    about = json.loads(path.read_text())
    del about["settings"]["fingerprint"], about["holds"]  # as stepwrap 0.6 wrote it
    path.write_text(json.dumps(about))
    with pytest.raises(FileExistsError, match=r"earlier stepwrap, which did not note what .*force"):
        run(STACKS)


def test_another_version_is_named(run, trained, monkeypatch):
    run(STACKS)
    before = {**run_folder.versions(), "keras": "3.0"}
    monkeypatch.setattr(run_folder, "versions", lambda: before)
    with pytest.raises(FileExistsError, match=r"\(versions of keras: '.*' there, '3.0' here\)"):
        run(STACKS)


def test_the_backend_may_be_installed_under_another_name(monkeypatch):
    def version(name):  # as with tensorflow-cpu
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert run_folder.versions()["keras"] == keras.__version__
    assert run_folder.versions()[BACKEND]


def test_force_starts_anew_and_leaves_other_files_alone(run, trained, tmp_path):
    run(STACKS)
    notes = tmp_path / "run" / "notes.txt"
    notes.write_text("mine")
    old = tmp_path / "run" / "records" / "01_seed1.npz"
    run(STACKS[:1], force=True)
    assert notes.read_text() == "mine"
    assert not old.exists()


def test_more_stacks_and_more_seeds_train_only_what_is_new(run, trained, tmp_path):
    first = run(STACKS[:1])
    trained.clear()
    second = run(STACKS[::-1])
    assert trained == [0, 1]
    assert list(second.records) == STACKS[::-1]
    assert all(map(same, first.records[STACKS[0]], second.records[STACKS[0]]))
    trained.clear()
    assert run(STACKS, seeds=3).seeds == 3
    assert trained == [2, 2]
    trained.clear()
    assert run(STACKS[1:], seeds=1).seeds == 1
    assert trained == []
    folder = tmp_path / "run"
    about = json.loads((folder / "run.json").read_text())
    # What is held, of which this was asked for, and results are shown.
    assert about["holds"] == {name: {"optimizer": name, "seeds": [0, 1, 2]} for name in STACKS}
    assert about["settings"]["stacks"] == {STACKS[1]: STACKS[1]}
    assert about["settings"]["seeds"] == [0]
    assert json.loads((folder / "results.json").read_text())["results"].keys() == {STACKS[1]}
    assert len(list((folder / "records").iterdir())) == 6


def test_a_name_keeps_its_optimizer(run, trained):
    run({"mine": "sgd(0.1)"})
    with pytest.raises(FileExistsError, match=r"'mine': sgd\(0.1\) there, sgd\(0.2\) here"):
        run({"mine": "sgd(0.2)"})


# What is trained, without training.


def constant_start(optimizer):
    model = classifier(optimizer)
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    return model


def with_loss(weight):
    """A task whose model has a loss of one's own."""

    def model(optimizer):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        model.compile(optimizer, loss=lambda y, logits: weight * keras.ops.mean(logits))
        return model

    return dataclasses.replace(TASK, model=model)


def wider(optimizer):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile(optimizer, loss="mse")
    return model


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (dict(model=wider), "model: not the same; loss and metrics: not the same; initial weights"),
        (dict(model=constant_start), r"run \(initial weights: not the same"),
        (dict(train=(X[:8] + 1, Y[:8])), r"run \(training data: not the same\)"),
        (dict(train=(X[:8], 1 - Y[:8])), r"run \(training data: not the same\)"),
        (dict(test=None), r"run \(test data: not the same\)"),
        (dict(shuffle=False), r"run \(training data: not the same\)"),
    ],
)
def test_another_model_or_other_data_are_another_run(changed, what, run, trained):
    run(STACKS)
    with pytest.raises(FileExistsError, match=rf"{what}.*--force"):
        run(STACKS, dataclasses.replace(TASK, **changed))


def test_another_loss_of_ones_own_is_another_run(run, trained):
    run(STACKS, with_loss(1.0))
    trained.clear()
    run(STACKS, with_loss(1.0))
    assert trained == []
    with pytest.raises(FileExistsError, match="loss and metrics: not the same"):
        run(STACKS, with_loss(2.0))


def test_another_optimizer_function_is_another_run(run, trained):
    rate = 0.1
    stacks = {
        "changed": lambda: keras.optimizers.SGD(rate),
        "not": lambda: stepwrap.GradientNoise(keras.optimizers.SGD(0.1)),
    }
    run(stacks)
    rate = 0.2
    with pytest.raises(FileExistsError, match="code or settings of optimizer 'changed': not"):
        run(stacks)
    trained.clear()
    stacks["not"] = lambda: stepwrap.GradientNoise(keras.optimizers.SGD(0.1))  # a comment
    rate = 0.1
    run(stacks)
    assert trained == []


def test_another_code_of_ones_own_wrapper_is_another_run():
    def wrapper(factor):
        class Scaled(stepwrap.OptimizerWrapper):
            def transform_gradients(self, gradients, variables):
                return [factor * gradient for gradient in gradients]

        return fingerprint.of_optimizer("sgd | scaled", Scaled("sgd"))

    assert wrapper(2) == wrapper(2) != wrapper(3)
    assert fingerprint.of_optimizer("sgd", keras.optimizers.SGD()) == {"optimizer": "sgd"}


SCRIPT = """
import keras, numpy as np
from stepwrap.experiments import Task, fingerprint

SIZES = {"hidden": 3}
KINDS = frozenset(["relu", "tanh", "gelu", "selu"])

class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs

def weighted(y, outputs):
    return keras.ops.mean((y - outputs) ** 2) * SIZES["hidden"]

def model(optimizer):
    assert "relu" in KINDS and "relu" in {"relu", "tanh"}
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(SIZES["hidden"])(inputs)
    hidden = keras.layers.Lambda(lambda value: value + 1)(Doubled()(hidden))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile(optimizer, loss=weighted, metrics=["mae", weighted])
    return model

x = np.arange(8, dtype="float32").reshape(4, 2)
print(fingerprint.of_task(Task("t", model, (x, x[:, :1]))))
"""


@pytest.mark.long
@pytest.mark.backend_free("torch")  # which starts fastest
def test_the_same_is_the_same_in_another_process_and_the_second_time(tmp_path, capsys):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    for _ in range(2):  # Keras counts its layers
        runpy.run_path(str(path))
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    other = subprocess.run(
        [sys.executable, path],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert other.stdout.splitlines() == [first]
    path.write_text(SCRIPT.replace("2 * inputs", "3 * inputs"))
    runpy.run_path(str(path))
    changed = capsys.readouterr().out.splitlines()[0]
    assert changed != first


class Batches(keras.utils.PyDataset):
    """One batch of all."""

    def __init__(self, *arrays):
        super().__init__(workers=0)
        self.arrays = arrays

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.arrays


class Drawn(keras.utils.PyDataset):
    """Batches that are others each time, or not."""

    def __init__(self, random):
        super().__init__(workers=0)
        self.random = random

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[:4] + self.random.normal(), Y[:4]


def of_training_data(data):
    return fingerprint.of_task(Task("t", classifier, data))["training data"]


def test_a_data_set_that_draws_its_batches_is_the_same_the_second_time():
    data = Drawn(np.random.default_rng())
    assert of_training_data(data) == of_training_data(data)
    fixed = types.SimpleNamespace(normal=lambda: 0), types.SimpleNamespace(normal=lambda: 1)
    assert of_training_data(Drawn(fixed[0])) != of_training_data(Drawn(fixed[1]))


class Deferred(keras.Model):
    """A model that has no weights before its first batch, and no configuration."""

    def __init__(self, start):
        super().__init__()
        self.dense = keras.layers.Dense(2, kernel_initializer=start)

    def call(self, inputs):
        return self.dense(inputs["x"])


@pytest.mark.parametrize("data", [({"x": X}, Y), Batches({"x": X}, Y)], ids=["arrays", "data set"])
def test_weights_that_wait_for_the_first_batch_count_too(data):
    def of_weights(start):
        def model(optimizer):
            model = Deferred(start)
            model.compile(optimizer, loss="mse")
            return model

        return fingerprint.of_task(Task("t", model, data))["initial weights"]

    ones = lambda shape, dtype: keras.ops.ones(shape, dtype)  # noqa: E731
    assert of_weights("ones") == of_weights(ones) != of_weights("zeros")


def test_nothing_is_taken_from_data_that_can_be_gone_through_once():
    batches = iter([(X[:4], Y[:4]), (X[4:], Y[4:])])
    of_training_data(batches)
    assert len(list(batches)) == 2


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.data is TensorFlow's")
def test_a_tf_data_set_is_known_by_its_first_elements():
    import tensorflow as tf

    def batches(x):
        return tf.data.Dataset.from_tensor_slices((x, Y)).batch(4)

    assert of_training_data(batches(X)) == of_training_data(batches(X))
    assert of_training_data(batches(X)) != of_training_data(batches(X + 1))
    assert of_training_data(batches(X)) != of_training_data(batches(X).take(2))
    shuffled = batches(X).shuffle(3)
    assert of_training_data(shuffled) == of_training_data(shuffled)


def test_a_large_array_is_known_by_parts_from_everywhere(monkeypatch):
    array = np.zeros((100, 100), "float32")
    monkeypatch.setattr(digests, "WHOLE", 1000)
    monkeypatch.setattr(digests, "STRETCH", 100)
    first, last = array.copy(), array.copy()
    first[0, 0] = last[-1, -1] = 1
    assert len({digests.digest(one) for one in (array, first, last, array.T[:50], array[1:])}) == 5
    assert digests.digest(array) == digests.digest(np.asfortranarray(array))


def test_what_code_refers_to_counts_and_circles_end():
    registry = {}

    def made(value):
        def make():
            return registry, value

        registry["make"] = make
        return digests.digest(make)

    assert made(1) == made(1) != made(2)
    assert digests.digest(len, np.exp, json.dumps) == digests.digest(len, np.exp, json.dumps)
    cached = [functools.cache(lambda number=number: number) for number in (1, 1, 2)]
    one, same, other = map(digests.digest, cached)
    assert one == same != other

    class Lazy:
        def __getattr__(self, name):
            raise ImportError(name)

    assert digests.digest(Lazy()) == digests.digest(Lazy())
    assert digests.digest({"a": 1, "b": {2, 3}}) == digests.digest({"b": {3, 2}, "a": 1})


def test_a_folder_of_other_files_is_left_alone(run, trained, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("")
    with pytest.raises(FileExistsError, match="files that are no run"):
        run(STACKS)


def test_settings_that_cannot_be_read_are_another_run(run, trained, tmp_path):
    run(STACKS)
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(FileExistsError, match="cannot be read"):
        run(STACKS)


def test_a_folder_that_cannot_be_made_is_said_before_training(run, trained, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Cannot write the results to the output folder"):
        run(STACKS, output=tmp_path / "file" / "run")
    assert trained == []


def test_a_full_disk_is_said_before_training(run, trained):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))  # as large as a file may be
    try:
        with pytest.raises(OSError, match="Cannot write the results"):
            run(STACKS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert trained == []


# Processes.


@pytest.mark.long
@pytest.mark.backend_free("torch")  # which starts fastest
def test_processes_give_the_same_results(tmp_path):
    options = dict(task="digits-mlp", epochs=1, samples=64, seeds=2, quiet=True)
    one = compare(STACKS, output=tmp_path / "one", **options)
    two = compare(STACKS, output=tmp_path / "two", jobs=2, **options)
    for name in STACKS:
        assert all(map(same, one.records[name], two.records[name]))


def test_what_cannot_be_sent_to_processes_is_refused(run):
    task = Task("mine", lambda optimizer: classifier(optimizer), (X, Y))
    with pytest.raises(TypeError, match=r"functions of a module.*Write `jobs=1`"):
        run(STACKS, task, jobs=2)


# Bad input.


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(stacks=[]), ValueError, "must have at least one"),
        (dict(stacks="adam"), TypeError, "a list of texts"),
        (dict(stacks=["adam", "adam"]), ValueError, "Received twice: 'adam'"),
        (dict(stacks=["adamm"]), ValueError, r"Did you mean 'adam'"),
        (dict(stacks=["adam | normalized(epsilon=1)"]), TypeError, r"\^"),
        (dict(stacks={"mine": keras.optimizers.SGD()}), TypeError, "anew for each seed"),
        (dict(stacks={"mine": lambda: 3}), TypeError, "no optimizer, but 3"),
        (dict(task="digits-mpl"), ValueError, "Did you mean 'digits-mlp'"),
        (dict(task=3), TypeError, "`task` must be the name"),
        (dict(epochs=0), ValueError, "`epochs`.*epochs=0"),
        (dict(seeds=0), ValueError, "`seeds`.*seeds=0"),
        (dict(seeds=1.5), TypeError, "`seeds`"),
        (dict(samples=-1), ValueError, "`samples`"),
        (dict(jobs=0), ValueError, "`jobs`"),
        (dict(task="mnist-mlp", data="nowhere"), FileNotFoundError, r"nowhere.*mnist\.npz"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(arguments, error, message, run, tmp_path):
    with pytest.raises(error, match=message):
        run(**{"stacks": STACKS, **arguments})
    assert not (tmp_path / "run").exists()


def compiled_with_another(optimizer):
    return classifier("sgd")


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (lambda optimizer: None, TypeError, "returned None, no keras.Model"),
        (compiled_with_another, ValueError, "not compiled with the optimizer it was given"),
        (lambda optimizer: keras.Sequential(), ValueError, "not compiled with"),
    ],
)
def test_a_model_that_cannot_be_compared_is_refused(model, error, message, run, tmp_path):
    with pytest.raises(error, match=message):
        run(STACKS, Task("mine", model, (X, Y)))
    assert not (tmp_path / "run").exists()


def test_an_error_in_training_says_where_it_happened(run, monkeypatch):
    def train(*arguments):
        raise ValueError("too hot")

    monkeypatch.setattr(jobs, "train", train)
    with pytest.raises(ValueError, match="too hot") as caught:
        run(STACKS)
    assert caught.value.__notes__ == ["This happened in the training of 'sgd(0.1)' from seed 0."]


@pytest.mark.parametrize(
    ("argument", "value", "error", "message"),
    [
        ("model", None, TypeError, "`model` must be a function that takes an optimizer"),
        ("model", keras.Sequential(), TypeError, "`model` must be a function"),
        ("epochs", 0, ValueError, "`epochs`.*epochs=0"),
        ("batch_size", 1.5, TypeError, "`batch_size`.*batch_size=1.5"),
        ("shuffle", 1, TypeError, "`shuffle`.*shuffle=1"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(argument, value, error, message):
    with pytest.raises(error, match=message):
        dataclasses.replace(TASK, **{argument: value})


def test_samples_of_a_data_set_are_refused(run):
    with pytest.raises(ValueError, match=r"samples=3.*is for arrays"):
        run(STACKS, Task("mine", classifier, [(X, Y)]), samples=3)


# Comparisons.


def record(losses, diverged_at=None):
    return Record(
        epochs={"loss": np.array(losses), "seconds": np.ones(len(losses))},
        steps={"loss": np.repeat(losses, 2)},
        diverged_at=diverged_at,
    )


def test_runs_of_different_lengths_end_in_nan():
    comparison = Comparison("t", 3, False, {"a": [record([3.0, 2, 1]), record([5.0], 2)]})
    np.testing.assert_equal(comparison.by_epoch("a", "loss"), [[3, 2, 1], [5, np.nan, np.nan]])
    np.testing.assert_equal(comparison.by_step("a", "loss")[1], [5, 5] + 4 * [np.nan])
    np.testing.assert_equal(comparison.final("a", "loss"), [1, np.nan])
    assert comparison.divergences("a") == {1: 2}


def two(**finals):
    """Two optimizers, for which quantities were measured at the end of each of two seeds."""

    def one(seed, number):
        values = {
            name: np.array([np.nan, values[number] + seed]) for name, values in finals.items()
        }
        return Record(epochs={**values, "seconds": np.ones(2)}, steps={"loss": np.ones(4)})

    records = {name: [one(seed, place) for seed in (0, 1)] for place, name in enumerate("ab")}
    return Comparison("digits", 2, False, records)


def test_a_comparison_is_shown_in_a_line():
    assert repr(two(loss=(1, 2))) == "<Comparison on digits: 2 optimizers, 2 epochs, 2 seeds>"


@pytest.mark.parametrize(
    ("finals", "best"),
    [
        (dict(loss=(1, 2)), "a"),
        (dict(loss=(1, 2), val_loss=(2, 1)), "b"),
        (dict(loss=(1, 2), val_loss=(1, 2), val_accuracy=(1, 2)), "b"),
        (dict(loss=(2, 1), val_loss=(2, 1), val_mean_absolute_error=(1, 2)), "a"),
        (dict(loss=(2, 1), val_loss=(1, 2), val_mean_io_u=(1, 2)), "b"),
        (dict(loss=(2, 1), val_loss=(1, 2), val_swing=(2, 1)), "a"),
        (dict(loss=(np.nan, 2)), "b"),
    ],
)
def test_the_best_is_that_of_the_test_data(finals, best):
    assert two(**finals).best() == best


def test_the_best_by_a_quantity_that_is_named():
    comparison = two(loss=(1, 2), val_accuracy=(1, 2), val_swing=(1, 2))
    assert comparison.best("loss") == "a"
    assert comparison.best("val_swing", highest=True) == "b"
    with pytest.raises(ValueError, match="'val_swing' is to be high or low is not known"):
        comparison.best("val_swing")
    with pytest.raises(ValueError, match=r"`quantity` must be one of .*'val_speed'"):
        comparison.best("val_speed")
    with pytest.raises(ValueError, match="There is no best"):
        two(loss=(np.nan, np.nan)).best()


def test_a_comparison_gives_its_table_and_a_data_frame(monkeypatch):
    comparison = two(loss=(1, 2), val_accuracy=(0.1, 0.2))
    assert comparison.table().splitlines()[2] == "| a | 1.50 ± 0.5 | 60.0 % ± 50.0 | 1 |"
    monkeypatch.setitem(sys.modules, "pandas", None)  # as if it were not there
    with pytest.raises(ModuleNotFoundError, match="Run: pip install pandas"):
        comparison.to_dataframe()
    frames = types.SimpleNamespace(DataFrame=lambda rows, columns: (columns, rows))
    monkeypatch.setitem(sys.modules, "pandas", frames)
    columns, rows = comparison.to_dataframe()
    assert columns[:3] == ["optimizer", "seed", "epoch"]
    assert len(rows) == 2 * 2 * 2
    assert rows[-1][:3] == ["b", 1, 2]
    assert rows[-1][columns.index("loss")] == 3


def test_a_table_has_a_row_for_each_stack():
    records = {"adam | normalized": [record([3.0, 1.0]), record([3.0, 2.0])]}
    comparison = Comparison("t", 2, False, records)
    columns, [row] = headings(comparison), final_rows(comparison)
    assert columns == ["optimizer", "training loss", "seconds per epoch"]
    assert row == ["adam | normalized", "1.50 ± 0.5", "1"]
    assert tables.markdown(columns, map(tables.coded, [row])).splitlines() == [
        "| optimizer | training loss | seconds per epoch |",
        "| --- | ---: | ---: |",
        r"| `adam \| normalized` | 1.50 ± 0.5 | 1 |",
    ]


def shown(table, width):
    console = rich.console.Console(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


COLUMNS = ["optimizer", "training loss", "test accuracy", "loss, epoch 10", "seconds per epoch"]
ROWS = [
    ["sgd", "1.23e-05 ± 2e-06", "97.1 % ± 10.3", "0.111 ± 0.002", "0.12"],
    ["rmsprop | normalized | lookahead(5, 0.5)", "diverged at step 1,234", "–", "–", "0.1"],
    ["somebody's", "", "98.39 (35 epochs)", "", ""],
]


@pytest.mark.parametrize("width", [40, 60, 76, 77, 80, 100, 200])
def test_a_table_fits_the_terminal_and_no_number_is_cut(width):
    text = shown(tables.Terminal("digits, 30 epochs, mean", COLUMNS, ROWS), width)
    assert max(map(len, text.splitlines())) <= width
    for cell in ROWS[0]:
        assert cell in text
    for words in [*COLUMNS[1:], *map(" ".join, ROWS), "digits, 30 epochs, mean"]:
        for word in words.split():
            assert word in text


def test_a_table_that_does_not_fit_has_a_block_for_each_row():
    text = shown(tables.Terminal("digits", COLUMNS, ROWS), 60)
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    assert blocks[1] == [
        "sgd",
        "  training loss      1.23e-05 ± 2e-06",
        "  test accuracy      97.1 % ± 10.3",
        "  loss, epoch 10     0.111 ± 0.002",
        "  seconds per epoch  0.12",
    ]
    assert blocks[3] == ["somebody's", "  test accuracy      98.39 (35 epochs)"]


# Sweeps.


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("1e-4:1e-1:log4", [1e-4, 1e-3, 1e-2, 1e-1]),
        ("0.1:0.5:lin5", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("1e-3,0.5", [1e-3, 0.5]),
        ("0.1", [0.1]),
    ],
)
def test_learning_rates_are_read(text, rates):
    assert parse_learning_rates(text) == rates


@pytest.mark.parametrize(
    "text", ["", "a", "1:2", "0:1:log3", "1e-3:-1:lin2", "1e-3:1:log0", "1:2:cubic3", "nan", "1,,2"]
)
def test_other_texts_are_no_learning_rates(text):
    with pytest.raises(ValueError, match=r"FROM:TO:logN"):
        parse_learning_rates(text)


@pytest.mark.backend_free("torch")  # which is the fastest
def test_a_sweep_finds_the_best_learning_rate(tmp_path):
    template = "sgd(LR) | normalized"
    comparison = sweep([template], [1e-6, 0.1], TASK, output=tmp_path / "run", seeds=1, quiet=True)
    assert list(comparison.records) == ["sgd(1e-06) | normalized", "sgd(0.1) | normalized"]
    row = (tmp_path / "run" / "table.md").read_text().splitlines()[-1]
    assert row.startswith(r"| `sgd(LR) \| normalized` | 0.1 |")
    assert (tmp_path / "run" / "results.png").exists()


def test_a_sweep_is_decided_by_the_test_data_and_says_so(tmp_path, monkeypatch, trained):
    monkeypatch.setattr(sweeping, "draw", lambda panels, *others: drawn.extend(panels))
    train, drawn = jobs.train, []

    def overfitting(task, make, seed, *rest):
        """The higher the learning rate, the lower the training loss, and the accuracy; or none."""
        record = train(task, make, seed, *rest)
        rate = float(make().learning_rate)
        ends = {"loss": 1 - rate, "val_accuracy": 0.9 - rate + seed / 100}
        epochs = {**record.epochs, **{name: np.full(2, end) for name, end in ends.items()}}
        lost = 1 if rate > 0.3 and (seed or rate > 0.6) else None
        return dataclasses.replace(record, epochs=epochs, diverged_at=lost)

    monkeypatch.setattr(jobs, "train", overfitting)
    options = dict(output=tmp_path / "run", seeds=2, quiet=True)
    sweep(["sgd(LR)"], [0.1, 0.2, 0.4], TASK, **options)
    trained.clear()
    comparison = sweep(["sgd(LR)"], [0.1, 0.2, 0.4, 0.8], TASK, **options)
    assert trained == [0, 1]
    assert comparison.best() == "sgd(0.1)"
    assert (tmp_path / "run" / "table.md").read_text().splitlines() == [
        "Final test accuracy: signs, 2 epochs, mean ± deviation over 2 seeds",
        "",
        "| optimizer | best LR | LR = 0.1 | LR = 0.2 | LR = 0.4 | LR = 0.8 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| `sgd(LR)` | 0.1 | 80.5 % ± 0.5 | 70.5 % ± 0.5 | 1/2 diverged | diverged |",
    ]
    assert [panel.ylabel for panel in drawn[-2:]] == ["final test accuracy", "final training loss"]


@pytest.mark.parametrize(
    ("templates", "rates", "message"),
    [
        (["adam(1e-3)"], [0.1], "has no `LR`"),
        (["adam(LRX)"], [0.1], "has no `LR`"),
        (["adam(LR)"], [], "at least one learning rate"),
        (["adam(LR)"], [math.inf], "finite number above 0"),
    ],
)
def test_a_sweep_without_learning_rates_is_refused(templates, rates, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        sweep(templates, rates, TASK, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()
