"""BackupAndRestore: whatever a kill leaves of the backup, training ends the same."""

import inspect
import os
import pathlib
import sys

import keras
import pytest

import cases
from stepwrap.callbacks import BackupAndRestore

EAGER = dict(jit_compile=False, run_eagerly=True)
EPOCHS = 2


def make_model():
    return cases.model(cases.AveragedGradient(keras.optimizers.Adam(0.01)), **EAGER)


def contents(folder):
    """Every folder and file inside, the inner ones after the outer ones, with what is in it."""
    found = {}
    for entry in os.scandir(folder):
        found[entry.path] = None if entry.is_dir() else pathlib.Path(entry).read_bytes()
        if entry.is_dir():
            found.update(contents(entry))
    return found


def put_back(state, folder):
    """Leaves in the folder what `contents` found."""
    for path in reversed(contents(folder)):
        os.rmdir(path) if os.path.isdir(path) else os.remove(path)
    for path, content in state.items():
        os.mkdir(path) if content is None else pathlib.Path(path).write_bytes(content)


class Watch:
    """What is in a folder after each function that a callback calls has returned.

    That is what a kill at that moment would leave: what the process has in memory has
    not reached the folder.
    """

    def __init__(self, folder):
        self.folder = folder
        self.states = [contents(folder)]

    def _note(self, frame, event, argument):
        if event in ("return", "c_return"):
            state = contents(self.folder)
            if state != self.states[-1]:
                self.states.append(state)

    def over(self, callback):
        for name in ("on_train_begin", "on_epoch_end", "on_train_end"):
            setattr(callback, name, self._watched(getattr(callback, name)))
        return callback

    def _watched(self, hook):
        def watched_hook(*arguments):
            sys.setprofile(self._note)
            try:
                hook(*arguments)
            finally:
                sys.setprofile(None)

        return watched_hook


class Restarts:
    """Trainings of one model from the same start, as restarted programs do them."""

    def __init__(self, network):
        self.network = network
        network.optimizer.build(network.trainable_variables)
        self.start = cases.state(network)
        self.end = self.train()

    def train(self, *callbacks):
        variables = [*self.network.weights, *self.network.optimizer.variables]
        for variable, value in zip(variables, self.start, strict=True):
            variable.assign(value)
        self.network._initial_epoch = None  # which outlives a `fit`, but not a process
        cases.fit(self.network, EPOCHS, callbacks=callbacks)
        return cases.state(self.network)

    def outcome(self, callback):
        """How a restart ends: "same", "different", or with which error."""
        try:
            end = self.train(callback)
        except Exception as error:
            return type(error).__name__
        same = all(
            one.tobytes() == other.tobytes() for one, other in zip(end, self.end, strict=True)
        )
        return "same" if same else "different"


def outcomes_of_every_state(network, make_callback, folder):
    restarts = Restarts(network)
    watch = Watch(folder)
    restarts.train(watch.over(make_callback()))
    outcomes = []
    for state in watch.states:
        put_back(state, folder)
        outcomes.append(restarts.outcome(make_callback()))
    return outcomes


@pytest.mark.long
@pytest.mark.backend_free("torch")  # which is the fastest
def test_from_every_state_of_the_folder_training_ends_the_same(tmp_path):
    outcomes = outcomes_of_every_state(
        make_model(), lambda: BackupAndRestore(tmp_path / "backup"), tmp_path
    )
    assert len(outcomes) > 15 * EPOCHS
    assert set(outcomes) == {"same"}


@pytest.mark.long
@pytest.mark.backend_free("torch")  # which is the fastest
def test_with_the_callback_of_keras_it_does_not(tmp_path):
    """Not even with SGD. If this fails, Keras' own has become safe."""
    outcomes = outcomes_of_every_state(
        cases.model(keras.optimizers.SGD()),
        lambda: keras.callbacks.BackupAndRestore(tmp_path / "backup", double_checkpoint=True),
        tmp_path,
    )
    assert {"same", "different", "OSError", "JSONDecodeError"} <= set(outcomes)


