"""Bad input: the error names the argument, the value and the remedy, and nothing has changed."""

import functools
import types
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from stepwrap import ClippedOptimizer, NormalizedOptimizer, OptimizerWrapper, normalizers

pytestmark = pytest.mark.usefixtures("clean_registry")
ADAM = keras.optimizers.Adam()


@pytest.mark.parametrize(
    ("inner", "error", "words"),
    [
        (None, TypeError, ["None", "keras.optimizers.Adam(1e-3)"]),
        (keras.optimizers.Adam, TypeError, ["not a class", "`Adam()`"]),
        (object(), TypeError, ["builtins.object"]),
        (types.SimpleNamespace(init=1, update=2), TypeError, ["types.SimpleNamespace"]),
        (0.001, TypeError, ["0.001", "of type builtins.float"]),
        ("adamm", ValueError, ["'adamm'", "Did you mean 'adam'?", "'sgd'"]),
        ({"name": "adam"}, ValueError, ["class_name", "keras.optimizers.serialize"]),
        (keras.optimizers.LossScaleOptimizer(ADAM), ValueError, ["LossScaleOptimizer(Norm"]),
        (keras.optimizers.Adam(loss_scale_factor=8.0), ValueError, ["`loss_scale_factor=8.0`"]),
        (
            keras.optimizers.Adam(gradient_accumulation_steps=4),
            ValueError,
            ["`gradient_accumulation_steps=4`", "on Adam"],
        ),
    ],
)
def test_an_inner_optimizer_that_cannot_be_wrapped(inner, error, words):
    with pytest.raises(error) as caught:
        NormalizedOptimizer(inner)
    assert all(word in str(caught.value) for word in ["inner_optimizer", *words][-len(words) :])


@pytest.mark.parametrize("name", stepwrap.optimizers.names())
def test_every_name_that_the_error_lists_is_known(name):
    assert repr(NormalizedOptimizer(name)) == repr(stepwrap.parse(f"{name} | normalized"))


