"""The interface of the backends: one meaning on each of them."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from cases import compiled
from stepwrap.backends import _interface, current


def test_the_backend_has_the_whole_interface():
    functions = inspect.getmembers(_interface.Backend, inspect.isfunction)
    expected = {
        name: list(inspect.signature(function).parameters)[1:]
        for name, function in functions
        if not name.startswith("_")
    }
    assert expected
    for name, parameters in expected.items():
        assert list(inspect.signature(getattr(current, name)).parameters) == parameters


@pytest.mark.parametrize("last", [1.0, np.inf, -np.inf, np.nan])
def test_all_finite(last):
    scalars = [ops.convert_to_tensor(value) for value in (0.0, -3e38, last)]
    assert bool(ops.convert_to_numpy(current.all_finite(scalars))) == np.isfinite(last)


@pytest.mark.parametrize("x", [2.0, -2.0])
def test_cond_runs_one_branch_eagerly_and_chooses_when_compiled(x):
    ran = []

    def positive(x):
        ran.append("positive")
        return [x * 10]

    def negative(x):
        ran.append("negative")
        return [x * 100]

    def choose(x):
        return current.cond(x > 0, lambda: positive(x), lambda: negative(x))[0]

    tensor = ops.convert_to_tensor(x)
    expected = x * 10 if x > 0 else x * 100
    assert float(ops.convert_to_numpy(choose(tensor))) == expected
    assert ran == ["positive" if x > 0 else "negative"]
    assert float(ops.convert_to_numpy(compiled(choose)(tensor))) == expected


@pytest.mark.parametrize("accepted", [True, False])
def test_scaled_or_zero(accepted):
    tensors = [ops.convert_to_tensor([1.0, 2.0] if accepted else [np.nan, np.inf])]

    def scale(accepted, tensor):
        return current.scaled_or_zero(accepted, [tensor], ops.convert_to_tensor(3.0))[0]

    for function in (scale, compiled(scale)):
        result = ops.convert_to_numpy(function(ops.convert_to_tensor(accepted), tensors[0]))
        np.testing.assert_array_equal(result, [3.0, 6.0] if accepted else [0.0, 0.0])


@pytest.mark.parametrize("accepted", [True, False])
def test_values_are_put_back_unless_accepted(accepted):
    variables = [keras.Variable([1.0, 2.0]), keras.Variable(3, dtype="int32", trainable=False)]
    before = current.snapshot(variables)
    variables[0].assign_add([1.0, 1.0])
    variables[1].assign(5)
    current.restore_unless(ops.convert_to_tensor(accepted), variables, before)
    values = [ops.convert_to_numpy(variable).tolist() for variable in variables]
    assert values == ([[2.0, 3.0], 5] if accepted else [[1.0, 2.0], 3])


def test_update_averages_and_add():
    averages, variables = [keras.Variable([1.0, 2.0])], [keras.Variable([10.0, 20.0])]
    new = current.update_averages(averages, [ops.convert_to_tensor([3.0, 6.0])], 0.75)
    for values in (averages[0], new[0]):
        np.testing.assert_allclose(ops.convert_to_numpy(values), [1.5, 3.0])
    current.add(variables, [ops.convert_to_tensor([0.5, -1.0])])
    np.testing.assert_allclose(ops.convert_to_numpy(variables[0]), [10.5, 19.0])


def test_read_is_a_copy():
    variable = keras.Variable([1.0, 2.0])
    value = current.read(variable)
    variable.assign([3.0, 4.0])
    assert value.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("holds", [True, False])
def test_run_if(holds):
    variable = keras.Variable(1.0)

    def double(factor):
        variable.assign(variable * factor)

    current.run_if(ops.convert_to_tensor(holds), double, [variable], ops.convert_to_tensor(2.0))
    assert float(ops.convert_to_numpy(variable)) == (2.0 if holds else 1.0)


@pytest.mark.parametrize("anew", [True, False])
def test_add_up(anew):
    sums = [keras.Variable(np.full(shape, 3.0, "float32")) for shape in ((2,), ())]
    tensors = [ops.full(total.shape, 4.0) for total in sums]
    current.add_up(sums, tensors, ops.convert_to_tensor(anew))
    for total in sums:
        assert np.all(ops.convert_to_numpy(total) == (4.0 if anew else 7.0))
