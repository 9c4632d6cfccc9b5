"""The same numbers as optax and pytorch_optimizer, run beside ours in float64.

Both are extras for developers: `pip install ".[peers]"`. What a peer does in another way is
said where it is made up for; the tolerance is the same everywhere.
"""

import functools

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from stepwrap.optimizers import RAdam

RATE = 2.0**-5  # exact in float32, in which Keras keeps learning rates
SGD = functools.partial(keras.optimizers.SGD, RATE, momentum=0.5)
STEPS = 8
SHAPES = {"vector": (4,), "kernel": (5, 3), "sequence": (3, 2, 4), "image": (3, 3, 2, 4)}
TOLERANCE = 1e-6  # of the largest weight

of_optax, of_pytorch_optimizer = cases.of_a_peer_on("jax"), cases.of_a_peer_on("torch")


def arrays(seed, shapes=SHAPES):
    random = np.random.default_rng(seed)
    return [random.normal(size=shape).astype("float32") for shape in shapes.values()]


def assert_same_steps(optimizer, peer_steps, shapes=SHAPES):
    """Every step from where the peer's step began leads to where the peer's led.

    Returns:
        The variables, after the last step.
    """
    variables = [
        keras.Variable(np.zeros(shape), dtype="float32", name=name)
        for name, shape in shapes.items()
    ]
    for step, (before, after) in enumerate(peer_steps):
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        gradients = [ops.convert_to_tensor(gradient) for gradient in arrays(step, shapes)]
        optimizer.apply(gradients, variables)
        pairs = list(zip(cases.values(variables), after, strict=True))
        largest = max(np.max(np.abs(expected)) for _, expected in pairs)
        assert max(np.max(np.abs(one - other)) for one, other in pairs) <= TOLERANCE * largest
    return variables


def units_first(array):
    """As PyTorch keeps kernels."""
    return np.moveaxis(array, -1, 0)


def units_last(array):
    """As Keras keeps them."""
    return np.moveaxis(array, 0, -1)


def same_layout(array):
    return array


def optax_steps(make, shapes=SHAPES, start=None, to_peer=same_layout, from_peer=same_layout):
    """The weights before and after each step of make(optax)."""
    optax = pytest.importorskip("optax")
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        transform, steps = make(optax), []
        start = arrays(100, shapes) if start is None else start
        weights = [jax.numpy.asarray(to_peer(value), "float64") for value in start]
        state = transform.init(weights)
        for step in range(STEPS):
            gradients = [
                jax.numpy.asarray(to_peer(gradient), "float64") for gradient in arrays(step, shapes)
            ]
            updates, state = transform.update(gradients, state, weights)
            updated = optax.apply_updates(weights, updates)
            steps.append(
                tuple([from_peer(np.asarray(w)) for w in values] for values in (weights, updated))
            )
            weights = updated
    finally:
        jax.config.update("jax_enable_x64", before)
    return steps


def torch_steps(make, shapes=SHAPES, prepare=None, to_peer=same_layout, from_peer=same_layout):
    """The weights before and after each step of make(pytorch_optimizer, parameters).

    Args:
        prepare: What is done to the parameters' gradients before each step.
    """
    peer = pytest.importorskip("pytorch_optimizer")
    torch = pytest.importorskip("torch")

    def tensor(array):
        return torch.tensor(to_peer(array).copy(), dtype=torch.float64, device="cpu")

    def values():
        return [from_peer(weight.detach().numpy()).copy() for weight in weights]

    weights = [torch.nn.Parameter(tensor(value)) for value in arrays(100, shapes)]
    optimizer, steps = make(peer, weights), []
    for step in range(STEPS):
        for weight, gradient in zip(weights, arrays(step, shapes), strict=True):
            weight.grad = tensor(gradient)
        if prepare is not None:
            prepare(peer, weights)
        before = values()
        optimizer.step()
        steps.append((before, values()))
    return steps


def torch_sgd(peer, weights):
    import torch

    return torch.optim.SGD(weights, RATE, momentum=0.5)