@cases.of_a_peer_on("torch")
def test_an_optimizer_of_torch():
    torch = pytest.importorskip("torch")
    inner = torch.optim.Adam([torch.zeros(1)])
    with pytest.raises(TypeError, match=r"must be a Keras optimizer.*torch\.optim\.adam\.Adam"):
        NormalizedOptimizer(inner)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: NormalizedOptimizer(ADAM, "l22"), ValueError, ["'l22'", "mean 'l2'?", "'std'"]),
        (lambda: ClippedOptimizer(ADAM, "l22"), ValueError, ["'l22'", "mean 'l2'?", "'std'"]),
        (lambda: NormalizedOptimizer(ADAM, 2), TypeError, ["`normalization`", "2 of type int"]),
        (lambda: NormalizedOptimizer(ADAM, None), TypeError, ["`normalization`", "None"]),
        (lambda: ClippedOptimizer(ADAM, 2), TypeError, ["`normalization`", "2 of type int"]),
        (
            lambda: NormalizedOptimizer(ADAM, scope="layers"),
            ValueError,
            ["`scope`", "'layers'", "mean 'layer'?", "'variable', 'layer', 'global'"],
        ),
        (lambda: NormalizedOptimizer(ADAM, scope=None), TypeError, ["`scope`", "None"]),
        (lambda: ClippedOptimizer(ADAM, clipnorm=0), ValueError, ["`clipnorm`", "clipnorm=0"]),
        (lambda: ClippedOptimizer(ADAM, clipnorm=-1.0), ValueError, ["above 0", "-1.0"]),
        (lambda: ClippedOptimizer(ADAM, clipnorm=np.inf), ValueError, ["finite", "inf"]),
        (lambda: ClippedOptimizer(ADAM, clipnorm=np.nan), ValueError, ["finite", "nan"]),
        (lambda: ClippedOptimizer(ADAM, clipnorm="1"), TypeError, ["number", "'1' of type str"]),
        (lambda: ClippedOptimizer(ADAM, clipnorm=True), TypeError, ["number", "bool"]),
        (lambda: ClippedOptimizer(ADAM, clipnorm=None), TypeError, ["number", "None"]),
    ],
)
def test_arguments_of_the_wrappers(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize("inner", [ADAM, "adam", OptimizerWrapper(ADAM)])
@pytest.mark.parametrize(
    ("name", "value"),
    [("clipnorm", 1.0), ("weight_decay", 0.1), ("use_ema", True), ("beta_1", 0.5)],
)
def test_an_argument_of_the_inner_optimizer_points_there(inner, name, value):
    with pytest.raises(TypeError) as caught:
        NormalizedOptimizer(inner, "l2", **{name: value})
    message = str(caught.value)
    assert f"no argument `{name}`" in message
    assert f"`NormalizedOptimizer(Adam({name}={value!r}), ...)`" in message


def test_an_unknown_argument_suggests_the_nearest_or_lists_all():
    with pytest.raises(
        TypeError, match=r"no argument `normalisation`\. Did you mean 'normalization"
    ):
        NormalizedOptimizer(ADAM, normalisation="l2")
    with pytest.raises(TypeError, match=r"no argument `zzz`\. It takes: 'inner_optimizer', 'norm"):
        NormalizedOptimizer(ADAM, zzz=1)


def test_an_unknown_wrapper():
    with pytest.raises(ValueError, match=r"'clip' is no wrapper.*mean 'clipped'.*'normalized'"):
        stepwrap.wrappers.get("clip")


def test_a_normalizer_has_no_norm_to_clip_by():
    normalizers.register("sign", ops.sign)
    with pytest.raises(ValueError, match=r"'sign' was registered as a normalizer.*register_norm"):
        ClippedOptimizer(ADAM, "sign")


PROBABILITY = [0, -0.1, 1.1, np.nan, "0.5", True]
NOT_NEGATIVE = [-1, np.inf, np.nan, None, "1"]
POSITIVE = [0, *NOT_NEGATIVE]
DECAY = [1, *NOT_NEGATIVE]
OUT_OF_RANGE = {
    ("gradient_noise", "eta"): NOT_NEGATIVE,
    ("gradient_noise", "gamma"): NOT_NEGATIVE,
    ("gradient_dropout", "keep"): PROBABILITY,
    ("learning_rate_dropout", "keep"): PROBABILITY,
    ("coupled_weight_decay", "rate"): NOT_NEGATIVE,
    ("decoupled_weight_decay", "rate"): NOT_NEGATIVE,
    ("cautious_weight_decay", "rate"): NOT_NEGATIVE,
    ("decay_to_initial_weights", "rate"): NOT_NEGATIVE,
    ("adaptive_gradient_clipping", "clipping"): POSITIVE,
    ("adaptive_gradient_clipping", "epsilon"): POSITIVE,
    ("gradient_ema_filter", "alpha"): DECAY,
    ("gradient_ema_filter", "amplification"): NOT_NEGATIVE,
    ("trust_ratio", "coefficient"): POSITIVE,
    ("trust_ratio", "weight_decay"): NOT_NEGATIVE,
    ("trust_ratio", "epsilon"): NOT_NEGATIVE,
    ("step_momentum", "momentum"): DECAY,
    ("step_momentum", "nesterov"): [1, None, "yes"],
}


@pytest.mark.parametrize(
    ("wrapper", "argument", "value"),
    [(*where, value) for where, values in OUT_OF_RANGE.items() for value in values],
)
def test_a_number_out_of_its_range(wrapper, argument, value):
    with pytest.raises((TypeError, ValueError)) as caught:
        stepwrap.wrappers.get(wrapper)("sgd", **{argument: value})
    assert f"`{argument}` must be" in str(caught.value)
    assert f"{argument}={value!r}" in str(caught.value)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({}, "max_norm=None, max_rms=None"),
        ({"max_norm": 1.0, "max_rms": 2.0}, "max_norm=1.0, max_rms=2.0"),
        ({"max_norm": 0}, "`max_norm` must be"),
        ({"max_rms": -1}, "`max_rms` must be"),
        ({"max_norm": 1.0, "scope": "layers"}, "mean 'layer'?"),
    ],
)
def test_a_step_is_clipped_by_one_bound(bounds, words):
    with pytest.raises(ValueError) as caught:
        stepwrap.StepClipping("sgd", **bounds)
    assert words in str(caught.value)


EXCLUDING = {
    "coupled_weight_decay": {"rate": 0.1},
    "adaptive_gradient_clipping": {},
    "trust_ratio": {},
}


@pytest.mark.parametrize("wrapper", EXCLUDING)
def test_patterns_that_are_none(wrapper):
    make = functools.partial(stepwrap.wrappers.get(wrapper), "sgd", **EXCLUDING[wrapper])
    with pytest.raises(ValueError, match=r"`exclude` must be .* Received: '\(', which is none: "):
        make(exclude=["bias", "("])
    for value in (1, [1], b"bias", {"bias"}):
        with pytest.raises(TypeError, match=r"`exclude` must be .* Received: exclude="):
            make(exclude=value)


