"""The interface of the backends: one meaning on each of them."""

import inspect
import itertools
import statistics

import keras
import numpy as np
import pytest
from keras import ops

from cases import compiled
from stepwrap.backends import flow, kernels, reference, replicas

ALTITUDES = [
    (replicas, reference.Replicas),
    (flow, reference.Flow),
    (kernels, reference.Kernels),
]


@pytest.mark.parametrize(("own", "base"), ALTITUDES)
def test_a_backend_has_the_interface_of_the_reference_and_nothing_more(own, base):
    assert isinstance(own, base)
    for name, function in inspect.getmembers(type(own), inspect.isfunction):
        if not name.startswith("_"):
            expected = inspect.signature(getattr(base, name)).parameters
            assert list(inspect.signature(function).parameters) == list(expected)


@pytest.mark.parametrize("last", [1.0, np.inf, -np.inf, np.nan])
def test_all_finite(last):
    scalars = [ops.convert_to_tensor(value) for value in (0.0, -3e38, last)]
    assert bool(ops.convert_to_numpy(kernels.all_finite(scalars))) == np.isfinite(last)


@pytest.mark.parametrize("last", [True, False])
def test_all_hold(last):
    conditions = [ops.convert_to_tensor(value) > 0 for value in (1.0, 2.0, 1.0 if last else -1.0)]
    assert bool(ops.convert_to_numpy(kernels.all_hold(conditions))) == last


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
        return flow.cond(x > 0, lambda: positive(x), lambda: negative(x))[0]

    tensor = ops.convert_to_tensor(x)
    expected = x * 10 if x > 0 else x * 100
    assert float(ops.convert_to_numpy(choose(tensor))) == expected
    assert ran == ["positive" if x > 0 else "negative"]
    assert float(ops.convert_to_numpy(compiled(choose)(tensor))) == expected


@pytest.mark.parametrize("accepted", [True, False])
def test_scaled_or_zero(accepted):
    tensors = [ops.convert_to_tensor([1.0, 2.0] if accepted else [np.nan, np.inf])]

    def scale(accepted, tensor):
        return kernels.scaled_or_zero(accepted, [tensor], ops.convert_to_tensor(3.0))[0]

    for function in (scale, compiled(scale)):
        result = ops.convert_to_numpy(function(ops.convert_to_tensor(accepted), tensors[0]))
        np.testing.assert_array_equal(result, [3.0, 6.0] if accepted else [0.0, 0.0])


@pytest.mark.parametrize("accepted", [True, False])
def test_values_are_put_back_unless_accepted(accepted):
    variables = [keras.Variable([1.0, 2.0]), keras.Variable(3, dtype="int32", trainable=False)]
    before = flow.snapshot(variables)
    variables[0].assign_add([1.0, 1.0])
    variables[1].assign(5)
    flow.restore_unless(ops.convert_to_tensor(accepted), variables, before)
    values = [ops.convert_to_numpy(variable).tolist() for variable in variables]
    assert values == ([[2.0, 3.0], 5] if accepted else [[1.0, 2.0], 3])


def test_update_averages_and_add():
    averages, variables = [keras.Variable([1.0, 2.0])], [keras.Variable([10.0, 20.0])]
    new = kernels.update_averages(averages, [ops.convert_to_tensor([3.0, 6.0])], 0.75)
    for values in (averages[0], new[0]):
        np.testing.assert_allclose(ops.convert_to_numpy(values), [1.5, 3.0])
    kernels.add(variables, [ops.convert_to_tensor([0.5, -1.0])])
    np.testing.assert_allclose(ops.convert_to_numpy(variables[0]), [10.5, 19.0])


@pytest.mark.parametrize("decay", [0.0, 0.75])
def test_blend_leaves_what_is_not_finite(decay):
    """Towards variables and tensors alike; a decay of 0 gives the target's very bits."""
    targets = [keras.Variable([0.1, 6.0]), ops.convert_to_tensor([np.nan, -np.inf, 0.3])]
    averages = [keras.Variable([1.0, 2.0]), keras.Variable([1.0, 2.0, 0.3])]
    kernels.blend(averages, targets, ops.convert_to_tensor(decay))
    expected = [[0.1 + decay * 0.9, 6 - decay * 4], [1.0, 2.0, 0.3]]
    for average, values in zip(averages, expected, strict=True):
        compare = np.testing.assert_allclose if decay else np.testing.assert_array_equal
        compare(ops.convert_to_numpy(average), np.asarray(values, "float32"))


