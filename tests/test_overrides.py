"""Every override of a backend does what the reference does."""

import inspect
import itertools

import keras
import numpy as np
import pytest
from keras import ops

import cases
from stepwrap.backends import flow, kernels, reference, replicas

REFERENCES = {"kernels": reference.Kernels(flow)}
REFERENCES["flow"] = reference.Flow(replicas)
REFERENCES["replicas"] = reference.Replicas()
OWN = {"kernels": kernels, "flow": flow, "replicas": replicas}
# A scalar, and sizes below and above those from which on a backend takes slabs or pieces.
SHAPES = [(), (37, 11), (2**18 + 5,)]
ROUNDING = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-5}


def overrides(altitude):
    """The methods that the backend's class has in place of those of the reference."""
    defined = inspect.getmembers(type(OWN[altitude]), inspect.isfunction)
    own = ((name, getattr(type(REFERENCES[altitude]), name, None)) for name, _ in defined)
    return [
        name
        for name, of_reference in own
        if of_reference not in (None, getattr(type(OWN[altitude]), name))
        and name not in vars(object)
    ]


def test_the_overrides_are_found():
    assert {"jax": "dot", "tensorflow": "_reduced", "torch": "dot"}[cases.BACKEND] in overrides(
        "kernels"
    )


class Samples:
    """Arguments for the kernels, the same ones for a dtype at each call."""

    def __init__(self, dtype):
        self._random = np.random.default_rng(0)
        self.dtype = dtype
        self.tensors, self.others = self.draw(), self.draw()
        self.blocks = [[tensor] for tensor in self.tensors] + [self.tensors[:2]]
        self.others_blocks = [[tensor] for tensor in self.others] + [self.others[:2]]
        self.empty = [[ops.zeros((0, 3), dtype), self.tensors[1]]]
        self.scalars = [ops.convert_to_tensor(0.5 + place) for place in range(len(self.blocks))]
        self.choices = [number > 2 for number in self.scalars]
        self.yes, self.no = (ops.convert_to_tensor(value) for value in (True, False))
        self.seed = ops.convert_to_tensor([3, 4], "int32")

    def draw(self):
        return [
            ops.cast(ops.convert_to_tensor(self._random.normal(size=shape), "float32"), self.dtype)
            for shape in SHAPES
        ]

    def variables(self):
        return [keras.Variable(ops.copy(tensor), dtype=self.dtype) for tensor in self.others]

    def not_finite(self):
        """The tensors, of which one has elements that are not finite, too."""
        bad = ops.convert_to_tensor([np.nan, np.inf, -np.inf, 1.0, -2.0], "float32")
        return [*self.tensors, ops.cast(bad, self.dtype)]

    def opposed(self):
        """Gradients for `not_finite`."""
        signs = ops.convert_to_tensor([1.0, -1.0, 1.0, -1.0, -1.0], "float32")
        return [*self.others, ops.cast(signs, self.dtype)]


def written(variables, write):
    """What a kernel leaves in the variables, and what it returns."""
    results = write(variables)
    return [[ops.convert_to_tensor(variable) for variable in variables], results]