class Stop(keras.callbacks.Callback):
    """Breaks training off at the start of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def train_until(epoch, callback):
    network = make_model()
    with pytest.raises(KeyboardInterrupt):
        cases.fit(network, epoch + 1, callbacks=[callback, Stop(epoch)])
    return network


def names(folder):
    return sorted(os.listdir(folder))


def test_the_state_of_an_optimizer_that_is_not_built_comes_back(tmp_path):
    trained = train_until(1, BackupAndRestore(tmp_path))
    fresh = make_model()
    assert not fresh.optimizer.built
    callback = BackupAndRestore(tmp_path)
    callback.set_model(fresh)
    callback.on_train_begin()
    cases.assert_equal(cases.state(fresh), cases.state(trained))


def test_the_seeds_of_layers_come_back(tmp_path):
    """Keras leaves them out."""

    def network():
        keras.utils.set_random_seed(1)
        layers = [keras.Input((4,)), keras.layers.Dropout(0.5, seed=3), keras.layers.Dense(1)]
        network = keras.Sequential(layers)
        network.compile("sgd", loss="mse", **EAGER)
        return network

    uninterrupted = network()
    losses = cases.fit(uninterrupted, 4)["loss"]
    with pytest.raises(KeyboardInterrupt):
        cases.fit(network(), 3, callbacks=[BackupAndRestore(tmp_path), Stop(2)])
    assert cases.fit(network(), 4, callbacks=[BackupAndRestore(tmp_path)])["loss"] == losses[2:]


@pytest.mark.parametrize(
    "double_checkpoint, kept", [(False, ["000003"]), (True, ["000002", "000003"])]
)
def test_how_many_backups_are_kept(double_checkpoint, kept, tmp_path):
    train_until(3, BackupAndRestore(tmp_path, double_checkpoint=double_checkpoint))
    assert names(tmp_path) == kept


@pytest.mark.parametrize("damaged", ["latest.weights.h5", "training_metadata.json"])
@pytest.mark.parametrize("rest", [0, pytest.param(20, marks=pytest.mark.long)])
def test_a_damaged_backup_is_passed_over(damaged, rest, tmp_path):
    uninterrupted = make_model()
    cases.fit(uninterrupted, 4)
    train_until(3, BackupAndRestore(tmp_path, double_checkpoint=True))
    os.truncate(tmp_path / "000003" / damaged, rest)
    restarted = make_model()
    with pytest.warns(UserWarning, match="000003 cannot be restored: .* Trying the one before"):
        history = cases.fit(
            restarted, 4, callbacks=[BackupAndRestore(tmp_path, double_checkpoint=True)]
        )
    assert len(history["loss"]) == 2
    cases.assert_equal(cases.state(restarted), cases.state(uninterrupted))


def test_if_none_can_be_restored_there_is_an_error(tmp_path):
    train_until(1, BackupAndRestore(tmp_path))
    os.truncate(tmp_path / "000001" / "latest.weights.h5", 100)
    with pytest.raises(OSError, match="truncated"):
        cases.fit(make_model(), callbacks=[BackupAndRestore(tmp_path)])
    assert names(tmp_path) == ["000001"]


@pytest.mark.parametrize("deleted", [True, False])
def test_whether_the_backups_are_deleted_at_the_end(deleted, tmp_path):
    folder = tmp_path / "backup"
    cases.fit(make_model(), 2, callbacks=[BackupAndRestore(folder, delete_checkpoint=deleted)])
    assert folder.exists() != deleted
    assert deleted or names(folder) == ["000002"]


def test_a_training_that_has_ended_is_not_repeated(tmp_path):
    network = make_model()
    cases.fit(network, 2, callbacks=[BackupAndRestore(tmp_path, delete_checkpoint=False)])
    restarted = make_model()
    history = cases.fit(restarted, 2, callbacks=[BackupAndRestore(tmp_path)])
    assert history == {}
    cases.assert_equal(cases.state(restarted), cases.state(network))


def test_a_backup_after_a_number_of_batches_starts_its_epoch_again(tmp_path):
    """Also after a second restart, when Keras' own starts the first epoch again."""

    class StopAtBatch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise KeyboardInterrupt

    train_until(2, BackupAndRestore(tmp_path, save_freq=2))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            cases.fit(make_model(), 4, callbacks=[BackupAndRestore(tmp_path, 2), StopAtBatch()])
    history = cases.fit(make_model(), 4, callbacks=[BackupAndRestore(tmp_path, 2)])
    assert len(history["loss"]) == 3


def test_the_arguments_are_those_of_keras(tmp_path):
    own, of_keras = (
        [(name, parameter.default) for name, parameter in inspect.signature(cls).parameters.items()]
        for cls in (BackupAndRestore, keras.callbacks.BackupAndRestore)
    )
    assert own == of_keras
    with pytest.raises(ValueError, match="backup_dir"):
        BackupAndRestore("")
    with pytest.raises(ValueError, match="save_freq"):
        BackupAndRestore(tmp_path, save_freq="batch")
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    callback = BackupAndRestore(tmp_path)
    callback.set_model(unbuilt)
    with pytest.raises(ValueError, match="must be built"):
        callback.on_train_begin()
