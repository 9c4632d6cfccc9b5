"""Files and texts of release 0.6.0: what `write_older_files.py` wrote with it."""

import copy
import json
import pathlib
import re
import warnings
import zipfile

import keras
import numpy as np
import pytest
import write_older_files
from write_older_files import AFTER, BEFORE, RANDOM, config, described, network, train

import cases
import stepwrap
from stepwrap.backends import keras_private

FOLDER = pathlib.Path(__file__).with_name("files_of_0_6_0")
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
MODELS, TEXTS = EXPECTED["models"], EXPECTED["texts"]

# Defaults of what every wrapper takes: no longer in a config.
LEFT_OUT = (("jit_compile", True), ("exclude", None))

# State that came later, which starts as if there had been no file.
NEWER_STATE = ("averages_held_until", "had_gradient")


def version(text):
    return [int(number) for number in text.split(".")[:2]]


pytestmark = pytest.mark.skipif(
    version(keras.__version__) < version(EXPECTED["keras"]),
    reason="no Keras reads the files of a newer one",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the models are."""
    folder = tmp_path_factory.mktemp("models")
    with zipfile.ZipFile(FOLDER / "models.zip") as file:
        file.extractall(folder)
    return folder


def loaded(folder, name):
    """The model, from a file with nothing to warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = keras.models.load_model(folder / f"{name}.keras")
    model.run_eagerly = True  # not part of the file
    return model


def comparable(state):
    """Without what depends on the process and the backend: counted names, kinds of integers."""
    return [
        [_own_name(path), re.sub(r"u?int\d+", "int", dtype), shape, values]
        for path, dtype, shape, values in state
        if not path.endswith(NEWER_STATE)
    ]


def _own_name(path):
    # The layer's name without the model's, which Keras counts.
    return re.sub(r"sequential_(\d+_)?", "", path.split("/")[-1])


def same_as_then(config):
    """A config as far as it says what 0.6.0 said in other words: where classes are, defaults."""
    if isinstance(config, list):
        return list(map(same_as_then, config))
    if not isinstance(config, dict):
        return config
    of_stepwrap = str(config.get("registered_name")).startswith(("stepwrap>", "older_files>"))
    return {
        key: re.sub(r"_\d+$", "", value) if key == "name" else same_as_then(value)
        for key, value in config.items()
        if (key, value) not in LEFT_OUT and not (key == "module" and of_stepwrap)
    }


def now(optimizer):
    return same_as_then(keras_private.with_public_classes(config(optimizer)))


def test_there_is_a_file_for_every_wrapper():
    assert {*EXPECTED["wrappers"]} <= {*MODELS}
    for name in EXPECTED["wrappers"]:
        cls = type(write_older_files.make(name))
        assert cls is stepwrap.wrappers.get(name)
        assert MODELS[name]["config"]["registered_name"] == f"stepwrap>{cls.__name__}"


def test_the_files_have_state_of_every_wrapper_that_has_any():
    for name in EXPECTED["wrappers"]:
        optimizer = write_older_files.make(name)
        optimizer.build(cases.variables())
        own = {_own_name(variable.path).split("_")[-1] for variable in optimizer.own_variables}
        saved = {_own_name(path).split("_")[-1] for path, *_ in MODELS[name]["state"]}
        assert own - {one.split("_")[-1] for one in NEWER_STATE} <= saved


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_loaded_with_its_state_bit_for_bit(name, folder):
    model, then = loaded(folder, name), MODELS[name]
    state = described([*model.weights, *model.optimizer.variables])
    assert comparable(state) == comparable(then["state"])
    assert now(model.optimizer) == same_as_then(then["config"])
    assert stepwrap.describe(model.optimizer) == then["text"]


@pytest.mark.parametrize("name", cases.others_long(MODELS, backend="torch"))
def test_training_goes_on_as_it_would_have(name, folder):
    if name in RANDOM and cases.BACKEND == "torch":
        pytest.skip("PyTorch draws other numbers")
    model = loaded(folder, name)
    train(model, BEFORE, AFTER)
    for weight, (_, _, shape, values) in zip(model.weights, MODELS[name]["weights"], strict=True):
        expected = np.reshape(np.array(values, "float32"), shape)
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(weight), expected, rtol=1e-6, atol=2e-7
        )


def test_weights_alone(folder):
    model, then = network(write_older_files.make("stack")), MODELS["stack"]
    model.optimizer.build(model.trainable_variables)
    model.load_weights(folder / "stack.weights.h5")
    state = described([*model.weights, *model.optimizer.variables])
    assert comparable(state) == comparable(then["state"])


@pytest.mark.parametrize("name", MODELS)
def test_a_config_of_then_makes_the_same_optimizer(name):
    then = MODELS[name]["config"]
    given = copy.deepcopy(then)  # which Keras changes
    assert now(keras.optimizers.deserialize(given)) == same_as_then(then)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_means_what_it_meant(text):
    optimizer = stepwrap.parse(text)
    assert now(optimizer) == same_as_then(TEXTS[text]["config"])
    assert stepwrap.describe(optimizer) == TEXTS[text]["text"]
    assert now(stepwrap.parse(TEXTS[text]["text"])) == same_as_then(TEXTS[text]["config"])