def after_sgd(make_transform):
    """The transformation of gradients before SGD with momentum, in optax."""
    return lambda optax: optax.chain(make_transform(optax), optax.sgd(RATE, momentum=0.5))


@of_optax
def test_gradient_centralization_is_that_of_optax():
    """Which takes the first axis for the units."""
    steps = optax_steps(
        after_sgd(lambda optax: optax.centralize()), to_peer=units_first, from_peer=units_last
    )
    assert_same_steps(stepwrap.GradientCentralization(SGD()), steps)


@of_pytorch_optimizer
def test_gradient_centralization_is_that_of_pytorch_optimizer():
    """Which takes the first axis for the units, as PyTorch does."""

    def centralize(peer, weights):
        for weight in weights:
            peer.centralize_gradient(weight.grad)

    steps = torch_steps(torch_sgd, prepare=centralize, to_peer=units_first, from_peer=units_last)
    assert_same_steps(stepwrap.GradientCentralization(SGD()), steps)


WITHOUT_SEQUENCE = {name: shape for name, shape in SHAPES.items() if name != "sequence"}


@of_optax
@pytest.mark.parametrize(("clipping", "epsilon"), [(0.01, 1e-3), (1.0, 1e-3), (0.5, 2.0)])
def test_adaptive_gradient_clipping_is_that_of_optax(clipping, epsilon):
    """Which takes kernels of three axes for attention heads, and averages over the first alone."""
    steps = optax_steps(
        after_sgd(lambda optax: optax.adaptive_grad_clip(clipping, epsilon)), WITHOUT_SEQUENCE
    )
    optimizer = stepwrap.AdaptiveGradientClipping(SGD(), clipping, epsilon)
    assert_same_steps(optimizer, steps, WITHOUT_SEQUENCE)


@of_pytorch_optimizer
def test_adaptive_gradient_clipping_is_that_of_pytorch_optimizer():
    """Which, too, has other units for kernels of three axes."""

    def clip(peer, weights):
        from pytorch_optimizer.optimizer.agc import agc

        for weight in weights:
            weight.grad = agc(weight.detach(), weight.grad, agc_clip_val=1.0)

    steps = torch_steps(torch_sgd, WITHOUT_SEQUENCE, clip, units_first, units_last)
    optimizer = stepwrap.AdaptiveGradientClipping(SGD(), clipping=1.0)
    assert_same_steps(optimizer, steps, WITHOUT_SEQUENCE)


@of_pytorch_optimizer
def test_orthogonal_gradient_is_that_of_pytorch_optimizer():
    """Except for variables of one element, whose gradient OrthoGrad makes zero."""
    steps = torch_steps(lambda peer, weights: peer.OrthoGrad(torch_sgd(peer, weights)))
    assert_same_steps(stepwrap.OrthogonalGradient(SGD()), steps)


@of_pytorch_optimizer
def test_cautious_is_that_of_pytorch_optimizer():
    """Whose steps are shorter: it divides by (kept + 1) / size, the first form of the rule."""
    steps = torch_steps(
        lambda peer, weights: peer.Lion(weights, RATE, (0.9, 0.99), cautious=True),
    )
    enlarged, whole_steps = [], 0
    for before, after in steps:
        differences = [new - old for old, new in zip(before, after, strict=True)]
        kept = [np.count_nonzero(difference) for difference in differences]
        whole_steps += kept == [difference.size for difference in differences]
        after = [
            old + difference * (count + 1) / count
            for old, difference, count in zip(before, differences, kept, strict=True)
        ]
        enlarged.append((before, after))
    assert whole_steps == 1  # the first: Lion then follows the gradient
    lion = keras.optimizers.Lion(RATE, beta_1=0.9, beta_2=0.99)
    assert_same_steps(stepwrap.Cautious(lion), enlarged)


@of_pytorch_optimizer
def test_the_filter_of_averages_is_that_of_pytorch_optimizer():
    averages = None

    def amplify(peer, weights):
        import torch
        from pytorch_optimizer.optimizer.grokfast import gradfilter_ema

        nonlocal averages
        averages = gradfilter_ema(torch.nn.ParameterList(weights), averages, 0.75, 1.5)

    steps = torch_steps(torch_sgd, prepare=amplify)
    assert_same_steps(stepwrap.GradientEMAFilter(SGD(), 0.75, 1.5), steps)


