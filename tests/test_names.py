"""Names of wrappers and base optimizers: finding them, and adding one's own."""

import re

import keras
import pytest

import cases
import stepwrap
from stepwrap import optimizers, wrappers
from stepwrap.catalogue import Catalogue, SavedClasses, snake_case
from stepwrap.optimizers.keras_classes import keras_optimizer_classes

pytestmark = pytest.mark.backend_free


@pytest.fixture(autouse=True)
def clean_catalogues():
    """Removes what a test registered."""
    yield
    for catalogue in (wrappers, optimizers):
        for name in catalogue.names():
            try:
                catalogue.unregister(name)
            except ValueError as error:
                assert "is built in" in str(error)


def make_wrapper():
    return type("Squashed", (stepwrap.OptimizerWrapper,), {})


def make_optimizer():
    return type("Descent", (keras.optimizers.SGD,), {})


both = pytest.mark.parametrize(
    ("catalogue", "make", "built_in"),
    [(wrappers, make_wrapper, "clipped"), (optimizers, make_optimizer, "adam")],
    ids=["wrappers", "optimizers"],
)


def test_every_keras_optimizer_has_its_lower_case_name():
    for cls in keras_optimizer_classes():
        name = cls.__name__.lower()
        if name in ("lossscaleoptimizer", "multioptimizer"):  # around other optimizers
            assert name not in optimizers.names()
        elif name == "lamb":
            assert optimizers.get("keras_lamb") is cls
        else:
            assert optimizers.get(name) is cls


def test_optimizers_of_stepwrap_have_names():
    assert optimizers.get("l4adam") is stepwrap.L4Adam
    assert optimizers.get("l4mom") is stepwrap.L4Mom
    assert optimizers.get("lamb") is stepwrap.presets.lamb


@both
def test_names_are_sorted(catalogue, make, built_in):
    assert catalogue.names() == sorted(catalogue.names())
    assert built_in in catalogue.names()


def test_wildcards():
    assert {"adam", "adamw", "nadam", "l4adam"} <= set(optimizers.names("*adam*"))
    assert "sgd" not in optimizers.names("*adam*")
    assert optimizers.names("s?d") == ["sgd"]
    assert optimizers.names("[ab]da?") == ["adam"]
    assert "gradient_accumulation" in wrappers.names("gradient*")
    assert optimizers.names("adam") == ["adam"] and optimizers.names("ADAM") == []
    with pytest.raises(TypeError, match="`pattern` must be a string"):
        wrappers.names(3)


def test_an_unknown_name_lists_what_exists_and_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"'Addam' is no base optimizer\. Did you mean 'adam'\?"):
        optimizers.get("Addam")
    with pytest.raises(ValueError, match=r"'clip' is no wrapper\. Did you mean") as caught:
        wrappers.get("clip")
    assert all(repr(name) in str(caught.value) for name in wrappers.names())


def test_a_name_in_another_case_an_alias_or_the_name_of_the_class():
    for name in ("adam", "Adam", "ADAM"):
        assert optimizers.get(name) is keras.optimizers.Adam
    for name in ("LAMB", "Lamb"):  # which means one thing, though Keras has a class of that name
        assert optimizers.get(name) is stepwrap.presets.lamb
    for name in ("SWA", "swa", "StochasticWeightAverage", "Stochastic_Weight_Average"):
        assert wrappers.get(name) is stepwrap.StochasticWeightAverage
    assert wrappers.get("EMA") is wrappers.get("MovingAverage") is stepwrap.MovingAverage
    assert "swa" not in wrappers.names()


def test_a_user_s_name_comes_before_every_other_spelling():
    mine, other = make_wrapper(), make_wrapper()
    wrappers.register("swa", mine)
    wrappers.register("Normalized", other)
    assert wrappers.get("swa") is wrappers.get("SWA") is mine
    assert wrappers.get("Normalized") is other
    assert wrappers.get("normalized") is stepwrap.NormalizedOptimizer


def test_a_spelling_that_stands_for_several_is_refused():
    wrappers.register("mine", make_wrapper())
    wrappers.register("Mine", make_wrapper())
    with pytest.raises(ValueError, match=r"'MINE' is no wrapper\. Did you mean 'mine'"):
        wrappers.get("MINE")
    with pytest.raises(ValueError, match="'squashed' is no wrapper"):
        wrappers.get("squashed")  # the name of both classes


@both
def test_register_as_a_decorator_and_as_a_call(catalogue, make, built_in):
    cls, other = make(), make()
    assert catalogue.register("mine")(cls) is cls
    assert catalogue.register("other", other) is other
    assert catalogue.get("mine") is cls and catalogue.get("other") is other
    assert {"mine", "other"} <= set(catalogue.names())


def test_a_registered_wrapper_is_part_of_texts_and_can_be_saved():
    cls = wrappers.register("squashed", make_wrapper())
    optimizer = stepwrap.parse("sgd | squashed | normalized")
    assert type(optimizer.inner_optimizer) is cls
    assert stepwrap.describe(optimizer) == "sgd | squashed | normalized"
    config = keras.optimizers.serialize(optimizer)
    assert config["config"]["inner_optimizer"]["registered_name"] == "Custom>Squashed"
    assert keras.optimizers.serialize(keras.optimizers.deserialize(config)) == config