# A new override of a kernel needs its arguments here: each is a function of a kernel's object and
# the samples, which calls the method of that name in one or several ways.
KERNELS = {
    "dense": lambda k, s: [k.dense(one, s.variables()[1]) for one in (s.tensors[1], [[1, 2]])],
    "forms": lambda k, s: len(k.forms(s.variables())) == len(SHAPES),
    "have_forms": lambda k, s: [  # what the reference does not know
        k.have_forms([[0.0]] * 3, k.forms(s.variables())),
        k.have_forms(s.tensors[::-1], k.forms(s.variables())),
        k.have_forms([ops.cast(one, "float64") for one in s.tensors], k.forms(s.variables())),
    ],
    "is_sparse": lambda k, s: k.is_sparse(s.tensors[1]),
    "written_out": lambda k, s: k.written_out(s.tensors[1]),
    "slices": lambda k, s: k.slices(s.tensors[1]),
    "sizes_are_known": lambda k, s: k.sizes_are_known(s.tensors),
    "all_finite": lambda k, s: [
        k.all_finite(k.numbers(s.scalars, s.blocks)),
        k.all_finite([*s.scalars, ops.convert_to_tensor(np.nan, "float32")]),
    ],
    "all_hold": lambda k, s: [k.all_hold(s.choices), k.all_hold([s.yes, s.yes])],
    "scalar": lambda k, s: [
        ops.convert_to_tensor(k.scalar(value, "float32"))
        for value in (
            0.1,
            3,
            s.scalars[0],
            keras.Variable(2.5),
            keras.Variable(2, dtype="int32", trainable=False),
        )
    ],
    "of_scalars": lambda k, s: [
        ops.convert_to_tensor(one)
        for one in k.of_scalars(
            lambda numpy, one, other, counts: (
                numpy.where(one > other, one, -other / 3),
                numpy.isfinite(one / numpy.zeros_like(one)),
                ~numpy.equal(one, other) & (other < 9),
                numpy.stack([counts[0] + 1, numpy.sum(counts)]),
            ),
            s.scalars[0],
            k.scalar(0.1, "float32"),
            ops.convert_to_tensor([1, 2], "int32"),
        )
    ],
    "times": lambda k, s: k.times(s.tensors, k.scalar(0.5, "float32")),
    "all_within": lambda k, s: [
        ops.convert_to_tensor(
            k.all_within(k.numbers(values, s.blocks), [1.0] * len(s.blocks), [2.0] * len(s.blocks))
        )
        for values in ([1.0, -2.0, 1.5, 1.0], [1.0, 1.0, 2.5, 1.0], [0.5] * 4, [np.nan] * 4)
    ],
    "units_within": lambda k, s: [
        ops.convert_to_tensor(
            k.units_within([ops.convert_to_tensor(one) for one in values], [1.0] * 2, [2.0] * 2)
        )
        for values in (
            ([[1.0, -2.0]], [1.5]),
            ([[1.0, 2.5]], [1.5]),
            ([[1.0, 0.0]], [1.5]),
            ([[1.0, np.nan]], [1.5]),
        )
    ],
    "root": lambda k, s: [
        k.each(k.root, k.numbers(values, s.blocks))
        for values in ([0.0, 4.0, 2.0, np.inf], [np.nan] * 4)
    ],
    "numbers": lambda k, s: [
        k.numbers(s.scalars, s.blocks),
        k.numbers([1.5] * len(s.blocks), s.blocks),
    ],
    "each": lambda k, s: k.each(
        lambda one, other: one / other + 1, *[k.numbers(s.scalars, s.blocks)] * 2
    ),
    "first": lambda k, s: k.first(s.blocks),
    "sums": lambda k, s: [
        k.sums(ops.abs, s.blocks),
        k.sums(ops.abs, s.empty),
        k.sums(lambda x, number: ops.square(x - number), s.blocks, k.numbers(s.scalars, s.blocks)),
    ],
    "sums_of_squares": lambda k, s: [k.sums_of_squares(s.blocks), k.sums_of_squares(s.empty)],
    "dots": lambda k, s: [
        k.dots(positive(s.blocks), positive(s.others_blocks)),
        k.dots(s.empty, s.empty),
    ],
    "dot": lambda k, s: k.dot(*(positive([one])[0] for one in (s.tensors, s.others))),
    "largest": lambda k, s: k.largest(s.blocks),
    "smallest": lambda k, s: k.smallest(s.blocks),
    "_reduced": lambda k, s: (
        [
            k._reduced(ops.max, ops.maximum, ops.subtract, tensor, other)
            for tensor, other in zip(s.tensors, s.others, strict=True)
        ]
        + [k.sums_of_squares_of_units(tensor) for tensor in s.tensors]
        + [KERNELS[name](k, s) for name in ("sums", "dots", "largest", "smallest")]
    ),
    "_wide": lambda k, s: [k._wide(tensor) for tensor in s.tensors],
    "_mapped": lambda k, s: [k._mapped(ops.negative, tensor) for tensor in s.tensors],
    "scaled": lambda k, s: k.scaled(s.blocks, k.numbers(s.scalars, s.blocks)),
    "scaled_unless": lambda k, s: [
        k.scaled_unless(is_one, s.blocks, k.numbers(factors, s.blocks))
        for is_one, factors in (
            (False, s.scalars),
            (s.no, s.scalars),
            (s.yes, [ops.ones_like(one) for one in s.scalars]),
            (True, [ops.ones_like(one) for one in s.scalars]),
        )
    ],
    "scaled_where": lambda k, s: [
        k.scaled_where(
            k.numbers(choices, s.blocks),
            s.blocks,
            k.numbers(s.scalars, s.blocks),
            s.others_blocks,
        )
        for choices in (s.choices, [s.no] * len(s.blocks))
    ],
    "scaled_or_zero": lambda k, s: (
        [k.scaled_or_zero(accepted, s.tensors, s.scalars[0]) for accepted in (s.yes, s.no)]
        + k.scaled_or_zero(s.no, s.not_finite(), s.scalars[0])
    ),
    "add_scaled": lambda k, s: k.add_scaled(s.tensors, s.others, 0.5),
    "downhill": lambda k, s: [
        k.downhill(s.tensors, s.others, 1e-3),
        k.downhill(s.not_finite(), s.opposed(), 1e-3),
        k.downhill(s.tensors[:2], s.others[:2], 1e-3),  # where none is large
        k.downhill(s.not_finite()[-1:], s.opposed()[-1:], 1e-3),
    ],
    "add": lambda k, s: written(s.variables(), lambda v: k.add(v, s.tensors)),
    "decay": lambda k, s: [
        written(s.variables(), lambda v: k.decay(v, rate))  # noqa: B023
        for rate in (0.25, s.scalars[0], s.scalars[0] * 0)
    ],
    "decay_towards": lambda k, s: [
        written(s.variables(), lambda v: k.decay_towards(v, targets, rate))  # noqa: B023
        for targets in (s.tensors, s.variables())
        for rate in (s.scalars[0], s.scalars[0] * 0)
    ],
    "decay_unless_growing": lambda k, s: [
        written(s.variables(), lambda v: k.decay_unless_growing(v, s.tensors, rate))  # noqa: B023
        for rate in (s.scalars[0], s.scalars[0] * 0)
    ],
    "add_up": lambda k, s: [
        written(s.variables(), lambda v: k.add_up(v, s.tensors, anew))  # noqa: B023
        for anew in (s.yes, s.no)
    ],
    "update_averages": lambda k, s: written(
        s.variables(), lambda v: k.update_averages(v, s.tensors, 0.75)
    ),
    "blend": lambda k, s: [
        written(s.variables(), lambda v: k.blend(v, targets, decay))  # noqa: B023
        for decay in (0.75, s.scalars[0])
        for targets in (s.tensors, s.not_finite()[:-1], s.variables())
    ],
    "accumulate": lambda k, s: [
        written(s.variables(), lambda v: k.accumulate(v, tensors, 0.5))  # noqa: B023
        for tensors in (s.tensors, [tensor / 0 for tensor in s.tensors])
    ],
}


