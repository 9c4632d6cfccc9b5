"""On PyTorch's CPU an update in parts is the update of all variables at once, bit for bit."""

import keras
import numpy as np
import pytest

import cases
import stepwrap

if cases.BACKEND != "torch":
    pytest.skip("parts are PyTorch's", allow_module_level=True)

import torch

from stepwrap.backends.torch import parts

OPTIMIZERS = {
    "adadelta": keras.optimizers.Adadelta,
    "adagrad": keras.optimizers.Adagrad,
    "adam": keras.optimizers.Adam,
    "amsgrad": lambda rate: keras.optimizers.Adam(rate, amsgrad=True),
    "adamw": keras.optimizers.AdamW,
    "adamax": keras.optimizers.Adamax,
    "lion": keras.optimizers.Lion,
    "nadam": keras.optimizers.Nadam,
    "rmsprop": keras.optimizers.RMSprop,
    "centered": lambda rate: keras.optimizers.RMSprop(rate, momentum=0.9, centered=True),
}
SHAPES = [(7, 9), (3,), (), (40,), (2, 3, 5), (0, 4)]


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of which the largest variables make several, and the smallest a part together."""
    monkeypatch.setattr(parts, "SIZE", 16)


def trained(wrap, make, dtypes, steps=4):
    """Return weights and state after some steps."""
    random = np.random.default_rng(0)
    variables = [
        keras.Variable(random.normal(size=shape), dtype=dtype, name=f"v{place}")
        for place, (shape, dtype) in enumerate(zip(SHAPES, dtypes, strict=True))
    ]
    optimizer = wrap(make(0.05))
    optimizer.build(variables)
    for _ in range(steps):
        gradients = [
            torch.tensor(random.normal(size=shape), dtype=variable.value.dtype)
            for shape, variable in zip(SHAPES, variables, strict=True)
        ]
        if gradients[0].ndim == 2:
            gradients[0] = gradients[0].T.contiguous().T  # the same numbers, in another order
        optimizer.apply(gradients, variables, loss=1.0)
    return cases.values([*variables, *optimizer.variables])


WRAPS = {
    "whole update": stepwrap.OptimizerWrapper,
    "captured": cases.HalvedStep,
    "captured but for some": lambda inner: cases.HalvedStep(inner, exclude="v[03]"),
}


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parts_do_what_the_whole_does(name, wrap, small_parts, monkeypatch):
    in_parts = trained(WRAPS[wrap], OPTIMIZERS[name], ["float32"] * len(SHAPES))
    monkeypatch.setattr(parts, "SIZE", 10**9)
    cases.assert_equal(in_parts, trained(WRAPS[wrap], OPTIMIZERS[name], ["float32"] * len(SHAPES)))


def test_numbers_of_another_dtype_make_no_parts(small_parts, monkeypatch):
    """Adam computes its numbers in the dtype of the first variable."""
    dtypes = ["float32", "bfloat16", "float32", "float16", "float32", "float32"]
    in_parts = trained(stepwrap.OptimizerWrapper, OPTIMIZERS["adam"], dtypes)
    monkeypatch.setattr(parts, "SIZE", 10**9)
    cases.assert_equal(in_parts, trained(stepwrap.OptimizerWrapper, OPTIMIZERS["adam"], dtypes))


def test_parts_of_the_usual_size_do_what_the_whole_does(monkeypatch):
    monkeypatch.setitem(globals(), "SHAPES", [(3,), (2**19 + 5,), (2,)])
    in_parts = trained(stepwrap.OptimizerWrapper, keras.optimizers.Adam, ["float32"] * 3)
    monkeypatch.setattr(parts, "SIZE", 10**9)
    whole = trained(stepwrap.OptimizerWrapper, keras.optimizers.Adam, ["float32"] * 3)
    cases.assert_equal(in_parts, whole)


def test_what_is_in_a_part(small_parts):
    found = [
        [(place, elements.start, elements.stop) for place, elements in part]
        for part in parts._parts([3, 20, 2, 16])
    ]
    assert found == [[(0, 0, 16), (1, 0, 16)], [(1, 16, 32), (2, 0, 16), (3, 0, 16)]]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (keras.optimizers.Adam, True),
        (keras.optimizers.Nadam, False),  # its product advances once an update
        (lambda: keras.optimizers.SGD(momentum=0.9), False),  # it makes no tensor that parts spare
        (lambda: type("Own", (type(keras.optimizers.Adam()),), {})(), False),
        (keras.optimizers.Ftrl, False),
    ],
    ids=["adam", "nadam", "sgd", "user's own", "ftrl"],
)
def test_which_optimizers_are_updated_in_parts(make, expected):
    optimizer = stepwrap.OptimizerWrapper(stepwrap.NormalizedOptimizer(make()))
    optimizer.build(cases.variables())
    leaf = optimizer.inner_optimizer.inner_optimizer
    assert ("_parallel_update_step" in vars(leaf)) is expected


def test_what_is_computed_on_the_way_is_of_a_parts_size(small_parts):
    """Adam's own, without parts, is three times the model."""
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = []

    class Watched(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            results = function(*args, **(kwargs or {}))
            if "foreach" in str(function) and results is not None:
                largest.append(sum(result.numel() for result in results))
            return results

    variables = [keras.Variable(np.zeros((40, 16))), keras.Variable(np.zeros(16))]
    optimizer = stepwrap.OptimizerWrapper(keras.optimizers.Adam())
    optimizer.build(variables)
    with Watched():
        optimizer.apply([torch.ones(40, 16), torch.ones(16)], variables)
    assert 0 < max(largest) <= 2 * 16