@pytest.mark.parametrize("last", [8.0, np.nan, np.inf])
def test_accumulate(last):
    sums = [keras.Variable([1.0, 2.0]), keras.Variable(3.0)]
    tensors = [ops.convert_to_tensor([0.5, last]), ops.convert_to_tensor(1.0)]
    new = kernels.accumulate(sums, tensors, 0.5)
    for values in (sums, new):
        first, second = (ops.convert_to_numpy(value) for value in values)
        np.testing.assert_array_equal(first, [1.0, 9.0 if last == 8 else 2.0])
        np.testing.assert_array_equal(second, 2.5)


def test_add_scaled_leaves_its_arguments():
    tensors, others = (ops.convert_to_tensor(values) for values in ([1.0, 2.0], [3.0, 5.0]))
    [result] = kernels.add_scaled([tensors], [others], 0.5)
    for values, expected in ((result, [2.5, 4.5]), (tensors, [1, 2]), (others, [3, 5])):
        np.testing.assert_array_equal(ops.convert_to_numpy(values), expected)


def test_copies_share_no_memory():
    variables, sources = [keras.Variable([1.0, 2.0])], [keras.Variable([3.0, 4.0])]
    flow.copy(variables, sources)
    sources[0].assign([5.0, 6.0])
    np.testing.assert_array_equal(ops.convert_to_numpy(variables[0]), [3.0, 4.0])


# A vector that torch takes in two pieces, a matrix that rows do not divide, and single numbers.
SHAPES = [(2**18 + 5,), (37, 11), (1,), ()]


@pytest.mark.parametrize("compile_it", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_downhill(dtype, compile_it, float64):
    random = np.random.default_rng(0)
    steps, gradients = ([random.normal(size=shape).astype(dtype) for shape in SHAPES] for _ in "12")
    gradients[0][:9] = 0
    steps[0][9:12], gradients[0][9:12] = 1e-7, -1e-7  # whose products float16 and 32 cannot hold
    gradients[1] *= np.sign(gradients[1] * steps[1])  # opposed nowhere
    expected = []
    for step, gradient in zip(steps, gradients, strict=True):
        keeps = np.sign(step) * np.sign(gradient) < 0
        wide = step.astype("float64")
        expected.append(np.where(keeps, wide / max(np.mean(keeps), 1e-3), 0))
    function = compiled(kernels.downhill) if compile_it else kernels.downhill
    tensors = [[ops.convert_to_tensor(array) for array in arrays] for arrays in (steps, gradients)]
    for result, right in zip(function(*tensors, 1e-3), expected, strict=True):
        assert keras.backend.standardize_dtype(result.dtype) == dtype
        rounding = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-14}[dtype]
        np.testing.assert_allclose(ops.convert_to_numpy(result), right, rtol=rounding)


def test_downhill_of_what_is_not_finite():
    step = ops.convert_to_tensor([np.nan, np.inf, np.inf, 1.0, 1.0, -2.0, 3.0, 4.0])
    gradient = ops.convert_to_tensor([1.0, 1.0, -1.0, np.nan, -np.inf, 1.0, 1.0, 0.0])
    [result] = kernels.downhill([step], [gradient], 1e-3)
    expected = np.array([0, 0, np.inf, 0, 1, -2, 0, 0]) * 8 / 3
    np.testing.assert_allclose(ops.convert_to_numpy(result), np.nan_to_num(expected, posinf=np.inf))


def seed(*words):
    return ops.convert_to_tensor(words, "int32")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_thinned_keeps_elements_as_they_are_or_not_at_all(dtype, float64):
    tensors = [ops.full(shape, 0.7, dtype) for shape in SHAPES]
    for keep in (1.0, 0.5, 0.9):
        for result, tensor in zip(kernels.thinned(tensors, keep, seed(1, 2)), tensors, strict=True):
            result, tensor = ops.convert_to_numpy(result), ops.convert_to_numpy(tensor)
            assert result.dtype == dtype and result.shape == tensor.shape
            assert np.all((result == tensor) | ((result == 0) & (keep < 1)))


