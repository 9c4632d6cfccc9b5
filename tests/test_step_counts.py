"""What a step on PyTorch calls, beside the bare optimizer's: no clock, and no noise.

A limit is what the wrapper needs today and a tenth, for other versions of Keras and PyTorch. What
is above it does more at every step than before. What depends on the variables alone can be worked
out once (`toolkit/kept.py`), and what is done to every tensor can be one call for all of them.
"""

import sys

import keras
import numpy as np
import pytest

import cases
import stepwrap

if cases.BACKEND != "torch":
    pytest.skip("the others' steps are compiled", allow_module_level=True)

import torch
from torch.utils._python_dispatch import TorchDispatchMode

pytestmark = pytest.mark.long


class Operations(TorchDispatchMode):
    """Counts what PyTorch is asked to compute; a call for many tensors is one."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += 1
        return function(*args, **(kwargs or {}))


def calls(function):
    """Return how many functions of Python it calls, itself included."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def counts(optimizer, layers):
    """Return calls of Python and operations of PyTorch in a step on dense layers."""
    shapes = [shape for _ in range(layers) for shape in ((4, 3), (3,))]
    variables = [keras.Variable(np.ones(shape, "float32")) for shape in shapes]
    gradients = [torch.ones(shape) for shape in shapes]
    optimizer.build(variables)
    loss = {"loss": torch.tensor(1.0)} if isinstance(optimizer, stepwrap.OptimizerWrapper) else {}

    def step():
        with torch.no_grad():
            optimizer.apply(gradients, variables, **loss)

    for _ in range(2):
        step()
    found = calls(step)
    with Operations() as operations:
        step()
    return np.array([found, operations.count])


ADAM, MOMENTUM = keras.optimizers.Adam, lambda: keras.optimizers.SGD(momentum=0.9)
FIVE_DEEP = "adam | gradient_centralization | cautious | normalized | clipped | lookahead"
# What comes on top of the optimizer: calls and operations, whatever the number of variables, and
# for each variable.
LIMITS = {
    "nothing": (stepwrap.OptimizerWrapper, ADAM, (97, 2), (1.5, 0)),
    "normalized": (stepwrap.NormalizedOptimizer, ADAM, (171, 11), (11, 2)),
    "normalized, global": (
        lambda inner: stepwrap.NormalizedOptimizer(inner, scope="global"),
        ADAM,
        (179, 15),
        (5, 2),
    ),
    "clipped": (stepwrap.ClippedOptimizer, ADAM, (211, 14), (11.5, 2)),
    "cautious": (stepwrap.Cautious, ADAM, (223, 16), (7, 5.5)),
    "l4": (stepwrap.L4Wrapper, ADAM, (580, 42), (36, 5.5)),
    "l4mom": (lambda _: stepwrap.L4Mom(), MOMENTUM, (655, 47), (1, 5.5)),
    "five deep": (lambda _: stepwrap.parse(FIVE_DEEP), ADAM, (715, 48), (56, 11.5)),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_step_calls_little_beside_the_optimizers(name):
    wrap, make, at_most, for_each = LIMITS[name]
    few, many = (counts(wrap(make()), layers) - counts(make(), layers) for layers in (3, 13))
    of_each = (many - few) / 20
    of_all = few - 6 * of_each
    assert list(of_all <= at_most) == [True, True], of_all
    assert list(of_each <= for_each) == [True, True], of_each