def positive(blocks):
    """Magnitudes, of which sums lose no digits."""
    return [[ops.abs(tensor) for tensor in block] for block in blocks]


def draws(results, tensors):
    """For each draw the part of elements that are as they were, and whether others are zero."""
    for result, tensor in zip(results, tensors, strict=True):
        result, tensor = (ops.convert_to_numpy(ops.cast(x, "float32")) for x in (result, tensor))
        assert result.shape == tensor.shape
        yield result, tensor


def thinned_alike(k, samples):
    results = list(draws(k.thinned(samples.tensors, 0.75, samples.seed), samples.tensors))
    for result, tensor in results:
        assert np.all((result == tensor) | (result == 0))
    kept = np.mean(results[-1][0] != 0)
    assert abs(kept - 0.75) < 4.5 * np.sqrt(0.75 * 0.25 / results[-1][0].size)
    for result, tensor in draws(k.thinned(samples.tensors, 1.0, samples.seed), samples.tensors):
        np.testing.assert_array_equal(result, tensor)


def noisy_alike(k, samples):
    results = list(draws(k.with_noise(samples.tensors, 2.0, samples.seed), samples.tensors))
    noise = results[-1][0].astype("float64") - results[-1][1]
    for power, moment, deviation in ((1, 0, 2), (2, 4, 4 * 2**0.5)):
        slack = {"float16": 1e-3, "bfloat16": 1e-2, "float32": 0}[samples.dtype]
        assert abs(np.mean(noise**power) - moment) < 4.5 * deviation / noise.size**0.5 + slack