def test_a_registered_optimizer_is_part_of_texts_and_can_be_saved():
    cls = optimizers.register("descent", make_optimizer(), package="mine")
    optimizer = stepwrap.parse("descent(momentum=0.5) | normalized")
    assert type(optimizer.inner_optimizer) is cls
    assert stepwrap.describe(optimizer) == "descent(momentum=0.5) | normalized"
    config = keras.optimizers.serialize(optimizer)
    assert config["config"]["inner_optimizer"]["registered_name"] == "mine>Descent"
    assert keras.optimizers.serialize(keras.optimizers.deserialize(config)) == config


def test_a_class_that_is_registered_with_keras_keeps_its_name_there():
    wrappers.register("averaged", cases.AveragedGradient)
    assert keras.saving.get_registered_name(cases.AveragedGradient) == "tests>AveragedGradient"


def test_the_classes_of_stepwrap_are_saved_under_its_name():
    for name in wrappers.names():
        cls = wrappers.get(name)
        assert keras.saving.get_registered_name(cls) == f"stepwrap>{cls.__name__}"


def test_an_example_is_what_a_wrapper_needs_and_what_shows_what_it_does():
    assert wrappers.example("coupled_weight_decay") == {"rate": 0.01}
    assert wrappers.example("EMA") == {"average_decay": 0.5} and wrappers.example("l4") == {}
    assert optimizers.example("adam") == optimizers.example("lamb") == {}
    wrappers.example("lookahead").clear()
    assert wrappers.example("lookahead") == {"sync_period": 2}
    with pytest.raises(ValueError, match=r"'clip' is no wrapper\. Did you mean"):
        wrappers.example("clip")


@both
def test_a_user_s_class_may_have_an_example(catalogue, make, built_in):
    catalogue.register("mine", make(), example={"name": "shown"})
    catalogue.register("other")(make())
    assert catalogue.example("mine") == {"name": "shown"} and catalogue.example("other") == {}
    with pytest.raises(TypeError, match=r"`example` must map arguments to values\..*\['name'\]"):
        catalogue.register("third", make(), example=["name"])
    assert "third" not in catalogue.names()


@both
def test_an_existing_name_is_replaced_only_when_asked_to(catalogue, make, built_in):
    original, cls = catalogue.get(built_in), make()
    with pytest.raises(ValueError, match=rf"'{built_in}' is already registered.*replace=True"):
        catalogue.register(built_in, cls)
    assert catalogue.get(built_in) is original
    catalogue.register(built_in, cls, replace=True)
    assert catalogue.get(built_in) is cls
    catalogue.unregister(built_in)
    assert catalogue.get(built_in) is original


@both
def test_unregister(catalogue, make, built_in):
    catalogue.register("mine", make())
    catalogue.unregister("mine")
    assert "mine" not in catalogue.names()
    with pytest.raises(ValueError, match="'mine' was not registered"):
        catalogue.unregister("mine")
    with pytest.raises(ValueError, match=f"'{built_in}' is built in"):
        catalogue.unregister(built_in)


@both
@pytest.mark.parametrize("name", ["", "two words", "a-b", "1st", "lambda", "None", "größe", "a|b"])
def test_a_name_that_cannot_stand_in_a_text_is_refused(catalogue, make, built_in, name):
    with pytest.raises(ValueError, match="letters, digits and underscores"):
        catalogue.register(name, make())


@both
def test_a_decorator_without_a_name_is_refused(catalogue, make, built_in):
    with pytest.raises(TypeError, match=r"write `@register\('my_name'\)`"):
        catalogue.register(make())


@pytest.mark.parametrize("cls", [keras.optimizers.SGD, stepwrap.LossScaleOptimizer, int, "sgd"])
def test_what_is_no_wrapper_class_is_refused(cls):
    with pytest.raises(TypeError, match="must be a subclass of OptimizerWrapper"):
        wrappers.register("mine")(cls)
    assert "mine" not in wrappers.names()


@pytest.mark.parametrize("cls", [int, keras.layers.Dense, lambda: keras.optimizers.SGD()])
def test_what_is_no_optimizer_class_is_refused(cls):
    with pytest.raises(TypeError, match="must be a subclass of Optimizer"):
        optimizers.register("mine")(cls)
    assert "mine" not in optimizers.names()


def test_the_library_s_own_names_are_refused():
    with pytest.raises(ValueError, match="'loss_scale_optimizer' has a meaning of its own"):
        wrappers.register("loss_scale_optimizer", make_wrapper())
    with pytest.raises(ValueError, match="`package` 'stepwrap' is the library's own"):
        wrappers.register("mine", make_wrapper(), package="stepwrap")


def test_the_library_s_own_decorator_registers_classes_for_saving_and_takes_functions():
    catalogue = Catalogue("base optimizer")
    classes = SavedClasses(catalogue, keras.optimizers.Optimizer)
    cls = classes.built_in("descent")(make_optimizer())
    function = classes.built_in("preset")(lambda: cls())
    assert keras.saving.get_registered_name(cls) == "stepwrap>Descent"
    assert catalogue.names() == ["descent", "preset"]
    assert catalogue.get("preset") is function
    assert catalogue.name_of(cls) == "descent" and catalogue.name_of(int) is None


@pytest.mark.parametrize("make", [*keras_optimizer_classes(), stepwrap.L4Adam])
def test_snake_case_is_the_name_keras_gives(make):
    if make in (keras.optimizers.LossScaleOptimizer, stepwrap.LossScaleOptimizer):
        optimizer = make(keras.optimizers.SGD(), name=None)
    elif make is getattr(keras.optimizers, "MultiOptimizer", None):
        optimizer = make(lambda variable: None, name=None)
    else:
        optimizer = make(name=None)
    assert re.sub(r"_\d+$", "", optimizer.name) == snake_case(make)
