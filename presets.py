"""Well-known combinations, each as its definition.

In texts they stand as bases: `parse("ranger(1e-3) | gradient_noise")`; all but `finetune`, which
needs a model. `describe` gives back what they are made of.

Each takes the arguments of its parts as well, by name: `ranger(beta_1=0.95, sync_period=5)`.
One that several parts have is that of the part which the definition gives it to; `name`, which
all have, cannot be given.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import keras
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule

from . import checks, optimizers, wrappers
from .optimizers import old_names
from .optimizers.catalogue import base_optimizer
from .text import chain
from .text.arguments import arguments_of
from .toolkit.layer_decay import layer_decay as multipliers_of_layers
from .toolkit.selection import SELECTORS, VECTORS, matches

__all__ = ["adamw_cautious", "finetune", "lamb", "lars", "ranger"]

Optimizer = keras.optimizers.Optimizer
Parts = list[partial]


def _of_parts(definition: Callable[..., Parts]) -> Callable[..., Optimizer]:
    """Return a function that makes the stack whose parts the decorated one returns, base first.

    It takes the arguments of the parts as well.
    """
    own = inspect.signature(definition).parameters
    name = definition.__name__

    @functools.wraps(definition)
    def preset(*args: Any, **arguments: Any) -> Optimizer:
        of_definition = {one: arguments.pop(one) for one in own if one in arguments}
        parts = definition(*args, **of_definition)
        known = {**_arguments_of_parts(parts), **own}
        for argument, value in arguments.items():
            if argument not in known:
                hint = _hint_for(argument, parts, known)
                raise TypeError(f"`{name}` has no argument `{argument}`.{hint}")
            place = _place(argument, parts)
            parts[place] = partial(parts[place], **{argument: value})
        base, *others = parts
        return chain(base(), *others)

    others = inspect.Parameter("of_parts", inspect.Parameter.VAR_KEYWORD, annotation=Any)
    preset.__signature__ = inspect.Signature([*own.values(), others], return_annotation=Optimizer)
    return preset


def _preset(definition: Callable[..., Parts]) -> Callable[..., Optimizer]:
    """Return the same for a stack that can be made of defaults, whose name is one in texts."""
    preset = _of_parts(definition)
    parameters = {**inspect.signature(definition).parameters}
    for name, parameter in _arguments_of_parts(definition()).items():
        parameters.setdefault(name, parameter)
    preset.__signature__ = inspect.Signature([*parameters.values()], return_annotation=Optimizer)
    return base_optimizer(definition.__name__)(preset)


def _hint_for(argument: str, parts: Parts, known: Iterable[str]) -> str:
    """Return what is said of an argument that is not known."""
    hints = (old_names.hint_for_argument(part.func, argument) for part in parts)
    hint = next(filter(None, hints), "") or checks.nearest(argument, known)
    return hint or f" It has: {checks.listed(known)}."


def _arguments_of_parts(parts: Parts) -> dict[str, inspect.Parameter]:
    """Return the arguments that one of the parts takes, each by name and with its value there."""
    found = {}
    for place, part in enumerate(parts):
        for name, parameter in arguments_of(part.func).items():
            if _place(name, parts) == place:
                default = part.keywords.get(name, parameter.default)
                found[name] = parameter.replace(kind=parameter.KEYWORD_ONLY, default=default)
    return found


def _place(argument: str, parts: Parts) -> int | None:
    """Return which of the parts an argument is for, if there is only one that it can be for."""
    having = [place for place, part in enumerate(parts) if argument in arguments_of(part.func)]
    given = [place for place in having if argument in parts[place].keywords]
    places = given or having
    return places[0] if len(places) == 1 else None


@_preset
def ranger(learning_rate: float | LearningRateSchedule = 0.001) -> Parts:
    """Return RAdam on centralised gradients, with Lookahead.

        radam(learning_rate) | gradient_centralization | lookahead(6, 0.5)

    The author's code differs in RAdam's beta_1 and epsilon: `ranger(beta_1=0.95, epsilon=1e-5)`.

    Args:
        learning_rate: RAdam's. Default: 0.001.

    References:
        Wright: "New Deep Learning Optimizer, Ranger: Synergistic combination of RAdam +
        LookAhead for the best of both", 2019. Its parts: Liu et al., arXiv 1908.03265;
        Yong et al., arXiv 2004.01461; Zhang et al., arXiv 1907.08610.
    """
    return [
        partial(optimizers.RAdam, learning_rate),
        partial(wrappers.GradientCentralization),
        partial(wrappers.Lookahead, sync_period=6, slow_step_size=0.5),
    ]


@_preset
def lamb(
    learning_rate: float | LearningRateSchedule = 0.001,
    weight_decay: float = 0.01,
    exclude: str | Sequence[str] | None = None,
) -> Parts:
    """Return Adam with steps as long as the weights are large.

        adam(learning_rate, epsilon=1e-6) | trust_ratio(weight_decay=weight_decay)

    Keras' own `Lamb`, `keras_lamb` in texts, has no decay inside the trust ratio.

    Args:
        learning_rate: Adam's; the length of a step as a share of the norm of the weights.
            Default: 0.001.
        weight_decay: How much of the weights is added to Adam's direction. Default: 0.01,
            which is usual for BERT.
        exclude: Regular expressions; variables with one in their path are left out, see
            `stepwrap.TrustRatio`. Default: None, for variables of less than two axes.

    References:
        You et al.: "Large Batch Optimization for Deep Learning: Training BERT in 76
        minutes", arXiv 1904.00962, Algorithm 2.
    """
    return [
        partial(keras.optimizers.Adam, learning_rate, epsilon=1e-6),
        partial(wrappers.TrustRatio, weight_decay=weight_decay, exclude=exclude),
    ]


@_preset
def lars(
    learning_rate: float | LearningRateSchedule = 1.0,
    weight_decay: float = 1e-4,
    momentum: float = 0.9,
    exclude: str | Sequence[str] | None = None,
) -> Parts:
    """Return gradient descent with steps as long as the weights are large, and momentum.

        sgd(learning_rate) | trust_ratio(coefficient=0.001, weight_decay=weight_decay)
            | step_momentum(momentum)

    The paper divides by ‖g‖ + weight_decay · ‖w‖, this by ‖g + weight_decay · w‖.

    Args:
        learning_rate: A thousand times the length of a step as a share of the norm of the
            weights. Default: 1.
        weight_decay: How much of the weights is added to the gradient. Default: 1e-4.
        momentum: The share of a step that the next one repeats. Default: 0.9.
        exclude: Regular expressions; variables with one in their path are left out, see
            `stepwrap.TrustRatio`. Default: None, for variables of less than two axes.

    References:
        You, Gitman, Ginsburg: "Large Batch Training of Convolutional Networks",
        arXiv 1708.03888, Algorithm 1.
    """
    return [
        partial(keras.optimizers.SGD, learning_rate),
        partial(wrappers.TrustRatio, coefficient=0.001, weight_decay=weight_decay, exclude=exclude),
        partial(wrappers.StepMomentum, momentum=momentum, nesterov=False),
    ]


@_preset
def adamw_cautious(
    learning_rate: float | LearningRateSchedule = 0.001, weight_decay: float = 0.004
) -> Parts:
    """Return AdamW without the elements of the step that oppose the gradient.

        adamw(learning_rate, weight_decay) | cautious

    Args:
        learning_rate: AdamW's. Default: 0.001.
        weight_decay: AdamW's, decoupled. Default: 0.004, as in Keras.

    References:
        Liang et al.: "Cautious Optimizers: Improving Training with One Line of Code",
        arXiv 2411.16085, Algorithm 1.
    """
    return [
        partial(keras.optimizers.AdamW, learning_rate, weight_decay),
        partial(wrappers.Cautious),
    ]


@_of_parts
def finetune(
    model: keras.Model,
    steps: int,
    learning_rate: float = 1e-4,
    warm_up: float = 0.1,
    layer_decay: float = 0.75,
    weight_decay: float = 0.05,
    clipnorm: float = 1.0,
    exclude: str | Sequence[str] | None = None,
) -> Parts:
    """Return AdamW for a pre-trained model, with warm-up, cosine, layer decay and clipping.

        adam(cosine_decay(0.0, steps - warm_up_steps, warmup_target=learning_rate,
                          warmup_steps=warm_up_steps))
            | clipped(clipnorm=clipnorm, scope="global")
            | decoupled_weight_decay(weight_decay, exclude=exclude)
            | learning_rate_multipliers(layer_decay(model, layer_decay))

    The learning rate rises from zero over `warm_up_steps`, which is `warm_up · steps`, and falls
    to zero along a cosine over the rest; after `steps` steps nothing changes any more. Weight
    decay follows it, and the multipliers. Biases and normalisations do not decay. All this is
    saved with the model. It is no text, for it needs the model; the stack that it makes has one.

    Args:
        model: The model, built. Layers that are not trainable at this moment have the full
            learning rate if they become so, see `stepwrap.layer_decay`.
        steps: How many steps training has in all, at least 1: epochs · batches.
        learning_rate: The highest learning rate, that of the last layer, above 0. Default: 1e-4,
            as of ELECTRA-Base; 5e-5 is usual for large models.
        warm_up: The share of the steps in which it rises, in [0, 1). Default: 0.1, as of
            ELECTRA and BERT.
        layer_decay: What the learning rate falls by from each layer to the one before it, in
            (0, 1]. Default: 0.75, as of MAE.
        weight_decay: The rate of the decay, at least 0. Default: 0.05, as of MAE.
        clipnorm: The largest norm of the whole gradient, above 0. Default: 1, as of BERT.
        exclude: Regular expressions, or "*vectors" for variables of less than two axes; what one
            of them matches does not decay. Default: None, for "*vectors" and, if the model has
            biases, gammas or betas of more axes, as `MultiHeadAttention` has, for these by name.

    Raises:
        TypeError, ValueError: If an argument is not what is said above, or `model` not built.

    References:
        He et al.: "Masked Autoencoders Are Scalable Vision Learners", arXiv 2111.06377, Table 9;
        Clark, Luong, Le, Manning: "ELECTRA", arXiv 2003.10555, Appendix B; Devlin et al.: "BERT",
        arXiv 1810.04805, and its code.
    """
    multipliers = multipliers_of_layers(model, checks.probability("layer_decay", layer_decay))
    clipnorm = checks.positive("clipnorm", clipnorm)
    rate = checks.number("weight_decay", weight_decay, least=0)
    exclude = _biases_and_normalisations(model) if exclude is None else exclude
    exclude = checks.patterns("exclude", exclude, SELECTORS)
    return [
        partial(keras.optimizers.Adam, _up_and_down(learning_rate, warm_up, steps)),
        partial(wrappers.ClippedOptimizer, clipnorm=clipnorm, scope="global"),
        partial(wrappers.DecoupledWeightDecay, rate=rate, exclude=exclude),
        partial(wrappers.LearningRateMultipliers, multipliers=multipliers),
    ]


def _up_and_down(learning_rate: float, warm_up: float, steps: int) -> CosineDecay:
    """Return a schedule that rises in a straight line, and falls along a cosine."""
    learning_rate = checks.positive("learning_rate", learning_rate)
    steps = checks.count("steps", steps)
    share = checks.number("warm_up", warm_up, least=0, below=1)
    warm_up_steps = min(round(share * steps), steps - 1)
    if not warm_up_steps:
        return CosineDecay(learning_rate, steps)
    return CosineDecay(
        0.0, steps - warm_up_steps, warmup_target=learning_rate, warmup_steps=warm_up_steps
    )


def _biases_and_normalisations(model: keras.Model) -> list[str]:
    """Return patterns of them; names are among these where the number of axes does not tell."""
    names = "(bias|gamma|beta)$"
    larger = [one for one in model.trainable_variables if not matches(VECTORS, one)]
    return [VECTORS, names] if any(matches(names, one) for one in larger) else [VECTORS]