# Random numbers are others on each backend: both must have the same distribution.
DRAWS = {"thinned": thinned_alike, "with_noise": noisy_alike}


def numbers_in(results):
    """All the numbers in what a method returned, however it holds them, in turn, and the dtypes."""
    if results is None:
        return []
    if isinstance(results, list | tuple):
        return list(itertools.chain.from_iterable(map(numbers_in, results)))
    if isinstance(results, bool | float | np.ndarray):
        return [np.asarray(results)]
    dtype = keras.backend.standardize_dtype(results.dtype)
    array = ops.convert_to_numpy(ops.cast(results, "float32") if "16" in dtype else results)
    return [np.asarray(array)]


def by_number(results):
    arrays = [array.ravel() for array in numbers_in(results)]
    return np.concatenate(arrays) if arrays else np.zeros(0)


def eager(function):
    return function


# Sparse gradients, which test_sparse_gradients.py compares with dense ones, are their argument.
COMPARED = [name for name in overrides("kernels") if name != "rows"]
# What makes variables, or looks at more than tensors, is not compiled by itself.
WRITE = (
    *("add", "add_up", "update_averages", "blend", "accumulate"),
    *("decay", "decay_towards", "decay_unless_growing"),
)
NOT_COMPILED = (*WRITE, "dense", "scalar", "forms", "have_forms", "is_sparse", "sizes_are_known")


@pytest.mark.parametrize("dtype", cases.others_long(ROUNDING, ["float32"]))
@pytest.mark.parametrize("name", COMPARED)
def test_a_kernel_does_what_the_reference_does(name, dtype):
    samples = Samples(dtype)
    if name in DRAWS:
        for k in (kernels, REFERENCES["kernels"]):
            DRAWS[name](k, samples)
        return
    assert name in KERNELS, f"{name} has no arguments to compare it with: add it to KERNELS"
    ways = [eager] if name in NOT_COMPILED else [cases.compiled]
    for run in ways if dtype != "float32" else {eager, *ways}:
        result, expected = (
            by_number(run(lambda k=k: KERNELS[name](k, samples))())
            for k in (kernels, REFERENCES["kernels"])
        )
        np.testing.assert_allclose(
            result, expected, rtol=ROUNDING[dtype], atol=ROUNDING[dtype], equal_nan=True
        )


@pytest.mark.skipif(cases.BACKEND == "torch", reason="PyTorch asks each tensor where it is")
@pytest.mark.parametrize("name", sorted(set(COMPARED) & set(KERNELS) - set(NOT_COMPILED)))
def test_a_kernel_does_the_same_where_there_is_no_cpu(name, monkeypatch):
    """What is for XLA on a CPU is left out there."""
    samples = Samples("float32")
    expected = by_number(cases.compiled(lambda: KERNELS[name](kernels, samples))())
    monkeypatch.setattr(f"stepwrap.backends.{cases.BACKEND}.device.on_cpu", lambda: False)
    result = by_number(cases.compiled(lambda: KERNELS[name](kernels, samples))())
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def changed(write):
    """Two variables after a method wrote to them, and what it returned."""
    variables = [keras.Variable([1.0, 2.0]), keras.Variable(3.0)]
    results = write(variables, [keras.Variable([4.0, 5.0]), keras.Variable(6.0)])
    return [[ops.convert_to_tensor(variable) for variable in variables], results]


def both(function):
    return [function(ops.convert_to_tensor(value)) for value in (True, False)]