@of_optax
def test_coupled_weight_decay_is_that_of_optax():
    steps = optax_steps(after_sgd(lambda optax: optax.add_decayed_weights(0.1)))
    assert_same_steps(stepwrap.CoupledWeightDecay(SGD(), 0.1), steps)


@of_optax
@pytest.mark.parametrize(
    ("arguments", "make_clip"),
    [
        ({"max_rms": 0.04}, lambda optax: optax.clip_by_block_rms(0.04)),
        ({"max_norm": 0.3, "scope": "global"}, lambda optax: optax.clip_by_global_norm(0.3)),
    ],
    ids=["max_rms", "max_norm"],
)
def test_step_clipping_is_that_of_optax(arguments, make_clip):
    steps = optax_steps(lambda optax: optax.chain(optax.sgd(RATE, momentum=0.5), make_clip(optax)))
    assert_same_steps(stepwrap.StepClipping(SGD(), **arguments), steps)


@of_optax
@pytest.mark.parametrize("of_zeros", [False, True])
def test_the_trust_ratio_is_that_of_optax(of_zeros):
    """Which leaves no variable out."""
    start = arrays(100)
    if of_zeros:
        start[1] = np.zeros_like(start[1])
    steps = optax_steps(
        lambda optax: optax.chain(
            optax.add_decayed_weights(0.1),
            optax.scale_by_trust_ratio(trust_coefficient=0.25, eps=0.5),
            optax.scale(-RATE),
        ),
        start=start,
    )
    optimizer = stepwrap.TrustRatio(keras.optimizers.SGD(RATE), 0.25, 0.1, 0.5, exclude=())
    assert_same_steps(optimizer, steps)


@of_optax
def test_lamb_is_that_of_optax():
    """Which adds epsilon after the correction of the average, Keras' Adam before it.

    Keras subtracts powers of the betas from 1 in float32: these lose nothing there.
    """
    steps = optax_steps(lambda optax: optax.lamb(RATE, b1=0.5, b2=0.75, eps=0.0, weight_decay=0.1))
    adam = keras.optimizers.Adam(RATE, beta_1=0.5, beta_2=0.75, epsilon=0.0)
    assert_same_steps(stepwrap.TrustRatio(adam, weight_decay=0.1, exclude=()), steps)


@of_optax
@pytest.mark.parametrize("nesterov", [False, True])
def test_lars_is_that_of_optax(nesterov):
    steps = optax_steps(
        lambda optax: optax.lars(
            RATE, weight_decay=0.1, trust_coefficient=0.25, momentum=0.5, nesterov=nesterov
        )
    )
    scaled = stepwrap.TrustRatio(keras.optimizers.SGD(RATE), 0.25, 0.1, exclude=())
    assert_same_steps(stepwrap.StepMomentum(scaled, 0.5, nesterov), steps)


@of_optax
def test_radam_is_that_of_optax():
    """Which adds epsilon after the correction of the average, the authors' code before it."""
    steps = optax_steps(lambda optax: optax.radam(RATE, eps=0.0))
    assert_same_steps(RAdam(RATE, epsilon=0.0), steps)


def lookahead(optax, **arguments):
    """Optax's, whose state has the slow weights, which are half of the parameters there."""
    transform = optax.lookahead(optax.sgd(RATE, momentum=0.5), **arguments)

    def init(weights):
        return transform.init(optax.LookaheadParams.init_synced(weights)), weights

    def update(gradients, state, weights):
        state, slow = state
        both = optax.LookaheadParams(fast=weights, slow=slow)
        updates, state = transform.update(gradients, state, both)
        return updates.fast, (state, optax.apply_updates(slow, updates.slow))

    return optax.GradientTransformation(init, update)


