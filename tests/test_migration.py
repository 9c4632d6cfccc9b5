"""The page for those who come from other packages: every new call in it runs."""

import pathlib
import re

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap

PAGE = (pathlib.Path(__file__).parent.parent / "docs" / "migration.md").read_text()
TABLES = [table.splitlines()[2:] for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)]
ROWS = [re.split(r" *\| *", row)[1:-1] for table in TABLES for row in table]
# Code with brackets is a call; other code is a name that words are about.
CALLS = [code for row in ROWS for code in re.findall(r"`([^`]+)`", row[1]) if "(" in code]


@pytest.fixture(scope="module")
def names():
    """What the calls of the page refer to."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    defined = {"keras": keras, "stepwrap": stepwrap, "x_train": cases.data()[0]}
    for block in blocks:
        exec(compile(block, "migration.md", "exec"), defined)
    defined["optimizer"] = stepwrap.MovingAverage("sgd")
    defined["model"] = cases.model(defined["optimizer"])
    defined["optimizer"].build(defined["model"].trainable_variables)
    return defined


def test_every_row_has_an_old_call_a_new_one_and_what_differs():
    assert len(TABLES) == 8
    assert all(len(row) == 3 and row[0] and row[1] for row in ROWS)
    assert len(CALLS) > len(ROWS) * 3 / 4


@pytest.mark.usefixtures("clean_registry")
@pytest.mark.parametrize("call", CALLS)
def test_every_new_call_runs(call, names):
    result = eval(call, names)
    if isinstance(result, keras.optimizers.Optimizer):
        variables = cases.variables()
        before = cases.values(variables)
        with_bias = [variables[0], keras.Variable(np.ones(3, "float32"), name="bias")]
        cases.apply(result, cases.gradients(with_bias), with_bias)
        assert np.any(cases.values(variables)[0] != before[0])


def test_the_schedule_warms_up_and_decays_in_straight_lines(names):
    schedule = names["WarmupThenDecay"](0.5, total_steps=100, warmup_proportion=0.1, min_lr=0.1)
    steps = {0: 0.05, 4: 0.25, 9: 0.5, 54: 0.3, 99: 0.1, 1000: 0.1}
    for step, rate in steps.items():
        assert cases.number(schedule(ops.convert_to_tensor(step))) == pytest.approx(rate)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert copy.get_config() == schedule.get_config()
    whole = names["WarmupThenDecay"](0.5, total_steps=100, warmup_proportion=0.0)
    assert cases.number(whole(ops.convert_to_tensor(0))) == pytest.approx(0.495)


def test_averages_are_read_where_a_slot_was(names):
    [[_, call, _]] = [row for row in ROWS if "get_slot" in row[0]]
    averages = eval(call.strip("`"), names)
    weights = names["model"].trainable_variables
    cases.assert_equal(cases.values(averages), cases.values(weights))  # no step is made


def test_the_decay_has_its_schedule(names, tmp_path):
    """The decay of TensorFlow Addons, in a graph, and resumed from a file."""
    rate, decays = 0.1, [0.01, 0.01, 0.02, 0.02, 0.02, 0.04]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1, 4], [0.01, 0.02, 0.04])
    sgd = keras.optimizers.SGD(rate)
    network = cases.model(names["ScheduledWeightDecay"](sgd, schedule))
    undecayed = cases.model(keras.optimizers.SGD(rate))
    data = [array[:8] for array in cases.data()]
    for step, decay in enumerate(decays):
        before = network.get_weights()
        undecayed.set_weights(before)
        undecayed.train_on_batch(*data)
        network.train_on_batch(*data)
        expected = [
            stepped - np.float32(decay) * weight
            for stepped, weight in zip(undecayed.get_weights(), before, strict=True)
        ]
        for weight, one in zip(network.get_weights(), expected, strict=True):
            np.testing.assert_allclose(weight, one, rtol=1e-5, atol=1e-6)
        if step == 2:
            network.save(tmp_path / "model.keras")
            network = keras.models.load_model(tmp_path / "model.keras")