FLOW = {
    "cond": lambda f: both(lambda yes: f.cond(yes, lambda: [ops.ones(2)], lambda: [ops.zeros(2)])),
    "run_if": lambda f: both(
        lambda yes: changed(
            lambda like, _: f.run_if(
                yes, lambda x: [x, x[0]], [], ops.convert_to_tensor([1.0, 2.0]), like=like
            )
        )
    ),
    "compiled": lambda f: f.compiled(ops.square, lambda: True)(ops.convert_to_tensor(3.0)),
    "uncompiled": lambda f: f.uncompiled(ops.square)(ops.convert_to_tensor(3.0)),
    "goes_on": lambda f: f.goes_on(f.trace_of(ops.ones(2))),
    "of_here": lambda f: f.of_here([ops.ones(2), None])[0],
    "trace_of": lambda f: f.goes_on(f.trace_of(ops.ones(2))),
    "value": lambda f: [f.value(keras.Variable([1.0, 2.0])), f.value(ops.ones(2))],
    "values": lambda f: f.values([keras.Variable([1.0, 2.0]), ops.ones(2)]),
    "copy": lambda f: changed(f.copy),
    "start_at": lambda f: changed(f.start_at),
    "snapshot": lambda f: changed(lambda variables, _: f.snapshot(variables)),
    "assign": lambda f: changed(
        lambda variables, others: (
            [
                f.assign(variable, np.array(value))
                for variable, value in zip(variables, ([7.0, 8.0], 9.0), strict=True)
            ]
            and []
        )
    ),
    "read": lambda f: f.read(keras.Variable([1.0, 2.0])),
}

# What the reference cannot do on the backend that overrides it, and where it is tested.
OF_THE_BACKEND_ALONE = {
    "captured": "test_step_capture.py",
    "put_random_state": "test_checkpoint.py",
    "random_state": "test_checkpoint.py",
    "restore_unless": "test_backends.py",
    "save_memory": "test_parts.py",
    "without_gradients": "test_evaluate_on_averages.py",
}


@pytest.mark.parametrize("name", sorted(set(overrides("flow")) - set(OF_THE_BACKEND_ALONE)))
def test_flow_does_what_the_reference_does(name):
    assert name in FLOW, f"{name} has nothing to compare it by: add it to FLOW"
    np.testing.assert_array_equal(
        by_number(FLOW[name](flow)), by_number(FLOW[name](REFERENCES["flow"]))
    )


def summed(r):
    seen = []
    r.once_summed(lambda *step: seen.extend(step), [ops.ones(2)], ops.convert_to_tensor(3.0))
    return [*seen, r.must_sum()]


def keys(function):
    one, other = keras.Variable(1.0), keras.Variable(1.0)
    return [function(one) == function(one), function(one) == function(other)]


# On one replica, nothing is summed, compared or sent.
REPLICAS = {
    "replica": lambda r: np.asarray(r.replica()),
    "must_sum": lambda r: r.must_sum(),
    "once_summed": summed,
    "leave_sums_to_wrapper": lambda r: r.leave_sums_to_wrapper(keras.optimizers.SGD()),
    "on_all_replicas": lambda r: both(r.on_all_replicas),
    "check_made_together": lambda r: r.check_made_together(
        "one", [keras.Variable(1.0)], keras.optimizers.SGD()
    ),
    "check_place": lambda r: r.check_place("one", keras.Variable(1.0)),
    "agree": lambda r: changed(lambda variables, _: r.agree(variables)),
    "scope_of": lambda r: r.scope_of(keras.Variable(1.0)).__enter__(),
    "once_for_all_replicas": lambda r: r.once_for_all_replicas(
        lambda run: [run(), 1.0][1:] == [1.0], lambda tensors: None, [ops.ones(2)]
    ),
    "key": lambda r: keys(r.key),
    "local_keys": lambda r: [
        r.local_key(one) in r.local_keys(one) for one in (keras.Variable(1.0), keras.Variable(2.0))
    ],
    "local": lambda r: ops.convert_to_tensor(r.local(keras.Variable([1.0, 2.0]))),
}


@pytest.mark.parametrize(
    "name", overrides("replicas") or [pytest.param("", marks=pytest.mark.skip)]
)
def test_one_replica_is_what_the_reference_has(name):
    assert name in REPLICAS, f"{name} has nothing to compare it by: add it to REPLICAS"
    np.testing.assert_array_equal(
        by_number(REPLICAS[name](replicas)), by_number(REPLICAS[name](REFERENCES["replicas"]))
    )