@of_optax
@pytest.mark.parametrize("slow_state", ["keep", "reset"])
def test_lookahead_is_that_of_optax(slow_state):
    arguments = {"sync_period": 3, "slow_step_size": 0.25}
    reset = slow_state == "reset"
    steps = optax_steps(lambda optax: lookahead(optax, **arguments, reset_state=reset))
    assert_same_steps(stepwrap.Lookahead(SGD(), **arguments, slow_state=slow_state), steps)


@of_pytorch_optimizer
@pytest.mark.parametrize("slow_state", ["keep", "reset", "pullback"])
def test_lookahead_is_that_of_pytorch_optimizer(slow_state):
    momentum = {"keep": "none"}.get(slow_state, slow_state)
    steps = torch_steps(
        lambda peer, weights: peer.Lookahead(torch_sgd(peer, weights), 3, 0.25, momentum)
    )
    assert_same_steps(stepwrap.Lookahead(SGD(), 3, 0.25, slow_state), steps)


@of_optax
def test_the_moving_average_is_that_of_optax():
    optax = pytest.importorskip("optax")
    steps = optax_steps(lambda optax: optax.sgd(RATE, momentum=0.5))
    averages = steps[0][0]
    for _, after in steps:
        averages = optax.incremental_update(after, averages, step_size=0.25)
    optimizer = stepwrap.MovingAverage(SGD(), average_decay=0.75)
    variables = assert_same_steps(optimizer, steps)
    optimizer.finalize_variable_values(variables)
    for value, average in zip(cases.values(variables), averages, strict=True):
        np.testing.assert_allclose(value, average, rtol=0, atol=TOLERANCE)


# Of each variable: a multiplier of the learning rate, and whether the weight decays.
GROUPS = {
    "vector": (0.5, False),
    "kernel": (0.25, True),
    "sequence": (1.0, True),
    "image": (0, True),
}
DECAY = 0.125


def with_groups(inner):
    """The same groups in stepwrap, by the names of the variables."""
    inner.exclude_from_weight_decay(
        var_names=[name for name, (_, decays) in GROUPS.items() if not decays]
    )
    return stepwrap.LearningRateMultipliers(inner, {name: m for name, (m, _) in GROUPS.items()})


@of_pytorch_optimizer
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_learning_rate_multipliers_are_the_parameter_groups_of_pytorch(name):
    """Adam's epsilon, which stands elsewhere there, is next to nothing."""
    own = {"momentum": 0.5} if name == "SGD" else {"eps": 1e-12}
    decay = DECAY if name == "AdamW" else None

    def make(peer, weights):
        import torch

        groups = [
            {"params": [weight], "lr": RATE * m}
            | ({"weight_decay": decay * decays} if decay else {})
            for weight, (m, decays) in zip(weights, GROUPS.values(), strict=True)
        ]
        return getattr(torch.optim, name)(groups, **own)

    arguments = {"momentum": 0.5} if name == "SGD" else {"epsilon": 1e-12}
    inner = getattr(keras.optimizers, name)(RATE, weight_decay=decay, **arguments)
    assert_same_steps(with_groups(inner), torch_steps(make))


@of_optax
def test_learning_rate_multipliers_are_multi_transform_of_optax():
    def make(optax):
        transforms = {
            name: optax.adamw(RATE * m, eps=1e-12, weight_decay=DECAY * decays)
            for name, (m, decays) in GROUPS.items()
        }
        return optax.multi_transform(transforms, list(GROUPS))

    inner = keras.optimizers.AdamW(RATE, weight_decay=DECAY, epsilon=1e-12)
    assert_same_steps(with_groups(inner), optax_steps(make))


@of_optax
def test_warm_up_is_a_schedule_of_optax():
    """Of the learning rate that multiplies the step, decay and all."""

    def make(optax):
        rate = optax.linear_schedule(RATE / 4, RATE, STEPS // 2)
        return optax.adamw(rate, eps=1e-12, weight_decay=DECAY)

    inner = keras.optimizers.AdamW(RATE, weight_decay=DECAY, epsilon=1e-12)
    assert_same_steps(stepwrap.WarmUp(inner, STEPS // 2, start=0.25), optax_steps(make))
