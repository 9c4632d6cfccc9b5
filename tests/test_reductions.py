"""Reductions of the backends, quick ways included, against float64 NumPy."""

import itertools
import re

import numpy as np
import pytest
from keras import ops

import cases
from stepwrap.backends import kernels
from stepwrap.normalizers import norms
from stepwrap.toolkit import finite

# One thread adds up a hundred thousand numbers one by one, with a larger error.
pytestmark = pytest.mark.usefixtures("all_threads")

# Below and above the size from which on XLA gets slabs, with and without a remainder.
SHAPES = [(), (1,), (7,), (8,), (9,), (4097,), (100_003,), (17, 300), (64, 64), (3, 1, 5, 1826)]
BLOCKS = [[shape] for shape in SHAPES] + [[(), (5000,), (2, 3)]]
# The error of a sum, relative to the sum of the magnitudes.
ROUNDING = {"float16": 4e-6, "bfloat16": 4e-6, "float32": 4e-6, "float64": 1e-14}


def arrays_and_tensors(blocks, dtype, seed):
    """Blocks of tensors, and what is in them as flat arrays of float64."""
    random = np.random.default_rng(seed)
    tensors = [
        [
            ops.cast(ops.convert_to_tensor(random.normal(size=shape), "float64"), dtype)
            for shape in block
        ]
        for block in blocks
    ]
    return numbers_in(tensors), tensors


def numbers_in(blocks):
    return [
        np.concatenate([ops.convert_to_numpy(ops.cast(one, "float64")).ravel() for one in block])
        for block in blocks
    ]


def flat(blocks):
    return list(itertools.chain.from_iterable(blocks))


def by_both(function, *arguments):
    """The numbers that a function returns as it is, and compiled, as an array."""
    for run in (function, cases.compiled(function)):
        yield np.array(cases.values(run(*arguments)))


REDUCTIONS = {
    "sums": (lambda blocks: kernels.sums(ops.negative, blocks), lambda x: -np.sum(x)),
    "sums_of_squares": (kernels.sums_of_squares, lambda x: np.sum(x**2)),
    "largest": (kernels.largest, lambda x: np.max(np.abs(x))),
    "smallest": (kernels.smallest, lambda x: np.min(np.abs(x))),
}


@pytest.mark.parametrize("dtype", cases.others_long(ROUNDING, ["float32", "bfloat16"]))
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, dtype, float64):
    function, reference = REDUCTIONS[name]
    arrays, tensors = arrays_and_tensors(BLOCKS, dtype, seed=0)
    for results in by_both(function, tensors):
        assert results.dtype == ("float64" if dtype == "float64" else "float32")
        for result, array in zip(results, arrays, strict=True):
            magnitude = max(abs(reference(np.abs(array))), 1)
            assert abs(result - reference(array)) <= ROUNDING[dtype] * magnitude


@pytest.mark.parametrize("dtype", cases.others_long(ROUNDING, ["float32", "bfloat16"]))
def test_inner_products(dtype, float64):
    arrays, tensors = arrays_and_tensors(BLOCKS, dtype, seed=0)
    other_arrays, others = arrays_and_tensors(BLOCKS, dtype, seed=1)
    exact = [one @ other for one, other in zip(arrays, other_arrays, strict=True)]
    bounds = [np.abs(one) @ np.abs(other) for one, other in zip(arrays, other_arrays, strict=True)]

    def all_in_one(tensors, others):
        return [kernels.dot(flat(tensors), flat(others))]

    for results in by_both(kernels.dots, tensors, others):
        assert results.dtype == ("float64" if dtype == "float64" else "float32")
        assert np.all(np.abs(results - exact) <= ROUNDING[dtype] * np.array(bounds))
    for [result] in by_both(all_in_one, tensors, others):
        assert result.shape == ()
        assert abs(result - sum(exact)) <= ROUNDING[dtype] * sum(bounds)


def test_sums_of_what_depends_on_the_block(float64):
    arrays, tensors = arrays_and_tensors(BLOCKS, "float64", seed=0)
    count = range(len(BLOCKS))

    def spread(tensors, numbers):
        return kernels.sums(lambda x, number: ops.square(x - number), tensors, numbers)

    centres = kernels.numbers([ops.convert_to_tensor(float(i), "float64") for i in count], tensors)
    for results in by_both(spread, tensors, centres):
        exact = [np.sum((array - i) ** 2) for array, i in zip(arrays, count, strict=True)]
        np.testing.assert_allclose(results, exact, rtol=ROUNDING["float64"])


def test_tensors_without_elements_add_nothing():
    block = [ops.zeros((0, 3)), ops.convert_to_tensor([3.0, -4.0])]
    for results in by_both(REDUCTIONS["sums"][0], [block]):
        np.testing.assert_allclose(results, [1])
    for results in by_both(kernels.sums_of_squares, [block]):
        np.testing.assert_allclose(results, [25])
    for results in by_both(kernels.dots, [block], [block]):
        np.testing.assert_allclose(results, [25])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("size", [1, 3, 40_001])
def test_a_sum_with_what_is_not_finite_is_not_finite(size, bad):
    array = np.ones(size, "float32")
    array[-1] = bad
    finite = ops.ones(size)
    for function in (REDUCTIONS["sums"][0], kernels.sums_of_squares):
        for results in by_both(function, [[finite, ops.convert_to_tensor(array)], [finite]]):
            np.testing.assert_array_equal(np.isfinite(results), [False, True])


