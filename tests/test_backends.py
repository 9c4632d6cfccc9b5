"""The interface of the backends: one meaning on each of them."""

import inspect

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


def test_sum_of_squares():
    x = np.random.default_rng(0).normal(size=(7, 5, 3)).astype("float32")
    for function in (current.sum_of_squares, compiled(current.sum_of_squares)):
        result = ops.convert_to_numpy(function(ops.convert_to_tensor(x)))
        np.testing.assert_allclose(result, np.sum(x.astype("float64") ** 2), rtol=1e-6)


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
