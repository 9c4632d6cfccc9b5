"""Normalizers and norms of a user's own: registering, finding and removing them."""

import numpy as np
import pytest
from keras import ops

import stepwrap
from stepwrap import normalizers

pytestmark = pytest.mark.usefixtures("clean_registry")
GRADIENT = np.array([[3.0, -4.0]], "float32")


def halve(gradient):
    return gradient / 2


def value(name):
    return ops.convert_to_numpy(normalizers.get(name)(GRADIENT))


def test_register_as_a_call():
    assert normalizers.register("halve", halve) is halve
    np.testing.assert_array_equal(value("halve"), GRADIENT / 2)
    assert "halve" in normalizers.names()


def test_register_as_a_decorator():
    @normalizers.register("double")
    def double(gradient):
        return gradient * 2

    np.testing.assert_array_equal(value("double"), GRADIENT * 2)
    np.testing.assert_array_equal(double(GRADIENT), GRADIENT * 2)


def test_register_a_norm_as_a_call_and_as_a_decorator():
    normalizers.register_norm("l3", lambda g: ops.sum(ops.abs(g) ** 3) ** (1 / 3))
    np.testing.assert_allclose(value("l3"), GRADIENT / 91 ** (1 / 3), rtol=1e-6)

    @normalizers.register_norm("twice_max")
    def twice_max(gradient):
        return 2 * ops.max(ops.abs(gradient))

    np.testing.assert_allclose(value("twice_max"), GRADIENT / 8, rtol=1e-6)


def test_names_are_sorted():
    normalizers.register("aa", halve)
    assert normalizers.names() == sorted(normalizers.names())
    assert normalizers.names()[0] == "aa"


def test_an_existing_name_is_replaced_only_when_asked_to():
    normalizers.register("halve", halve)
    for register in (normalizers.register, normalizers.register_norm):
        with pytest.raises(ValueError, match=r"'halve' is already registered.*replace=True"):
            register("halve", halve)
    normalizers.register("halve", lambda g: g / 4, replace=True)
    np.testing.assert_array_equal(value("halve"), GRADIENT / 4)


def test_a_built_in_name_comes_back_when_its_replacement_is_removed():
    with pytest.raises(ValueError, match="'l2' is already registered"):
        normalizers.register("l2", halve)
    normalizers.register("l2", halve, replace=True)
    np.testing.assert_array_equal(value("l2"), GRADIENT / 2)
    normalizers.unregister("l2")
    np.testing.assert_allclose(value("l2"), GRADIENT / 5, rtol=1e-6)


def test_unregister():
    normalizers.register("halve", halve)
    normalizers.unregister("halve")
    assert "halve" not in normalizers.names()
    with pytest.raises(ValueError, match="'halve' was not registered"):
        normalizers.unregister("halve")
    with pytest.raises(ValueError, match="'l2' is built in"):
        normalizers.unregister("l2")


def test_an_optimizer_keeps_the_normalizer_it_was_made_with():
    normalizers.register("halve", halve)
    optimizer = stepwrap.NormalizedOptimizer("sgd", "halve")
    normalizers.register("halve", lambda g: g * 100, replace=True)
    [result] = optimizer.transform_gradients([ops.convert_to_tensor(GRADIENT)], [None])
    np.testing.assert_array_equal(ops.convert_to_numpy(result), GRADIENT / 2)


@pytest.mark.parametrize("register", [normalizers.register, normalizers.register_norm])
def test_what_is_not_callable_is_refused(register):
    with pytest.raises(TypeError, match=r"`norm.*` must be a function.*Received: 3 of type int"):
        register("three", 3)
    assert "three" not in normalizers.names()


@pytest.mark.parametrize("name", ["", 5, halve])
def test_a_name_must_be_a_string(name):
    with pytest.raises(TypeError, match="`name` must be a string"):
        normalizers.register(name, halve)


def test_an_unknown_name_lists_what_exists_and_suggests_the_nearest():
    with pytest.raises(ValueError) as error:
        normalizers.get("avgl2")
    message = str(error.value)
    assert "normalization='avgl2'" in message and "Did you mean 'avg_l2'?" in message
    assert all(repr(name) in message for name in normalizers.names())
    assert "stepwrap.normalizers.register('avgl2', my_function)" in message


def test_the_classic_spelling_for_clipping():
    """A function is a norm there, which is compared with `clipnorm`."""
    clipped = stepwrap.ClippedOptimizer
    normalizers.register("halve", halve)
    clipped.set_normalization_function("twice_max", lambda g: 2 * ops.max(ops.abs(g)))
    assert clipped.get_normalization_functions() == normalizers.names_of_norms()
    assert set(normalizers.names()) - set(normalizers.names_of_norms()) == {"halve"}
    optimizer = clipped("sgd", "twice_max", clipnorm=2.0)
    [result] = optimizer.transform_gradients([ops.convert_to_tensor(GRADIENT)], [None])
    np.testing.assert_allclose(ops.convert_to_numpy(result), GRADIENT / 4, rtol=1e-6)
    with pytest.raises(ValueError, match="already registered"):
        clipped.set_normalization_function("twice_max", halve)
    clipped.set_normalization_function("twice_max", halve, replace=True)
    with pytest.raises(TypeError, match="`function` must be a function"):
        clipped.set_normalization_function("none", None)
    for name in clipped.get_normalization_functions():
        clipped("sgd", name)


def test_the_classic_spelling():
    stepwrap.NormalizedOptimizer.set_normalization_function("halve", halve)
    assert stepwrap.NormalizedOptimizer.get_normalization_functions() == normalizers.names()
    assert "halve" in normalizers.names()
    np.testing.assert_array_equal(value("halve"), GRADIENT / 2)
    with pytest.raises(ValueError, match="already registered"):
        stepwrap.NormalizedOptimizer.set_normalization_function("halve", halve)
    stepwrap.NormalizedOptimizer.set_normalization_function("halve", halve, replace=True)
    with pytest.raises(TypeError, match="`function` must be a function"):
        stepwrap.NormalizedOptimizer.set_normalization_function("none", None)