def test_thinned_drops_what_is_not_finite_like_the_rest():
    tensor = ops.full((1000,), np.nan)
    [result] = kernels.thinned([tensor], 0.5, seed(1, 2))
    result = ops.convert_to_numpy(result)
    assert set(result[~np.isnan(result)]) == {0.0}
    assert 400 < np.count_nonzero(result == 0) < 600


def z_score(successes, draws, probability):
    return (successes - draws * probability) / np.sqrt(draws * probability * (1 - probability))


@pytest.mark.parametrize("keep", [0.5, 0.9, 0.999, 0.001, 1 / 3])
def test_thinned_keeps_the_right_part(keep):
    """Also of pairs: neighbours, variables and steps are independent. In deviations of chance."""
    draws = 2**19
    ones = [ops.ones((draws,)), ops.ones((2**9, 2**10))]
    kept = [
        ops.convert_to_numpy(tensor).reshape(-1)
        for counter in (0, 1)
        for tensor in kernels.thinned(ones, keep, seed(3, counter))
    ]
    scores = [z_score(mask.sum(), draws, keep) for mask in kept]
    for distance in (1, 2, 8, 1024):
        scores += [z_score(m[distance:] @ m[:-distance], draws - distance, keep**2) for m in kept]
    scores += [z_score(a @ b, draws, keep**2) for a, b in itertools.combinations(kept, 2)]
    assert max(map(abs, scores)) < 4.5


def test_equal_seeds_draw_alike_and_others_do_not():
    tensors = [ops.ones((64,)), ops.ones((64,))]
    for draw in (kernels.thinned, kernels.with_noise):
        drawn = {
            ops.convert_to_numpy(tensor).tobytes()
            for words in ((1, 2), (1, 2), (2, 1), (1, 3), (2, 2))
            for tensor in draw(tensors, 0.5, seed(*words))
        }
        assert len(drawn) == 8


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_noise_is_normal(dtype, float64):
    """Moments, and the parts of the draws between the deciles of the normal distribution."""
    draws = 2**18
    tensors = [ops.full((draws,), 0.25, dtype), ops.zeros((), dtype)]
    noisy, single = kernels.with_noise(tensors, ops.convert_to_tensor(0.5), seed(1, 2))
    assert keras.backend.standardize_dtype(noisy.dtype) == dtype and tuple(single.shape) == ()
    noise = (ops.convert_to_numpy(noisy).astype("float64") - 0.25) / 0.5
    for power, moment, deviation in ((1, 0, 1), (2, 1, 2**0.5), (3, 0, 15**0.5), (4, 3, 96**0.5)):
        assert abs(np.mean(noise**power) - moment) < 4 * deviation / draws**0.5
    deciles = [statistics.NormalDist().inv_cdf(tenth / 10) for tenth in range(1, 10)]
    counts = np.histogram(noise, [-np.inf, *deciles, np.inf])[0]
    assert np.sum((counts - draws / 10) ** 2) / (draws / 10) < 30  # 9 expected; 30: once in 2,500
    assert 4.2 < np.max(np.abs(noise)) < 6


def test_read_is_a_copy():
    variable = keras.Variable([1.0, 2.0])
    value = flow.read(variable)
    variable.assign([3.0, 4.0])
    assert value.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("holds", [True, False])
def test_run_if(holds):
    variable = keras.Variable(1.0)

    def double(factor):
        variable.assign(variable * factor)

    flow.run_if(ops.convert_to_tensor(holds), double, [variable], ops.convert_to_tensor(2.0))
    assert float(ops.convert_to_numpy(variable)) == (2.0 if holds else 1.0)


@pytest.mark.parametrize("anew", [True, False])
def test_add_up(anew):
    sums = [keras.Variable(np.full(shape, 3.0, "float32")) for shape in ((2,), ())]
    tensors = [ops.full(total.shape, 4.0) for total in sums]
    kernels.add_up(sums, tensors, ops.convert_to_tensor(anew))
    for total in sums:
        assert np.all(ops.convert_to_numpy(total) == (4.0 if anew else 7.0))
