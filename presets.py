"""Well-known combinations, each as its definition.

In texts they stand as bases: `parse("ranger(1e-3) | gradient_noise")`. `describe` gives back
what they are made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import keras
from keras.optimizers.schedules import LearningRateSchedule

from . import optimizers, wrappers
from .optimizers.catalogue import base_optimizer
from .text import chain

Optimizer = keras.optimizers.Optimizer


@base_optimizer("ranger")
def ranger(learning_rate: float | LearningRateSchedule = 0.001) -> Optimizer:
    """RAdam on centralised gradients, with Lookahead.

        radam(learning_rate) | gradient_centralization | lookahead(6, 0.5)

    The author's code differs in RAdam's beta_1 = 0.95 and epsilon = 1e-5.

    Args:
        learning_rate: RAdam's. Default: 0.001.

    References:
        Wright: "New Deep Learning Optimizer, Ranger: Synergistic combination of RAdam +
        LookAhead for the best of both", 2019. Its parts: Liu et al., arXiv 1908.03265;
        Yong et al., arXiv 2004.01461; Zhang et al., arXiv 1907.08610.
    """
    return chain(
        optimizers.get("radam")(learning_rate),
        "gradient_centralization",
        "lookahead(sync_period=6, slow_step_size=0.5)",
    )


@base_optimizer("lamb")
def lamb(
    learning_rate: float | LearningRateSchedule = 0.001,
    weight_decay: float = 0.01,
    exclude: str | Sequence[str] | None = None,
) -> Optimizer:
    """Adam with steps as long as the weights are large.

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
    trust_ratio = wrappers.get("trust_ratio")
    return chain(
        keras.optimizers.Adam(learning_rate, epsilon=1e-6),
        partial(trust_ratio, weight_decay=weight_decay, exclude=exclude),
    )


@base_optimizer("lars")
def lars(
    learning_rate: float | LearningRateSchedule = 1.0,
    weight_decay: float = 1e-4,
    momentum: float = 0.9,
    exclude: str | Sequence[str] | None = None,
) -> Optimizer:
    """Gradient descent with steps as long as the weights are large, and momentum.

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
    trust_ratio, step_momentum = wrappers.get("trust_ratio"), wrappers.get("step_momentum")
    return chain(
        keras.optimizers.SGD(learning_rate),
        partial(trust_ratio, coefficient=0.001, weight_decay=weight_decay, exclude=exclude),
        partial(step_momentum, momentum=momentum),
    )


@base_optimizer("adamw_cautious")
def adamw_cautious(
    learning_rate: float | LearningRateSchedule = 0.001, weight_decay: float = 0.004
) -> Optimizer:
    """AdamW without the elements of the step that oppose the gradient.

        adamw(learning_rate, weight_decay) | cautious

    Args:
        learning_rate: AdamW's. Default: 0.001.
        weight_decay: AdamW's, decoupled. Default: 0.004, as in Keras.

    References:
        Liang et al.: "Cautious Optimizers: Improving Training with One Line of Code",
        arXiv 2411.16085, Algorithm 1.
    """
    return chain(keras.optimizers.AdamW(learning_rate, weight_decay), "cautious")
