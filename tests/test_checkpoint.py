"""A training that was interrupted ends as one that was not."""

import functools
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

pytest.importorskip("rich")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

import cases
from cases import BACKEND
from stepwrap import parse
from stepwrap.experiments import Record, Task, checkpoint, compare, random_state, report, training

EPOCHS = 4
X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int32")


def noisy_classifier(optimizer):
    """With seeds and statistics of its own."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss=loss, metrics=["accuracy"], run_eagerly=True)
    return model


TASK = Task("signs", noisy_classifier, (X[:16], Y[:16]), (X[16:], Y[16:]), EPOCHS, batch_size=4)
STACKS = ["adam(0.01)", "l4adam | gradient_noise | moving_average"]


@pytest.fixture(autouse=True)
def a_checkpoint_after_every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoint"


def train(stack, folder, task=TASK, on_epoch=lambda seconds: None):
    return training.train(task, lambda: parse(stack), 0, EPOCHS, folder, on_epoch)


class Interruption:
    """Ctrl-C after some epochs, with the random numbers of another program afterwards."""

    def __init__(self, epochs):
        self.epochs = epochs

    def __call__(self, seconds):
        self.epochs -= 1
        if not self.epochs:
            raise KeyboardInterrupt


def interrupt(stack, folder, epochs, task=TASK):
    with pytest.raises(KeyboardInterrupt):
        train(stack, folder, task, Interruption(epochs))
    keras.utils.set_random_seed(7)


def assert_same(record, other):
    for one, another in ((record.epochs, other.epochs), (record.steps, other.steps)):
        assert list(one) == list(another)
        for name in one.keys() - {"seconds"}:
            assert one[name].tobytes() == another[name].tobytes(), name
    assert len(record.epochs["seconds"]) == len(other.epochs["seconds"])
    assert (record.stopped, record.diverged_at) == (other.stopped, other.diverged_at)


# Records.


@pytest.mark.parametrize(
    "stack", cases.whole_on("torch", {stack: stack for stack in STACKS}, STACKS[1:])
)
def test_a_record_is_that_of_a_training_without_interruption(stack, folder, tmp_path):
    uninterrupted = train(stack, tmp_path / "other")
    interrupt(stack, folder, 2)
    assert checkpoint.epochs_done(folder) == 2
    seconds = []
    assert_same(train(stack, folder, on_epoch=seconds.append), uninterrupted)
    assert len(seconds) == EPOCHS - 2


@pytest.mark.backend_free("torch")  # which is the fastest
def test_it_goes_on_from_the_last_checkpoint_not_the_last_epoch(folder, tmp_path, monkeypatch):
    uninterrupted = train(STACKS[0], tmp_path / "other")
    interrupt(STACKS[0], folder, 2)
    monkeypatch.setattr(checkpoint, "SECONDS", 3600)
    interrupt(STACKS[0], folder, 2)
    assert checkpoint.epochs_done(folder) == 2
    assert_same(train(STACKS[0], folder), uninterrupted)


@pytest.mark.backend_free("torch")  # which is the fastest
def test_the_last_epoch_may_have_been_trained_already(folder, tmp_path):
    uninterrupted = train(STACKS[1], tmp_path / "other")
    interrupt(STACKS[1], folder, EPOCHS)
    assert checkpoint.epochs_done(folder) == EPOCHS
    assert_same(train(STACKS[1], folder), uninterrupted)


@pytest.mark.backend_free("torch")  # which is the fastest
def test_what_diverges_stops_at_the_same_step(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("stepwrap.experiments.step_trace.LOSSES_TO_GIVE_UP", 9)
    task = Task("steep", noisy_classifier, (1e30 * X, Y), epochs=EPOCHS, batch_size=4)
    uninterrupted = train("sgd(1e38)", tmp_path / "other", task)
    assert len(uninterrupted.epochs["loss"]) == 2
    interrupt("sgd(1e38)", folder, 1, task)
    assert_same(train("sgd(1e38)", folder, task), uninterrupted)
    assert checkpoint.epochs_done(folder) == 1  # after that, training had stopped


class Batches(keras.utils.PyDataset):
    """Batches in an order that Keras draws."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X[4 * index :][:4], Y[4 * index :][:4]


@pytest.mark.backend_free("torch")  # which is the fastest
def test_a_data_set_is_gone_on_with(folder, tmp_path):
    task = Task("batches", noisy_classifier, Batches(workers=0), epochs=EPOCHS)
    uninterrupted = train(STACKS[0], tmp_path / "other", task)
    interrupt(STACKS[0], folder, 3, task)
    assert_same(train(STACKS[0], folder, task), uninterrupted)


# Checkpoints.


