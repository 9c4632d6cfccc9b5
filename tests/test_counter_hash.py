"""The random bits of the reference: the published hash, and as good as random."""

import itertools
import statistics

import numpy as np
import pytest
from keras import ops

from cases import BACKEND, compiled
from stepwrap.backends.reference import counter_hash


@np.errstate(over="ignore")
def reference(numbers, first_key, second_key):
    """triple32 with keys, in NumPy."""
    words = np.uint32

    def fold(word, shift):
        return word ^ (word >> words(shift))

    numbers = np.asarray(numbers, words)
    mixed = fold(numbers + words(first_key), 17) * words(0xED5AD4BB)
    mixed = fold(mixed, 11) * words(0xAC4C1B51) ^ words(second_key)
    return fold(fold(mixed, 15) * words(0x31848BAB), 14)


def drawn(shapes, *seed):
    bits = counter_hash.bits(shapes, ops.convert_to_tensor(seed, "int32"))
    return list(map(unsigned, bits))


def unsigned(bits):
    return np.array(ops.convert_to_numpy(bits)).view("uint32")


def test_the_reference_is_triple32():
    """What the published C function, which has no keys, gives."""
    assert reference(np.arange(4), 0, 0).tolist() == [0, 69681622, 4057983209, 3237000519]


def test_bits_are_the_hash_of_numbers_under_hashed_keys():
    shapes = [(5, 7), (), (300,)]
    keys = reference(np.arange(6), 2**31 - 1, 12)
    function = compiled(lambda seed: counter_hash.bits(shapes, seed))
    compiled_bits = function(ops.convert_to_tensor([2**31 - 1, 12], "int32"))
    for index, bits in enumerate(drawn(shapes, 2**31 - 1, 12)):
        numbers = np.arange(bits.size).reshape(bits.shape)
        np.testing.assert_array_equal(bits, reference(numbers, *keys[2 * index : 2 * index + 2]))
        np.testing.assert_array_equal(bits, unsigned(compiled_bits[index]))


def chi_square(values, kinds):
    """In its standard deviations from its mean, for numbers below `kinds`."""
    counts = np.bincount(values, minlength=kinds)
    expected = values.size / kinds
    return (np.sum((counts - expected) ** 2) / expected - (kinds - 1)) / np.sqrt(2 * (kinds - 1))


def correlations(signs, others):
    """Circular, at all distances, in their standard deviations."""
    spectra = [np.fft.rfft(one) for one in (signs, others)]
    return np.fft.irfft(spectra[0] * np.conj(spectra[1]), signs.size) / np.sqrt(signs.size)


def scores_of(streams):
    """Deviations from chance, each about standard normal, or the largest of many as such a one."""
    words = np.dtype("uint32").type
    signs = []
    for bits in streams:
        yield chi_square(bits >> words(16), 2**16)
        yield chi_square(bits & words(0xFFFF), 2**16)
        octets = (bits >> words(24)).astype("int64")
        yield chi_square(octets[:-1] * 256 + octets[1:], 2**16)
        ones = np.unpackbits(bits[: 2**17].view("uint8")).reshape(-1, 32).astype("float32") - 0.5
        between = (ones.T @ ones)[np.triu_indices(32, 1)] * 4 / np.sqrt(len(ones))
        yield largest(between)
        signs.append(np.where(bits >> words(31), 1.0, -1.0))
        own = correlations(signs[-1], signs[-1])
        yield largest(own[1 : own.size // 2])
    for one, other in itertools.pairwise(signs):
        yield largest(correlations(one, other))


def largest(scores):
    """The largest of many independent scores as a single one that is as improbable."""
    normal = statistics.NormalDist()
    tail = 2 * len(scores) * normal.cdf(-float(np.max(np.abs(scores))))
    return normal.inv_cdf(np.clip(np.exp(-tail), 1e-12, 1 - 1e-12))


MANY = pytest.param(
    10**7,
    marks=[
        pytest.mark.long,
        pytest.mark.skipif(BACKEND != "tensorflow", reason="the same bits as on TensorFlow"),
    ],
)


@pytest.mark.parametrize("draws", [2**18, MANY])
def test_bits_look_random(draws):
    """Those of two variables at steps in a row, and under seeds in a row."""
    seeds = [(1, 0), (1, 1), (1, 2), (2, 0), (3, 0)]
    streams = [bits for words in seeds for bits in drawn([(draws,), (draws,)], *words)]
    scores = np.array(list(scores_of(streams)))
    assert np.max(np.abs(scores)) < 4
    assert abs(np.mean(scores)) < 4 / np.sqrt(scores.size)


def test_the_tests_of_randomness_find_what_is_not():
    """A sequence of steps, one that repeats itself, and two that are nearly the same."""
    random = np.random.default_rng(0)
    good = [random.integers(2**32, size=2**16, dtype="uint32") for _ in range(3)]
    even = np.arange(2**16, dtype="uint32") * np.uint32(65537)
    again = np.concatenate([good[0][: 2**15]] * 2)
    alike = np.where(random.random(2**16) < 0.1, good[0], good[1])
    assert np.max(np.abs(list(scores_of(good)))) < 4
    for bad in ([even], [again], [good[1], alike]):
        assert np.max(np.abs(list(scores_of(bad)))) > 6


def test_normal_numbers_of_all_bits_are_finite_and_symmetric(monkeypatch):
    """Those of the least and the greatest bits, too, one of which every run of hours draws."""
    words = np.array([0, 2**9, 2**31 - 1, 2**31, 2**32 - 2**9 - 1, 2**32 - 1], "uint32")
    drawn = ops.convert_to_tensor(words.view("int32"))
    monkeypatch.setattr(counter_hash, "bits", lambda shapes, seed: [drawn])
    [numbers] = map(ops.convert_to_numpy, counter_hash.normal([(6,)], None))
    uniform = [((int(word) >> 9) + 0.5) * 2.0**-23 for word in words]
    expected = [statistics.NormalDist().inv_cdf(number) for number in uniform]
    np.testing.assert_allclose(numbers, expected, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(numbers, -numbers[::-1], rtol=1e-6)
