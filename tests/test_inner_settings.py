"""Settings that Keras' optimizers obey when they are set: a wrapper's are the inner optimizer's."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap

SETTINGS = {
    "clipnorm": {"clipnorm": 0.1},
    "clipvalue": {"clipvalue": 0.1},
    "global_clipnorm": {"global_clipnorm": 0.1},
    "weight_decay": {"weight_decay": 0.1},
    "use_ema": {"use_ema": True},
    "ema_momentum": {"use_ema": True, "ema_momentum": 0.5},
    "ema_overwrite_frequency": {"use_ema": True, "ema_overwrite_frequency": 2},
}
WRAPS = {
    "one wrapper": stepwrap.OptimizerWrapper,
    "two wrappers": lambda inner: stepwrap.OptimizerWrapper(stepwrap.OptimizerWrapper(inner)),
    "a loss scaler": lambda inner: stepwrap.LossScaleOptimizer(
        stepwrap.OptimizerWrapper(inner), initial_scale=1.0
    ),
}


def sgd(**settings):
    return keras.optimizers.SGD(0.1, momentum=0.9, **settings)


def trained(optimizer, variables):
    """The weights after two steps, and after the end of training."""
    if cases.BACKEND == "jax" and isinstance(optimizer, stepwrap.LossScaleOptimizer):
        pytest.skip("Keras' loss scaler is stateless there")
    for seed in range(2):
        optimizer.apply(cases.gradients(variables, seed), variables)
    last = cases.values(variables)
    optimizer.finalize_variable_values(variables)
    return [*last, *cases.values(variables)]


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_one_that_is_set_on_a_wrapper_does_what_it_does_bare(settings, wrap):
    bare = trained(sgd(**settings), cases.variables())
    assert any(
        np.any(one != other)
        for one, other in zip(bare, trained(sgd(), cases.variables()), strict=True)
    )
    inner = sgd()
    wrapped = wrap(inner)
    for name, value in settings.items():
        assert getattr(wrapped, name) == getattr(sgd(), name)
        setattr(wrapped, name, value)
        assert getattr(wrapped, name) == getattr(inner, name) == value
    assert settings.items() <= keras.optimizers.serialize(inner)["config"].items()
    cases.assert_equal(trained(wrapped, cases.variables()), bare)
    for name, value in settings.items():
        assert getattr(wrapped, name) == value


def test_a_wrapper_shows_what_the_inner_optimizer_was_given():
    wrapped = stepwrap.NormalizedOptimizer(sgd(clipnorm=0.5, use_ema=True, ema_momentum=0.25))
    assert (wrapped.clipnorm, wrapped.use_ema, wrapped.ema_momentum) == (0.5, True, 0.25)
    assert wrapped.clipvalue is None and wrapped.gradient_accumulation_steps is None


def test_one_by_the_name_of_an_argument_is_the_wrapper_s_own():
    inner = keras.optimizers.Adam()
    clipped = stepwrap.ClippedOptimizer(inner, clipnorm=0.5)
    trust_ratio = stepwrap.TrustRatio(clipped, weight_decay=0.25)
    assert (clipped.clipnorm, trust_ratio.weight_decay) == (0.5, 0.25)
    trust_ratio.weight_decay = 0.125
    assert inner.clipnorm is None and inner.weight_decay is None
    around = stepwrap.OptimizerWrapper(trust_ratio)
    around.clipnorm = 1.0
    around.weight_decay = 0.5
    assert (clipped.clipnorm, trust_ratio.weight_decay) == (0.5, 0.125)
    assert (inner.clipnorm, inner.weight_decay) == (1.0, 0.5)

    class Mine(stepwrap.ClippedOptimizer):
        def __init__(self, inner_optimizer, ema_momentum=0.5, name=None):
            super().__init__(inner_optimizer, clipnorm=0.5, name=name)
            self.ema_momentum = ema_momentum

    mine = Mine(inner)
    assert (mine.clipnorm, mine.ema_momentum) == (0.5, 0.5)
    assert (inner.clipnorm, inner.ema_momentum) == (1.0, 0.99)


@pytest.mark.parametrize(
    ("make", "name", "value", "words"),
    [
        (lambda: sgd(clipnorm=1.0), "clipvalue", 0.1, "clipvalue=0.1, where clipnorm=1.0"),
        (sgd, "use_ema", 1, "`use_ema` must be True or False"),
        (sgd, "ema_momentum", 1.5, "`ema_momentum` must be"),
        (sgd, "ema_momentum", None, "`ema_momentum` must be"),
        (sgd, "ema_overwrite_frequency", 0, "`ema_overwrite_frequency` must be"),
        (sgd, "gradient_accumulation_steps", 4, r"`stepwrap.GradientAccumulation\(.*, steps=4\)`"),
        (stepwrap.L4Adam, "clipnorm", 0.1, r"ClippedOptimizer\(L4Adam\(...\), clipnorm=0.1\)"),
        (stepwrap.L4Mom, "weight_decay", 0.1, r"CoupledWeightDecay\(L4Mom\(...\), 0.1\)"),
        (stepwrap.L4Mom, "use_ema", True, r"MovingAverage\(L4Mom\(...\)\)"),
        (lambda: stepwrap.Cautious("sgd"), "use_ema", True, r"MovingAverage\(Cautious\(...\)\)"),
    ],
)
def test_what_the_inner_optimizer_would_not_take_is_refused(make, name, value, words):
    inner = make()
    wrapped = stepwrap.OptimizerWrapper(inner)
    before = getattr(wrapped, name)
    with pytest.raises((TypeError, ValueError), match=words):
        setattr(wrapped, name, value)
    assert getattr(wrapped, name) == before == getattr(inner, name)


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)
def test_the_parts_of_a_multi_optimizer_have_their_own():
    wrapped = stepwrap.OptimizerWrapper(cases._multi_optimizer())
    assert wrapped.clipnorm is None
    with pytest.raises(ValueError, match=r"for part in optimizer\.optimizers: part\.clipnorm = 1"):
        wrapped.clipnorm = 1.0
    for part in wrapped.optimizers:
        part.clipnorm = 1.0


def test_averages_cannot_be_asked_for_once_the_state_is_made():
    wrapped, variables = stepwrap.OptimizerWrapper(sgd()), cases.variables()
    wrapped.build(variables)
    with pytest.raises(ValueError, match="`use_ema=True` cannot be set on SGD once it is built"):
        wrapped.use_ema = True
    wrapped.apply(cases.gradients(variables), variables)
    averaging = stepwrap.OptimizerWrapper(sgd(use_ema=True))
    averaging.build(variables)
    averaging.use_ema = False
    averaging.use_ema = True


def test_an_l4_does_not_take_the_average_of_clipped_gradients_for_its_own():
    variables = cases.variables()
    optimizer = stepwrap.L4Wrapper(keras.optimizers.Adam())
    cases.apply(optimizer, cases.gradients(variables), variables)
    optimizer.clipnorm = 0.1
    before = cases.values([*variables, *optimizer.variables])
    with pytest.raises(ValueError, match="after the L4 around it was built"):
        cases.apply(optimizer, cases.gradients(variables), variables)
    cases.assert_equal(cases.values([*variables, *optimizer.variables]), before)


def test_an_l4_takes_back_weight_decay_that_was_set_later():
    variables = cases.variables()
    optimizer = stepwrap.L4Wrapper(sgd())
    optimizer.build(variables)
    optimizer.weight_decay = 0.1
    before = cases.values(variables)
    cases.apply(optimizer, cases.gradients(variables), variables, loss=0.0)
    cases.assert_equal(cases.values(variables), before)


def test_python_s_own_attributes_can_be_set_as_ever():
    wrapped = stepwrap.OptimizerWrapper(sgd())
    wrapped.my_note = ops.ones(())
    assert not hasattr(wrapped.inner_optimizer, "my_note")