@pytest.mark.parametrize("wrapper", EXCLUDING)
def test_a_pattern_that_matches_no_variable_is_named_in_a_warning(wrapper):
    make = functools.partial(stepwrap.wrappers.get(wrapper), "sgd", **EXCLUDING[wrapper])
    with pytest.warns(UserWarning, match=r"`exclude`: the pattern 'bais' is found .* is 'bias'"):
        make(exclude=["scale", "bais"]).build(cases.variables())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(exclude="bias|gamma").build(cases.variables())


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (
            lambda: stepwrap.Cautious(stepwrap.SkipNonFinite("sgd")),
            "Write `SkipNonFinite(Cautious(...), ...)`",
        ),
        (
            lambda: stepwrap.GradientNoise(stepwrap.GradientAccumulation("sgd")),
            "Write `GradientAccumulation(GradientNoise(...), ...)`",
        ),
        (
            lambda: stepwrap.Cautious(keras.optimizers.SGD(use_ema=True)),
            "average outside: `stepwrap.MovingAverage(Cautious(...))`",
        ),
    ],
)
def test_an_order_that_makes_no_sense(stack, words):
    with pytest.raises(ValueError) as caught:
        stack()
    assert words in str(caught.value)


def _first_element(gradient):
    return ops.reshape(gradient, (-1,))[0]


@pytest.mark.parametrize("scope", ["variable", "layer", "global"])
@pytest.mark.parametrize(
    ("wrap", "words"),
    [
        (lambda: (NormalizedOptimizer, _first_element), ["'_first_element'", "shape ()"]),
        (lambda: (NormalizedOptimizer, lambda g: ops.cast(g, "float16")), ["dtype float16"]),
        (lambda: (NormalizedOptimizer, lambda g: None), ["None of type builtins.NoneType"]),
        (lambda: (NormalizedOptimizer, lambda g: 3.0), ["3.0 of type builtins.float"]),
        (lambda: (ClippedOptimizer, ops.abs), ["norm 'absolute'", "must return a scalar"]),
        (lambda: (ClippedOptimizer, lambda g: 3.0), ["must return a scalar", "3.0"]),
    ],
)
def test_a_function_that_returns_something_else_changes_nothing(wrap, words, scope):
    cls, function = wrap()
    words = [word.replace("absolute", function.__name__) for word in words]
    variables = cases.variables()
    optimizer = cls(keras.optimizers.Adam(), function, scope=scope)
    optimizer.build(variables)
    before = cases.values([*variables, *optimizer.variables])
    with pytest.raises(ValueError) as caught:
        optimizer.apply(cases.gradients(variables), variables)
    assert all(word in str(caught.value) for word in words), caught.value
    cases.assert_equal(cases.values([*variables, *optimizer.variables]), before)


def test_a_registered_norm_that_is_no_scalar_is_named():
    normalizers.register_norm("rows", lambda gradient: ops.sum(ops.abs(gradient), axis=0))
    variables = cases.variables()
    with pytest.raises(ValueError, match=r"norm 'rows' must return a scalar.*shape \(3,\)"):
        NormalizedOptimizer("adam", "rows").apply(cases.gradients(variables), variables)


@pytest.mark.parametrize(
    "hook",
    [
        lambda self, gradients, variables: gradients[:-1],
        lambda self, gradients, variables: [ops.cast(g, "float16") for g in gradients],
        lambda self, gradients, variables: [ops.sum(g) for g in gradients],
        lambda self, gradients, variables: [None for g in gradients],
    ],
)
def test_a_hook_that_returns_something_else_changes_nothing(hook):
    wrapper = type("Mine", (OptimizerWrapper,), {"transform_gradients": hook})
    variables = cases.variables()
    optimizer = wrapper("adam")
    optimizer.build(variables)
    before = cases.values([*variables, *optimizer.variables])
    with pytest.raises(ValueError, match=r"Mine\.transform_gradients must return"):
        optimizer.apply(cases.gradients(variables), variables)
    cases.assert_equal(cases.values([*variables, *optimizer.variables]), before)