@pytest.mark.backend_free("torch")  # which is the fastest
@pytest.mark.parametrize("file", ["latest.weights.h5", checkpoint.COURSE])
def test_a_damaged_checkpoint_is_said_and_not_used(file, folder, tmp_path):
    uninterrupted = train(STACKS[0], tmp_path / "other")
    interrupt(STACKS[0], folder, 2)
    [damaged] = folder.glob(f"*/{file}")
    os.truncate(damaged, 20)
    with pytest.warns(UserWarning, match=r"is damaged: .* The training starts anew"):
        record = train(STACKS[0], folder)
    assert_same(record, uninterrupted)


@pytest.mark.backend_free("torch")  # which is the fastest
def test_a_damaged_checkpoint_counts_no_epochs(folder):
    (folder / "000001").mkdir(parents=True)
    (folder / "000001" / checkpoint.COURSE).write_bytes(b"PK")
    assert checkpoint.epochs_done(folder) == 0
    assert checkpoint.epochs_done(folder / "nowhere") == 0


@pytest.mark.backend_free("torch")  # which is the fastest
def test_time_has_to_pass_before_a_checkpoint(folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 3600)
    train(STACKS[0], folder)
    assert not folder.exists()


class Late(keras.Model):
    """A model that is built when it is first called."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


def test_a_model_that_is_built_late_has_checkpoints_too(folder, tmp_path):
    def model(optimizer):
        model = Late()
        model.compile(optimizer, loss="mse", run_eagerly=True)
        return model

    task = Task("late", model, (X, Y[:, None]), epochs=EPOCHS)
    uninterrupted = train(STACKS[0], tmp_path / "other", task)
    interrupt(STACKS[0], folder, 2, task)
    assert_same(train(STACKS[0], folder, task), uninterrupted)


def test_the_states_of_all_random_numbers_come_back():
    keras.utils.set_random_seed(3)
    state = random_state.get()
    drawn = draw()
    assert draw() != drawn
    random_state.put(state)
    assert draw() == drawn


def draw():
    """A number of each kind."""
    numbers = [random.gauss(0, 1), np.random.normal()]
    if BACKEND == "torch":
        import torch

        numbers.append(torch.rand(()).item())
    return numbers


# Comparisons.


@pytest.mark.backend_free("torch")  # which is the fastest
def test_a_comparison_goes_on_within_a_seed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "draw", lambda *panels: None)
    options = dict(task=TASK, seeds=2)
    first = compare(STACKS[:1], output=tmp_path / "whole", quiet=True, **options)
    monkeypatch.setattr(
        "stepwrap.experiments.jobs.train", functools.partial(interrupted_train, training.train)
    )
    with pytest.raises(KeyboardInterrupt):
        compare(STACKS[:1], output=tmp_path / "run", quiet=True, **options)
    records = tmp_path / "run" / "records"
    assert [path.name for path in records.iterdir()] == ["00_seed0.checkpoint"]
    monkeypatch.setattr("stepwrap.experiments.jobs.train", training.train)
    again = compare(STACKS[:1], output=tmp_path / "run", **options)
    assert f"{STACKS[0]}, seed 0 goes on after 2 of {EPOCHS} epochs." in capsys.readouterr().out
    for one, other in zip(first.records[STACKS[0]], again.records[STACKS[0]], strict=True):
        assert_same(one, other)
    assert sorted(path.name for path in records.iterdir()) == ["00_seed0.npz", "00_seed1.npz"]


def interrupted_train(train, *arguments):
    *others, _ = arguments
    return train(*others, Interruption(2))


@pytest.mark.backend_free("torch")  # which is the fastest
def test_force_forgets_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "draw", lambda *panels: None)
    monkeypatch.setattr(
        "stepwrap.experiments.jobs.train", functools.partial(interrupted_train, training.train)
    )
    options = dict(task=TASK, seeds=1, output=tmp_path / "run", quiet=True)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            compare(STACKS[:1], force=True, **options)
    folder = tmp_path / "run" / "records" / "00_seed0.checkpoint"
    assert checkpoint.epochs_done(folder) == 2


PROGRAM = """
import sys
from stepwrap.experiments import checkpoint, compare

checkpoint.SECONDS = 0
if __name__ == "__main__":
    compare({stacks}, "digits-mlp", epochs=30, samples=256, seeds=1, output=sys.argv[1], quiet=True)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="its signals are others")
def test_a_killed_process_goes_on_within_a_seed(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(stacks=STACKS[1:]))
    command = [sys.executable, str(program)]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, timeout=300)
    process = subprocess.Popen([*command, str(tmp_path / "run")])
    checkpoints = tmp_path / "run" / "records" / "00_seed0.checkpoint"
    while checkpoint.epochs_done(checkpoints) < 3 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    assert process.wait(timeout=60) == -signal.SIGKILL
    done = checkpoint.epochs_done(checkpoints)
    assert 3 <= done < 30
    subprocess.run([*command, str(tmp_path / "run")], check=True, timeout=300)
    assert not checkpoints.exists()
    record = pathlib.Path("records", "00_seed0.npz")
    assert_same(Record.load(tmp_path / "run" / record), Record.load(tmp_path / "whole" / record))
