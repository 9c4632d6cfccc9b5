"""What is kept for a list of variables is right for every list."""

import keras
import pytest

import cases
import stepwrap
from stepwrap.toolkit.kept import KeptFor

pytestmark = pytest.mark.backend_free("torch")


class Work:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return self.calls


def test_the_same_variables_are_worked_on_once():
    kept, work = KeptFor(), Work()
    variables = cases.variables()
    assert [kept.of(variables, work), kept.of(list(variables), work)] == [1, 1]


@pytest.mark.parametrize(
    "change",
    [
        lambda variables: variables[:-1],
        lambda variables: variables[::-1],
        lambda variables: [*variables[:-1], keras.Variable(variables[-1])],
    ],
    ids=["fewer", "another order", "an equal one"],
)
def test_other_variables_are_worked_on_anew(change):
    kept, work = KeptFor(), Work()
    variables = cases.variables()
    assert [kept.of(variables, work), kept.of(change(variables), work)] == [1, 2]


def test_what_it_depends_on_beside_them():
    kept, work = KeptFor(), Work()
    variables = cases.variables()
    assert [kept.of(variables, work, scope) for scope in ("layer", "global", "global")] == [1, 2, 2]


def test_an_error_is_raised_again_and_nothing_kept():
    kept, variables = KeptFor(), cases.variables()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            kept.of(variables, lambda: 1 / 0)
    assert kept.of([], lambda: 3) == 3 and kept.of(variables, lambda: 4) == 4
    kept.forget()
    assert kept.of(variables, lambda: 5) == 5


def test_unknown_variables_are_refused_at_every_step():
    optimizer = stepwrap.NormalizedOptimizer(keras.optimizers.SGD(0.5))
    known, unknown = cases.variables(), cases.variables()
    optimizer.apply(cases.gradients(known), known)
    for _ in range(2):
        with pytest.raises(ValueError, match="Unknown variable"):
            optimizer.apply(cases.gradients(unknown), unknown)
    optimizer.apply(cases.gradients(known), known)
    assert int(optimizer.iterations) == 2