@pytest.mark.parametrize("hook", ["transform_gradients", "transform_steps", "take_steps"])
@pytest.mark.parametrize(
    ("make_result", "words"),
    [
        (lambda tensors: None, "It returned None of type builtins.NoneType."),
        (lambda tensors: tensors[0], "It returned shape (4, 3) and dtype float32."),
        (lambda tensors: (one for one in tensors), "of type builtins.generator."),
        (lambda tensors: {"all": tensors}, "of type builtins.dict."),
        (lambda tensors: 2.0, "It returned 2.0 of type builtins.float."),
    ],
    ids=["None", "a tensor", "a generator", "a dictionary", "a number"],
)
def test_a_hook_that_returns_no_list_is_told_to(hook, make_result, words):
    def take_steps(self, inner_steps, gradients, variables):
        return make_result(inner_steps(gradients))

    def transform(self, tensors, *rest):
        return make_result(tensors)

    hooks = {hook: take_steps if hook == "take_steps" else transform}
    variables = cases.variables()
    optimizer = type("Mine", (OptimizerWrapper,), hooks)("sgd")
    before = cases.values(variables)
    with pytest.raises(ValueError) as caught:
        optimizer.apply(cases.gradients(variables), variables)
    message = str(caught.value)
    assert f"Mine.{hook} must return a list, of one tensor for each of the 3" in message
    assert words in message and message.endswith("Write `return [...]`.")
    cases.assert_equal(cases.values(variables), before)


def test_a_build_that_leaves_out_the_inner_optimizer():
    class Mine(OptimizerWrapper):
        def build(self, variables):
            self.count = self.add_variable((), name="count")

    variables = cases.variables()
    with pytest.raises(RuntimeError, match=r"Mine\.build did not .* `super\(\)\.build"):
        Mine("sgd").apply(cases.gradients(variables), variables)


# Names that nothing calls.


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("transform_gradient", "transform_gradients"),
        ("transform_grads", "transform_gradients"),
        ("transform_step", "transform_steps"),
        ("take_step", "take_steps"),
        ("before_steps", "before_step"),
        ("after_steps", "after_step"),
        ("apply_to_inner", "apply_inner"),
    ],
)
def test_a_misspelt_hook_is_named_when_the_class_is_made(name, hook):
    with pytest.warns(UserWarning, match=f"Mine has a method `{name}`.* hook `{hook}`") as caught:
        cls = type("Mine", (OptimizerWrapper,), {name: lambda self, *arguments: None})
    assert len(caught) == 1 and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        type("Derived", (cls,), {})  # told before
        type("Both", (OptimizerWrapper,), {name: lambda self: None, hook: lambda self: None})


def test_methods_that_are_no_hooks_are_left_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        class Mine(OptimizerWrapper):
            transform_step = None

            def describe(self):
                """Of its own."""

            def get_config(self):
                return super().get_config()

            def scale_loss(self, loss):
                return super().scale_loss(loss)

            def _transform_gradient(self, gradient):
                return gradient

    assert not Mine("sgd").takes_steps


def test_variables_it_was_not_built_for():
    variables = cases.variables()
    optimizer = cases.AveragedGradient("adam")
    optimizer.build(variables)
    strangers = cases.variables()
    before = cases.values([*variables, *strangers, *optimizer.variables])
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply(cases.gradients(strangers), strangers)
    cases.assert_equal(cases.values([*variables, *strangers, *optimizer.variables]), before)


def test_an_inner_optimizer_built_for_other_variables():
    inner = keras.optimizers.Adam()
    inner.build(cases.variables())
    optimizer = NormalizedOptimizer(inner)
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.build(cases.variables())
    assert not optimizer.built


def test_apply_needs_variables_until_it_is_built():
    with pytest.raises(ValueError, match=r"`trainable_variables`.*not built"):
        NormalizedOptimizer("sgd").apply(cases.gradients(cases.variables()))


def test_apply_needs_one_gradient_for_each_variable():
    variables = cases.variables()
    with pytest.raises(ValueError, match="Received 2 gradients and 3 variables"):
        NormalizedOptimizer("sgd").apply(cases.gradients(variables)[:2], variables)


def test_set_weights():
    optimizer = NormalizedOptimizer("adam")
    with pytest.raises(ValueError, match="built"):
        optimizer.set_weights([])
    optimizer.build(cases.variables())
    before = cases.values(optimizer.variables)
    with pytest.raises(ValueError, match="Received 1 weights"):
        optimizer.set_weights([np.zeros(())])
    wrong = [np.ones(value.shape) for value in before]
    wrong[-1] = np.ones((9, 9))
    with pytest.raises(ValueError, match="number and shape"):
        optimizer.set_weights(wrong)
    cases.assert_equal(cases.values(optimizer.variables), before)


def test_an_argument_that_is_not_kept_cannot_be_saved():
    class Forgetful(stepwrap.OptimizerWrapper):
        def __init__(self, inner_optimizer, strength=1.0, name=None):
            super().__init__(inner_optimizer, name=name)

    with pytest.raises(AttributeError, match=r"Add `self\.strength = strength`"):
        Forgetful("sgd").get_config()
