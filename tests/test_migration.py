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
    [schedule] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    defined = {"keras": keras, "stepwrap": stepwrap, "x_train": cases.data()[0]}
    exec(compile(schedule, "migration.md", "exec"), defined)
    defined["sgd"] = keras.optimizers.SGD(1e-2, weight_decay=0.01)
    defined["optimizer"] = stepwrap.MovingAverage("sgd")
    defined["model"] = cases.model(defined["optimizer"])
    defined["optimizer"].build(defined["model"].trainable_variables)
    return defined


def test_every_row_has_an_old_call_a_new_one_and_what_differs():
    assert len(TABLES) == 7
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
