"""The presets: each equals its definition."""

import inspect

import keras
import numpy as np
import pytest

import cases
import stepwrap
from stepwrap import optimizers, presets, wrappers

SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)


def by_hand(base, *stages):
    """Stages from the base outwards: (name, arguments)."""
    for name, arguments in stages:
        base = wrappers.get(name)(base, **arguments)
    return base


DEFINITIONS = {
    "ranger": lambda learning_rate=0.001: by_hand(
        optimizers.get("radam")(learning_rate),
        ("gradient_centralization", {}),
        ("lookahead", {"sync_period": 6, "slow_step_size": 0.5}),
    ),
    "lamb": lambda learning_rate=0.001, weight_decay=0.01: by_hand(
        keras.optimizers.Adam(learning_rate, epsilon=1e-6),
        ("trust_ratio", {"weight_decay": weight_decay}),
    ),
    "lars": lambda learning_rate=1.0, weight_decay=1e-4, momentum=0.9: by_hand(
        keras.optimizers.SGD(learning_rate),
        ("trust_ratio", {"coefficient": 0.001, "weight_decay": weight_decay}),
        ("step_momentum", {"momentum": momentum}),
    ),
    "adamw_cautious": lambda learning_rate=0.001, weight_decay=0.004: by_hand(
        keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay), ("cautious", {})
    ),
}
with_every_preset = pytest.mark.parametrize("name", DEFINITIONS)


def text(optimizer):
    """Its text, which has everything but names that Keras chose."""
    described = stepwrap.describe(optimizer)
    assert described is not None
    return described


@with_every_preset
def test_a_preset_equals_its_definition(name):
    preset, definition = getattr(presets, name), DEFINITIONS[name]
    assert text(preset()) == text(definition())
    assert text(preset(0.02)) == text(definition(0.02))
    assert text(preset(learning_rate=SCHEDULE)) == text(definition(SCHEDULE))


# The published formulas in NumPy: from weights and gradients of one variable to its step.


def adam_direction(epsilon):
    m, v, t = 0.0, 0.0, 0

    def direction(gradient):
        nonlocal m, v, t
        m, v, t = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2, t + 1
        return m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + epsilon)

    return direction


def trust_ratio(weights, direction):
    return np.linalg.norm(weights) / np.linalg.norm(direction)


def lamb(rate):
    adam = adam_direction(0.0)

    def step(weights, gradient):
        direction = adam(gradient)
        if weights.ndim < 2:
            return -rate * direction
        direction = direction + 0.01 * weights
        return -rate * trust_ratio(weights, direction) * direction

    return step


def lars(rate):
    velocity = 0.0

    def step(weights, gradient):
        nonlocal velocity
        local_rate = rate
        if weights.ndim >= 2:
            gradient = gradient + 1e-4 * weights
            local_rate = rate * 0.001 * trust_ratio(weights, gradient)
        velocity = 0.9 * velocity + local_rate * gradient
        return -velocity

    return step


def adamw_cautious(rate):
    adam = adam_direction(0.0)

    def step(weights, gradient):
        direction = adam(gradient)
        kept = direction * gradient > 0
        return -rate * (0.004 * weights + direction * kept / max(np.mean(kept), 1e-3))

    return step


@pytest.mark.parametrize("formula", [lamb, lars, adamw_cautious])
def test_a_preset_does_what_was_published(formula):
    variables = cases.variables_of_all_ranks()
    weights = [value.astype("float64") for value in cases.values(variables)]
    steps = [formula(0.01) for _ in variables]
    optimizer = getattr(presets, formula.__name__)(0.01)
    leaf = stepwrap.core.stack.leaves(optimizer)[0]
    if hasattr(leaf, "epsilon"):
        leaf.epsilon = 0.0  # which Keras and the paper put in different places
    for seed in range(10):
        gradients = cases.gradients(variables, seed)
        optimizer.apply(gradients, variables)
        weights = [
            weight + step(weight, gradient.astype("float64"))
            for weight, step, gradient in zip(weights, steps, cases.values(gradients), strict=True)
        ]
    for actual, expected in zip(cases.values(variables), weights, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6)


@with_every_preset
def test_arguments_of_a_preset_reach_their_place(name):
    preset, definition = getattr(presets, name), DEFINITIONS[name]
    arguments = {"weight_decay": 0.3, "momentum": 0.7}
    names = definition.__code__.co_varnames
    arguments = {argument: arguments[argument] for argument in names if argument in arguments}
    assert text(preset(0.02, **arguments)) == text(definition(0.02, **arguments))


