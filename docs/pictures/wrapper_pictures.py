"""The pictures of the wrappers."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

import functions
from paths import KERNEL, TWO_KERNELS, exactly, follow, minibatches, with_bad_batches
from registry import picture
from style import (
    AVERAGED,
    BARE,
    GRID,
    INK,
    SIZE,
    SLOW,
    WRAPPED,
    blank,
    line_of,
    on_one,
    side_by_side,
)

# Of gradients.


@picture("wrappers/adaptive_gradient_clipping")
def adaptive_gradient_clipping() -> Figure:
    """Return a picture of two bad batches, with the weights far from zero and near to it."""
    bowl = functions.ravine(2, across=(-1, 8.4), upward=(-1, 7))
    bad = (2, 12)
    batches = with_bad_batches(exactly(bowl), -12, bad)
    stack = "sgd(0.1)"
    return side_by_side(
        "Two bad batches throw SGD far off; clipped adaptively, no step is longer than a "
        "tenth of the weights' norm.",
        bowl,
        follow(stack, batches, (4, 3), 40, marked=bad),
        follow(f"{stack} | adaptive_gradient_clipping(1.0)", batches, (4, 3), 40, marked=bad),
        marked="bad batch",
    )


@picture("wrappers/clipped")
def clipped() -> Figure:
    """Return a picture of a slope that ends at a wall."""
    cliff = functions.cliff()
    stack = "sgd(0.5)"
    return side_by_side(
        "The steep wall throws SGD back, again and again; with clipped gradients it stays "
        "near the foot of the wall, where the loss is lowest.",
        cliff,
        follow(stack, cliff, (-3, 2), 30),
        follow(f"{stack} | clipped(clipnorm=0.5)", cliff, (-3, 2), 30),
    )


@picture("wrappers/coupled_weight_decay")
def coupled_weight_decay() -> Figure:
    """Return a picture of a line of minima, of which one is nearest to zero."""
    valley = functions.line_of_minima()
    stack = "sgd(0.3)"
    return on_one(
        "Every point of this valley's floor is a minimum: SGD stops at the first that it reaches; "
        "with weight decay the path goes on, to the smallest weights.",
        valley,
        [
            follow(stack, valley, (4, 3), 250),
            follow(f"{stack} | coupled_weight_decay(0.05)", valley, (4, 3), 250),
        ],
    )


@picture("wrappers/gradient_centralization")
def gradient_centralization() -> Figure:
    """Return a picture of a ravine that is steep in the direction of the mean."""
    ravine = functions.tilted_ravine(19)
    stack = "sgd(0.1)"
    return side_by_side(
        "SGD bounces across this ravine, steep where both weights grow; centralised, the path "
        "keeps their mean: it goes straight, and ends beside the minimum.",
        ravine,
        follow(stack, ravine, (-2.3, 2.7), 40, KERNEL),
        follow(f"{stack} | gradient_centralization", ravine, (-2.3, 2.7), 40, KERNEL),
    )


@picture("wrappers/gradient_dropout")
def gradient_dropout() -> Figure:
    """Return a picture of a bowl, and steps along the axes."""
    bowl = functions.ravine(2, across=(-4, 0.8), upward=(-0.8, 3))
    stack = "sgd(0.1)"
    return side_by_side(
        "Each weight gets its gradient in about half of the steps, at random: the path becomes a "
        "staircase, and takes longer.",
        bowl,
        follow(stack, bowl, (-3.5, 2.5), 30),
        follow(f"{stack} | gradient_dropout(keep=0.5, seed=3)", bowl, (-3.5, 2.5), 30),
    )


@picture("wrappers/gradient_ema_filter")
def gradient_ema_filter() -> Figure:
    """Return a picture of a ravine whose batches disagree across it and agree along it."""
    ravine = functions.ravine(10)
    batches = minibatches(ravine, np.array([0, 0.4]), seed=1)
    stack = "sgd(0.012)"
    return side_by_side(
        "Batches agree on the way along the valley, which the filter amplifies, and not on the way "
        "across it: after 40 steps the filtered path is much farther on.",
        ravine,
        follow(stack, batches, (-4.5, 0.5), 40),
        follow(f"{stack} | gradient_ema_filter", batches, (-4.5, 0.5), 40),
    )


@picture("wrappers/gradient_noise")
def gradient_noise() -> Figure:
    """Return a picture of a bowl full of dents."""
    bowl = functions.dented_bowl()
    stack = "sgd(0.1)"
    return side_by_side(
        "SGD gets stuck in one of the first dents; noise in the gradients, less and less of it, "
        "carries the path from dent to dent, towards the bottom.",
        bowl,
        follow(stack, bowl, (-2.3, 2.2), 250),
        follow(f"{stack} | gradient_noise(eta=30.0, seed=6)", bowl, (-2.3, 2.2), 250),
    )


@picture("wrappers/normalized")
def normalized() -> Figure:
    """Return a picture of a plateau."""
    plateau = functions.plateau()
    stack = "sgd(0.1)"
    return side_by_side(
        "On a plateau the gradient is almost zero, and SGD stands still; normalised, every step is "
        "equally long, there as on the slope.",
        plateau,
        follow(stack, plateau, (-3.4, 2.2), 50),
        follow(f"{stack} | normalized", plateau, (-3.4, 2.2), 50),
    )


@picture("wrappers/orthogonal_gradient")
def orthogonal_gradient() -> Figure:
    """Return a picture of a loss that falls as long as the weights grow."""
    answers = functions.right_answers()
    stack = "sgd(0.4)"
    figure = side_by_side(
        "SGD lowers the loss of a classifier by making the weights longer and longer; without the "
        "gradient's part along them, they turn, and grow little.",
        answers,
        follow(stack, answers, (1.4, -0.8), 40),
        follow(f"{stack} | orthogonal_gradient", answers, (1.4, -0.8), 40),
        extra=[line_of(INK, "weights as long as at the start", linestyle="--", linewidth=1)],
    )
    for axes in figure.axes:
        length = float(np.hypot(1.4, -0.8))
        axes.add_patch(Circle((0, 0), length, fill=False, linestyle="--", edgecolor=INK))
    return figure


# Of steps.


@picture("wrappers/cautious")
def cautious() -> Figure:
    """Return a picture of a bowl around which momentum swings."""
    bowl = functions.ravine(3, across=(-3.5, 2.5), upward=(-2.5, 2.5))
    stack = "sgd(0.05, momentum=0.9)"
    return side_by_side(
        "Momentum carries SGD past the minimum again and again; a cautious step leaves out what "
        "goes uphill, and arrives.",
        bowl,
        follow(stack, bowl, (-3, 2), 60),
        follow(f"{stack} | cautious", bowl, (-3, 2), 60),
    )


@picture("wrappers/freeze")
def freeze() -> Figure:
    """Return a picture of two layers, of which one waits for the other."""
    bowl = functions.ravine(2, across=(-4, 0.8), upward=(-0.8, 3))
    stack = "sgd(0.15)"
    return side_by_side(
        "SGD trains both layers from the start; where the first one is frozen for eight steps, the "
        "second one has all but arrived when it begins.",
        bowl,
        follow(stack, bowl, (-3.5, 2.5), 30, TWO_KERNELS),
        follow(f"{stack} | freeze({{'layer_1': 8}})", bowl, (-3.5, 2.5), 30, TWO_KERNELS),
        labels=("weight of layer_1", "weight of layer_2"),
    )


@picture("wrappers/l4")
def l4() -> Figure:
    """Return a picture of three learning rates."""
    banana = functions.banana()
    stacks = ["sgd(0.001)", "sgd(0.05)", "sgd(0.2)"]
    return side_by_side(
        "SGD creeps, arrives or runs away, as its learning rate is chosen; under L4 all three go "
        "the same way, for the length of each step comes from the loss.",
        banana,
        [follow(stack, banana, (-1.5, 1.5), 250) for stack in stacks],
        [follow(f"{stack} | l4", banana, (-1.5, 1.5), 250) for stack in stacks],
    )


@picture("wrappers/learning_rate_dropout")
def learning_rate_dropout() -> Figure:
    """Return a picture of a ridge on which symmetry holds SGD."""
    ridge = functions.ridge()
    stack = "sgd(0.1)"
    return side_by_side(
        "On the ridge SGD stops at the saddle, where the gradient is zero; with elements of its "
        "steps dropped, the path leaves the ridge for a minimum.",
        ridge,
        follow(stack, ridge, (-1.9, -1.9), 100),
        follow(f"{stack} | learning_rate_dropout(seed=1)", ridge, (-1.9, -1.9), 100),
    )


@picture("wrappers/learning_rate_multipliers")
def learning_rate_multipliers() -> Figure:
    """Return a picture of two layers, of which one would need a smaller learning rate."""
    ravine = functions.ravine(20)
    stack = "sgd(0.095)"
    multipliers = "learning_rate_multipliers({'layer_2': 0.1})"
    return side_by_side(
        "At the learning rate that suits the first layer, SGD bounces from side to side in the "
        "second; with a tenth of it there, it does not.",
        ravine,
        follow(stack, ravine, (-4.5, 1.2), 25, TWO_KERNELS),
        follow(f"{stack} | {multipliers}", ravine, (-4.5, 1.2), 25, TWO_KERNELS),
        labels=("weight of layer_1", "weight of layer_2"),
    )


@picture("wrappers/step_clipping")
def step_clipping() -> Figure:
    """Return a picture of RMSprop, whose first steps are its longest."""
    bowl = functions.ravine(2, across=(-3, 2), upward=(-2.3, 1.7))
    stack = "rmsprop(0.3, rho=0.99)"
    return side_by_side(
        "The first steps of RMSprop, which knows no sizes of gradients yet, leap past the minimum; "
        "clipped, no step is longer than 0.2.",
        bowl,
        follow(stack, bowl, (-2.5, 1.2), 60),
        follow(f"{stack} | step_clipping(max_norm=0.2)", bowl, (-2.5, 1.2), 60),
    )


@picture("wrappers/step_momentum")
def step_momentum() -> Figure:
    """Return a picture of a long ravine."""
    ravine = functions.ravine(20)
    stack = "sgd(0.02)"
    return side_by_side(
        "In a ravine SGD creeps along the floor; with momentum, steps that agree add up, and after "
        "the same 60 steps it has arrived.",
        ravine,
        follow(stack, ravine, (-4.5, 1.2), 60),
        follow(f"{stack} | step_momentum(momentum=0.8)", ravine, (-4.5, 1.2), 60),
    )


@picture("wrappers/trust_ratio")
def trust_ratio() -> Figure:
    """Return a picture of two layers, one with weights a hundred times as large."""
    layers = functions.unequal_layers()
    stack = "sgd(0.05)"
    return side_by_side(
        "SGD moves only the layer with small weights and large gradients; with the trust ratio, "
        "every step of a layer is as long as 5 % of its weights.",
        layers,
        follow(stack, layers, (300, 2.6), 40, TWO_KERNELS),
        follow(f"{stack} | trust_ratio", layers, (300, 2.6), 40, TWO_KERNELS),
        labels=functions.LAYERS,
    )


@picture("wrappers/warm_up")
def warm_up() -> Figure:
    """Return a picture of RMSprop, whose first steps are its longest."""
    bowl = functions.ravine(2, across=(-3, 2), upward=(-2.3, 1.7))
    stack = "rmsprop(0.3, rho=0.99)"
    return side_by_side(
        "The first steps of RMSprop, which knows no sizes of gradients yet, leap past the minimum; "
        "with a learning rate that rises over 40 steps they do not.",
        bowl,
        follow(stack, bowl, (-2.5, 1.2), 60),
        follow(f"{stack} | warm_up(steps=40)", bowl, (-2.5, 1.2), 60),
    )


# Of weights.


@picture("wrappers/cautious_weight_decay")
def cautious_weight_decay() -> Figure:
    """Return a picture of a line of minima, and where two kinds of decay end."""
    valley = functions.line_of_minima(across=(-0.5, 5), upward=(-0.5, 3.5))
    batches = minibatches(valley, 0.2, seed=1)
    stack = "sgd(0.3)"
    return side_by_side(
        "Every point of this valley's floor is a minimum: plain decay pulls the weights off it, "
        "towards zero; cautious decay takes them along it, to smaller ones.",
        valley,
        follow(f"{stack} | decoupled_weight_decay(0.5)", batches, (4, 3), 120),
        follow(f"{stack} | cautious_weight_decay(0.5)", batches, (4, 3), 120),
    )


@picture("wrappers/corrected_weight_decay")
def corrected_weight_decay() -> Figure:
    """Return a picture of how long weights are of which only the direction counts."""
    steps = 1500

    def batches(step: int, point: np.ndarray) -> tuple[float, np.ndarray]:
        noise = 0.5 * np.random.default_rng([1, step]).normal()
        return exactly(functions.direction(0.9 + noise))(step, point)

    figure, [axes] = blank(
        "Of these weights only the direction counts. As the learning rate falls to zero along a "
        "cosine, those with plain decay shrink; with corrected decay they keep their length.",
        1,
    )
    decays = "decoupled_weight_decay(0.5)", "corrected_weight_decay(0.5, 0.04)"
    for decay, color in zip(decays, (BARE, WRAPPED), strict=True):
        path = follow(f"sgd(cosine_decay(0.04, {steps})) | {decay}", batches, (0.8, 0.3), steps)
        _, _, text = path.text.partition(" | ")
        axes.plot(np.linalg.norm(path.points, axis=1), color=color, linewidth=1.8, label=text)
    axes.set_xlabel("steps", color=INK, fontsize=SIZE)
    axes.set_ylabel("length of the weights", color=INK, fontsize=SIZE)
    axes.set_ylim(0, None)
    axes.grid(color=GRID)
    axes.legend(frameon=False, fontsize=SIZE, labelcolor="linecolor")
    return figure


@picture("wrappers/decay_to_initial_weights")
def decay_to_initial_weights() -> Figure:
    """Return a picture of a ravine, of which only one direction matters much."""
    ravine = functions.ravine(20)
    stack = "sgd(0.04)"
    return side_by_side(
        "SGD goes all the way to the minimum; with decay to the first weights it goes where that "
        "lowers the loss much, and stays near the start where it does not.",
        ravine,
        follow(stack, ravine, (-4.5, 1.5), 120),
        follow(f"{stack} | decay_to_initial_weights(2.0)", ravine, (-4.5, 1.5), 120),
    )


@picture("wrappers/decoupled_weight_decay")
def decoupled_weight_decay() -> Figure:
    """Return a picture of a line of minima, of which one is nearest to zero."""
    valley = functions.line_of_minima()
    stack = "adam(0.1)"
    return on_one(
        "Every point of this valley's floor is a minimum: Adam stops at the first that it reaches; "
        "with decay beside its steps it goes on, to smaller weights.",
        valley,
        [
            follow(stack, valley, (4, 3), 400),
            follow(f"{stack} | decoupled_weight_decay(0.1)", valley, (4, 3), 400),
        ],
    )


@picture("wrappers/lookahead")
def lookahead() -> Figure:
    """Return a picture of a ravine from wall to wall."""
    ravine = functions.ravine(20)
    stack = "sgd(0.099)"
    return side_by_side(
        "SGD bounces from wall to wall of a ravine; every fifth step, Lookahead goes back half of "
        "the way that it has come, to the floor between the walls.",
        ravine,
        follow(stack, ravine, (-4.5, 1.5), 45),
        follow(f"{stack} | lookahead(sync_period=5)", ravine, (-4.5, 1.5), 45),
        extra=SLOW,
    )


@picture("wrappers/moving_average")
def moving_average() -> Figure:
    """Return a picture of noisy batches."""
    bowl = functions.ravine(2, across=(-5, 3), upward=(-1.5, 2.3))
    batches = minibatches(bowl, 1.2, seed=2)
    return on_one(
        "The weights jump with every batch, and their moving average goes calmly to the minimum.",
        bowl,
        [follow("sgd(0.2) | moving_average(average_decay=0.9)", batches, (-4.3, 1.8), 60)],
        AVERAGED,
    )


@picture("wrappers/stochastic_weight_average")
def stochastic_weight_average() -> Figure:
    """Return a picture of weights around a minimum, and their mean."""
    bowl = functions.ravine(2, across=(-5, 3), upward=(-1.5, 2.3))
    batches = minibatches(bowl, 1.2, seed=2)
    stack = "sgd(0.2) | stochastic_weight_average(start_averaging=20, average_period=5)"
    return on_one(
        "The weights go round the minimum and never settle; the mean of every fifth of them lies "
        "close to it.",
        bowl,
        [follow(stack, batches, (-4.3, 1.8), 80)],
        AVERAGED,
    )


# Whether there is a step.


@picture("wrappers/gradient_accumulation")
def gradient_accumulation() -> Figure:
    """Return a picture of small noisy batches, and the mean of eight of them."""
    bowl = functions.ravine(1, across=(-4, 2), upward=(-1.5, 3))
    batches = minibatches(bowl, 2.5, seed=1)
    return side_by_side(
        "The same 96 noisy batches: SGD makes a step on each; the wrapped one makes twelve, on "
        "means of eight, with a learning rate eight times as high.",
        bowl,
        follow("sgd(0.05)", batches, (-3.5, 2.5), 96),
        follow("sgd(0.4) | gradient_accumulation(steps=8)", batches, (-3.5, 2.5), 96),
    )


@picture("wrappers/loss_scale_optimizer")
def loss_scale_optimizer() -> Figure:
    """Return a picture of gradients too small for 16 bits."""
    size = 1.4e-8
    bowl = functions.scaled(functions.ravine(1, across=(-4, 2.4), upward=(-2.4, 3)), size)
    lost = 2.0**-25 / size  # half of the smallest number of 16 bits is rounded to zero
    stack = "adam(0.1, epsilon=1e-12)"
    figure = side_by_side(
        "Inside the dashed square the gradients of this tiny loss are zero in 16 bits, and Adam "
        "comes to a halt; those of the scaled loss are not, and lead on.",
        bowl,
        follow(stack, bowl, (-3.5, 2.5), 80, half=True),
        follow(f"{stack} | loss_scale_optimizer", bowl, (-3.5, 2.5), 80, half=True),
    )
    for axes in figure.axes:
        square = Rectangle((-lost, -lost), 2 * lost, 2 * lost, fill=False, linestyle="--")
        axes.add_patch(square)
    return figure


@picture("wrappers/skip_non_finite")
def skip_non_finite() -> Figure:
    """Return a picture of a batch whose gradient is NaN."""
    bowl = functions.ravine(2, across=(-4, 1), upward=(-1, 3))
    batches = with_bad_batches(exactly(bowl), np.nan, [8])
    stack = "sgd(0.1)"
    return side_by_side(
        "One batch has a gradient that is not a number: for SGD all is over, and the wrapped one "
        "leaves out this step and goes on.",
        bowl,
        follow(stack, batches, (-3.5, 2.5), 40),
        follow(f"{stack} | skip_non_finite", batches, (-3.5, 2.5), 40, marked=[8]),
        marked="bad batch",
    )