@pytest.mark.parametrize("dtype", ROUNDING)
def test_sums_of_squares_of_units(dtype, float64):
    shapes = [*SHAPES, (4, 4096)]
    arrays, blocks = arrays_and_tensors([[shape] for shape in shapes], dtype, seed=0)

    def of_all(tensors):
        return [kernels.sums_of_squares_of_units(tensor) for tensor in tensors]

    for run in (of_all, cases.compiled(of_all)):
        for result, array, shape in zip(run(flat(blocks)), arrays, shapes, strict=True):
            axes = tuple(range(len(shape) - 1)) if len(shape) > 1 else None
            expected = np.sum(array.reshape(shape) ** 2, axis=axes, keepdims=True)
            result = ops.convert_to_numpy(result)
            assert result.dtype == ("float64" if dtype == "float64" else "float32")
            assert result.shape == expected.shape
            np.testing.assert_allclose(result, expected, rtol=ROUNDING[dtype])


HALF_A_UNIT = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}


@pytest.mark.parametrize("dtype", ROUNDING)
def test_scaled(dtype, float64):
    blocks = [[(3, 2), ()], [(5,)]]
    arrays, tensors = arrays_and_tensors(blocks, dtype, seed=0)
    wide = "float64" if dtype == "float64" else "float32"
    scalars = [ops.convert_to_tensor(number, wide) for number in (0.3, -7.0)]
    numbers = kernels.numbers(scalars, tensors)
    exact = [float(scalar) for scalar in cases.values(scalars)]

    for run in (lambda function: function, cases.compiled):
        scaled = run(kernels.scaled)(tensors, numbers)
        assert [one.dtype for one in flat(scaled)] == [one.dtype for one in flat(tensors)]
        for result, array, factor in zip(numbers_in(scaled), arrays, exact, strict=True):
            np.testing.assert_allclose(result, array * factor, rtol=1.01 * HALF_A_UNIT[dtype])


@pytest.mark.parametrize("choices", [[True, False], [False, True], [False, False], [True, True]])
def test_scaled_where(choices):
    tiny = float(np.finfo("float32").smallest_subnormal)
    arrays = [np.array([1.0, tiny], "float32"), np.array([[np.nan, -tiny]], "float32")]
    blocks = [[ops.convert_to_tensor(array)] for array in arrays]
    factors = kernels.numbers([ops.convert_to_tensor(factor) for factor in (3.0, 5.0)], blocks)
    chosen = kernels.numbers([ops.convert_to_tensor(choice) for choice in choices], blocks)
    for run in (lambda function: function, cases.compiled):
        results = run(kernels.scaled_where)(chosen, blocks, factors, blocks)
        for [result], array, choice, factor in zip(results, arrays, choices, (3, 5), strict=True):
            result = ops.convert_to_numpy(result)
            if choice:
                np.testing.assert_allclose(result, array * factor, atol=1e-37)
            else:
                assert result.tobytes() == array.tobytes()


def test_numbers_of_each_block(float64):
    blocks = [[ops.zeros(2), ops.zeros(3)], [ops.zeros(1)]]
    squares = kernels.numbers([4.0, 9.0], blocks)
    counts = kernels.numbers([ops.convert_to_tensor(count) for count in (2.0, 3.0)], blocks)
    halves = kernels.each(lambda square, count: ops.sqrt(square) / count / 2, squares, counts)
    assert [float(half) for half in cases.values(halves)] == [0.5, 0.5]
    wide = [[ops.zeros(2, "float64")]]
    [tiny] = kernels.each(
        lambda number: number * ops.ones((), "float64"), kernels.numbers([1e-200], wide)
    )
    assert float(ops.convert_to_numpy(tiny)) == 1e-200
    first = kernels.first([[ops.convert_to_tensor([[3.0, 4.0]])], [ops.convert_to_tensor(5.0)]])
    assert [float(number) for number in cases.values(first)] == [3.0, 5.0]


@pytest.mark.skipif(cases.BACKEND == "torch", reason="PyTorch computes what it is told to")
def test_what_several_wrappers_need_is_computed_once():
    """A norm, another one of the same sum, and whether all is finite: one pass."""
    tensor = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(64, 1000)), "float32")

    def one(tensor):
        return norms.measure(norms.l2, [[tensor]]).norms

    def several(tensor):
        return (
            one(tensor),
            norms.measure(norms.avg_l2, [[tensor]]).norms,
            finite.all_finite([tensor]),
        )

    assert passes(several, tensor) == passes(one, tensor) > 0


def passes(function, tensor):
    """How many loops of the compiled program read the tensor, outside of conditionals."""
    program = cases.compiled(function)
    if cases.BACKEND == "jax":
        text = program.lower(tensor).compile().as_text()
    else:
        text = program.experimental_get_compiler_ir(tensor)(stage="optimized_hlo")
    entry = text[text.index("\nENTRY") :]
    [name] = re.findall(r"(%\S+) = \S+ parameter\(0\)", entry)
    return len(re.findall(rf"(?:fusion|reduce|reduce-window)\([^)]*{re.escape(name)}\b", entry))