@pytest.mark.parametrize(
    ("preset", "parts"),
    [
        (
            "ranger(0.02, beta_1=0.95, epsilon=1e-5, weight_decay=0.1, sync_period=5)",
            "radam(0.02, beta_1=0.95, epsilon=1e-5, weight_decay=0.1) | gradient_centralization"
            " | lookahead(sync_period=5)",
        ),
        (
            "ranger(slow_step_size=0.8, slow_state='reset')",
            "radam | gradient_centralization | lookahead(slow_step_size=0.8, slow_state='reset')",
        ),
        (
            "lamb(beta_2=0.9, epsilon=1e-3, coefficient=0.5, clipnorm=1.0)",
            "adam(beta_2=0.9, epsilon=1e-3, clipnorm=1.0)"
            " | trust_ratio(coefficient=0.5, weight_decay=0.01)",
        ),
        (
            "lars(nesterov=True, coefficient=0.01, epsilon=1e-9)",
            "sgd(1.0) | trust_ratio(coefficient=0.01, weight_decay=1e-4, epsilon=1e-9)"
            " | step_momentum(nesterov=True)",
        ),
        ("adamw_cautious(amsgrad=True)", "adamw(amsgrad=True) | cautious"),
    ],
)
def test_a_preset_takes_the_arguments_of_its_parts(preset, parts):
    assert text(stepwrap.parse(preset)) == text(stepwrap.parse(parts))
    made = eval(preset, {name: getattr(presets, name) for name in DEFINITIONS})
    assert text(made) == text(stepwrap.parse(parts))


@with_every_preset
def test_the_signature_of_a_preset_has_the_values_that_it_gives_to_its_parts(name):
    preset = getattr(presets, name)
    parameters = inspect.signature(preset).parameters
    assert "name" not in parameters  # which all parts have
    for argument, parameter in parameters.items():
        assert text(preset(**{argument: parameter.default})) == text(preset())


def test_an_unknown_argument_of_a_preset_suggests_the_nearest_or_lists_all():
    with pytest.raises(TypeError, match=r"no argument `beta_3`\. Did you mean 'beta_"):
        presets.ranger(beta_3=0.9)
    with pytest.raises(TypeError, match=r"`lars` has no argument `zzz`\. It has: 'learning_rate'"):
        presets.lars(zzz=1)
    with pytest.raises(TypeError, match="no argument `name`"):
        presets.ranger(name="mine")


@pytest.mark.parametrize("name", ["lamb", "lars"])
def test_variables_can_be_left_out_of_the_trust_ratio(name):
    described = text(getattr(presets, name)(exclude=["bias", "gamma"]))
    assert "exclude=['bias', 'gamma']" in described


@with_every_preset
def test_a_preset_is_a_base_in_texts_and_described_as_what_it_is_made_of(name):
    described = text(stepwrap.parse(f"{name}(0.02)"))
    assert described == text(getattr(presets, name)(0.02))
    assert name not in described
    assert text(stepwrap.parse(f"{name}(0.02) | skip_non_finite")) == (
        f"{described} | skip_non_finite"
    )
    assert text(stepwrap.parse(described)) == described


def test_lamb_in_texts_is_the_preset_and_that_of_keras_has_its_own_name():
    assert optimizers.get("lamb") is presets.lamb
    assert stepwrap.describe(stepwrap.parse("keras_lamb(0.02)")) == "keras_lamb(learning_rate=0.02)"


@with_every_preset
def test_a_wrong_argument_is_shown_in_the_text_of_the_preset(name):
    with pytest.raises(TypeError) as caught:
        stepwrap.parse(f"{name}(rate=0.1)")
    message, line, caret = str(caught.value).splitlines()
    assert f"`{name}` has no argument `rate`" in message and "'learning_rate'" in message
    assert line.index("rate=") == caret.index("^")


# The one that needs a model.

CosineDecay = keras.optimizers.schedules.CosineDecay


def pretrained():
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, name="first"),
            keras.layers.LayerNormalization(name="norm"),
            keras.layers.Dense(4, name="second"),
            keras.layers.Dense(2, name="head"),
        ]
    )


def finetune_by_hand(model, schedule, clipnorm, rate, exclude, decay):
    return by_hand(
        keras.optimizers.Adam(schedule),
        ("clipped", {"clipnorm": clipnorm, "scope": "global"}),
        ("decoupled_weight_decay", {"rate": rate, "exclude": exclude}),
        ("learning_rate_multipliers", {"multipliers": stepwrap.layer_decay(model, decay)}),
    )


def test_finetune_equals_its_definition():
    model = pretrained()
    schedule = CosineDecay(0.0, 900, warmup_target=1e-4, warmup_steps=100)
    made = finetune_by_hand(model, schedule, 1.0, 0.05, [stepwrap.VECTORS], 0.75)
    assert text(presets.finetune(model, 1000)) == text(made)
    assert text(stepwrap.parse(text(made))) == text(made)
    schedule = CosineDecay(0.0, 8, warmup_target=0.01, warmup_steps=2)
    made = finetune_by_hand(model, schedule, 0.5, 0.3, ["bias"], 0.5)
    assert text(presets.finetune(model, 10, 0.01, 0.2, 0.5, 0.3, 0.5, "bias")) == text(made)


@pytest.mark.parametrize(
    ("steps", "warm_up", "schedule"),
    [
        (10, 0, CosineDecay(1e-4, 10)),
        (1, 0.1, CosineDecay(1e-4, 1)),
        (4, 0.1, CosineDecay(1e-4, 4)),
        (4, 0.99, CosineDecay(0.0, 1, warmup_target=1e-4, warmup_steps=3)),
    ],
)
def test_finetune_warms_up_in_whole_steps_and_leaves_one_for_the_decay(steps, warm_up, schedule):
    leaf = stepwrap.core.stack.leaves(presets.finetune(pretrained(), steps, warm_up=warm_up))[0]
    config = keras.optimizers.serialize(leaf)["config"]["learning_rate"]["config"]
    assert config == schedule.get_config()


