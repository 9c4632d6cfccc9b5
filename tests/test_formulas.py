"""Every wrapper of the catalogue, and every optimizer of stepwrap's, against its formula in NumPy.

The formulas are in `tests/references/`. What an argument changes, and what happens at the edges of
a formula, is tested beside this, wrapper by wrapper.
"""

import inspect

import numpy as np
import pytest

import cases
import references
import stepwrap
from stepwrap import optimizers, wrappers

LOSSES = [2.0, 1.5, 1.75, 1.0, 1.25, 0.75]


def is_of_stepwrap(name):
    """Whether an optimizer is neither one of Keras nor a preset, made of what is tested here."""
    optimizer = optimizers.get(name)
    return inspect.isclass(optimizer) and optimizer.__module__.startswith("stepwrap.")


NAMES = [*wrappers.names(), *filter(is_of_stepwrap, optimizers.names())]


def made(name):
    if name in wrappers.names():
        return cases.catalogued(name)(references.Momentum.of_keras())
    return optimizers.get(name)(**optimizers.example(name))


def reference_of(name):
    catalogue = wrappers if name in wrappers.names() else optimizers
    if name not in references.REFERENCES:
        room = catalogue.get(name).__module__.split(".")[-2]
        pytest.fail(
            f"`{name}` has no reference. Write its formula in NumPy into "
            f"tests/references/{room}.py, as a class under `@reference({name!r})`: see "
            "CONTRIBUTING.md."
        )
    return references.REFERENCES[name](**catalogue.example(name))


def wide(tensors):
    return [value.astype("float64") for value in cases.values(tensors)]


def assert_steps(optimizer, reference, dtype):
    """That every batch, and the end of training, gives the weights that the reference does."""
    variables = cases.variables_of_all_ranks(dtype)
    optimizer.build(variables)
    reference.start(references.Momentum(), wide(variables))
    for number, loss in enumerate(LOSSES):
        gradients = cases.gradients(variables, seed=10 + number)
        if number in reference.bad_batches:
            gradients[0] = gradients[0] * np.nan
        before = wide(variables)
        cases.apply(optimizer, gradients, variables, loss)
        after = wide(variables)
        assert_close(after, reference.step(before, wide(gradients), loss, after), dtype)
    optimizer.finalize_variable_values(variables)
    assert_close(wide(variables), reference.end(after), dtype)


def assert_close(actual, expected, dtype):
    for one, other in zip(actual, expected, strict=True):
        tolerance = cases.ROUNDING[dtype] * max(1, np.max(np.abs(other)))
        np.testing.assert_allclose(one, other, atol=tolerance, rtol=0)


@pytest.mark.parametrize("dtype", cases.ROUNDING)
@pytest.mark.parametrize("name", NAMES)
def test_the_formula(name, dtype, float64):
    assert_steps(made(name), reference_of(name), dtype)


@pytest.mark.parametrize("name", references.REFERENCES)
def test_what_changes_nothing_fails(name):
    """Else the reference, or the example with which the wrapper is made, would say too little."""
    unchanged = stepwrap.OptimizerWrapper(references.Momentum.of_keras())
    with pytest.raises(AssertionError):
        assert_steps(unchanged, reference_of(name), "float32")


def test_a_name_without_a_reference_is_told_where_to_put_it(monkeypatch):
    monkeypatch.delitem(references.REFERENCES, "cautious")
    with pytest.raises(pytest.fail.Exception, match=r"tests/references/steps\.py.*'cautious'"):
        reference_of("cautious")


def test_every_reference_is_of_something_in_the_catalogue():
    assert {*references.REFERENCES} <= {*NAMES}
    assert {"l4adam", "l4mom", "radam"} < {*NAMES}