def finetuned(weights, gradients, paths):
    """What is written above `finetune`, over ten steps of which two are the warm-up."""
    depths = {"head": 0, "second": 1, "norm": 2, "first": 2}
    depths = [next(depth for name, depth in depths.items() if name in path) for path in paths]
    m, v = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
    for t, of_step in enumerate(gradients):
        rate = 0.01 * (t / 2 if t < 2 else (1 + np.cos(np.pi * (t - 2) / 8)) / 2)
        norm = np.sqrt(sum(np.sum(gradient**2) for gradient in of_step))
        for place, gradient in enumerate(of_step):
            gradient = gradient / max(norm, 1.0)
            m[place] = 0.9 * m[place] + 0.1 * gradient
            v[place] = 0.999 * v[place] + 0.001 * gradient**2
            corrected = np.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1))
            step = corrected * m[place] / (np.sqrt(v[place]) + 1e-7)
            decay = 0.05 * weights[place] if "kernel" in paths[place] else 0.0
            weights[place] = weights[place] - rate * 0.75 ** depths[place] * (step + decay)
    return weights


def test_finetune_does_what_its_formulas_say():
    model = pretrained()
    variables = model.trainable_variables
    paths = [variable.path for variable in variables]
    optimizer = presets.finetune(model, 10, learning_rate=0.01, warm_up=0.2)
    weights = [value.astype("float64") for value in cases.values(variables)]
    random = np.random.default_rng(0)
    lengths = [0.01, 1, 5, 0.1, 1, 3, 0.5, 1, 1, 1]  # the norm is on both sides of 1
    gradients = [
        [length * random.normal(size=weight.shape) for weight in weights] for length in lengths
    ]
    for of_step in gradients:
        tensors = [keras.ops.convert_to_tensor(one.astype("float32")) for one in of_step]
        optimizer.apply(tensors, variables)
    expected = finetuned(weights, gradients, paths)
    for actual, one in zip(cases.values(variables), expected, strict=True):
        np.testing.assert_allclose(actual, one, rtol=1e-5, atol=1e-6)


def test_finetune_goes_on_as_it_was_when_the_model_is_loaded(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(2, 8, 3)).astype("float32")
    model = pretrained()
    model.compile(presets.finetune(model, 6, learning_rate=0.1), loss="mse")
    model.fit(x, y[:, :2], batch_size=4, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert text(loaded.optimizer) == text(model.optimizer)
    for one in (model, loaded):
        one.fit(x, y[:, :2], batch_size=4, verbose=0, shuffle=False)
    for actual, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_finetune_leaves_biases_of_more_axes_out_of_the_decay():
    inputs = keras.Input((5, 4))
    hidden = keras.layers.MultiHeadAttention(2, 2, name="attention")(inputs, inputs)
    outputs = keras.layers.GRU(3, name="gru")(hidden)
    model = keras.Model(inputs, outputs)
    assert any("bias" in one.path and len(one.shape) == 2 for one in model.trainable_variables)
    decay = presets.finetune(model, 10).inner_optimizer
    decaying = [
        one.path
        for one in decay.selection_of(model.trainable_variables).of(model.trainable_variables)
    ]
    kernels = [one.path for one in model.trainable_variables if one.path.endswith("kernel")]
    assert decaying == kernels and len(kernels) == 6


def test_finetune_takes_the_arguments_of_its_parts():
    described = text(presets.finetune(pretrained(), 10, beta_2=0.95, default=0.5))
    assert "beta_2=0.95" in described and "default=0.5" in described
    with pytest.raises(
        TypeError, match=r"`finetune` has no argument `beta_3`\. Did you mean 'beta"
    ):
        presets.finetune(pretrained(), 10, beta_3=0.9)


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("model", "resnet", TypeError),
        ("model", keras.Sequential([keras.layers.Dense(2)]), ValueError),
        ("steps", 0, ValueError),
        ("steps", 2.5, TypeError),
        ("learning_rate", 0.0, ValueError),
        ("learning_rate", SCHEDULE, TypeError),
        ("warm_up", 1.0, ValueError),
        ("warm_up", -0.1, ValueError),
        ("layer_decay", 0.0, ValueError),
        ("layer_decay", 1.1, ValueError),
        ("weight_decay", -0.1, ValueError),
        ("clipnorm", 0.0, ValueError),
        ("clipnorm", float("nan"), ValueError),
        ("exclude", "(", ValueError),
        ("exclude", 3, TypeError),
    ],
)
def test_finetune_refuses_what_it_cannot_use(argument, value, error):
    arguments = {"model": pretrained(), "steps": 10, argument: value}
    with pytest.raises(error, match=f"^`{argument}` must be .*Received"):
        presets.finetune(**arguments)
