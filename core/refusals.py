"""Refusals of what a wrapper cannot wrap."""

from __future__ import annotations

from typing import Any

import keras

from . import stack


def wrappable(wrapper: Any, inner_optimizer: keras.optimizers.Optimizer) -> None:
    """Refuses inner optimizers that would make a wrapper see or do something wrong."""
    for member in stack.walk(inner_optimizer):
        _member(wrapper, member)
    sees_true_gradients(type(wrapper).__name__, inner_optimizer)
    decays_once(wrapper, inner_optimizer)


def _member(wrapper: Any, member: keras.optimizers.Optimizer) -> None:
    name, inside = type(wrapper).__name__, type(member).__name__
    remedy = f"Write `{inside}({name}(...), ...)`."

    def does(optimizer: Any, *hooks: str) -> bool:
        return hasattr(optimizer, "overrides") and any(map(optimizer.overrides, hooks))

    if isinstance(member, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            f"`inner_optimizer` must not be a LossScaleOptimizer: {name} would see scaled "
            f"gradients. Put the loss scaler outside: "
            f"`stepwrap.LossScaleOptimizer({name}(...))`."
        )
    if wrapper.scales_steps:
        computes_steps(name, member)
    if wrapper.takes_steps and not stack.parts(member):
        averages_what_is_written(name, member, member.use_ema)
    if wrapper.takes_steps and does(member, "after_step"):
        raise ValueError(
            f"{inside} works on the weights after the step, which {name} around it would not have "
            f"written yet, so it must stand outside. {remedy}"
        )
    acts_at_every_step = wrapper.takes_steps or does(wrapper, "before_step", "after_step")
    if acts_at_every_step and does(member, "apply_inner"):
        raise ValueError(
            f"{inside} runs the optimizer inside on some steps only, so {name}, which does "
            f"something at every step, cannot stand around it. {remedy}"
        )
    if getattr(member, "stands_outermost", False) and (
        acts_at_every_step or does(wrapper, "transform_gradients")
    ):
        raise ValueError(
            f"{inside} must stand outermost: inside {name} it would be given what {name} "
            f"makes of every batch. {remedy}"
        )


def computes_steps(name: str, inside: keras.optimizers.Optimizer) -> None:
    """Refuses optimizers that compute weights from their own state, where steps are scaled."""
    names = ("Ftrl", "ScheduleFreeAdamW")  # the latter is not in every Keras
    classes = tuple(
        getattr(keras.optimizers, one) for one in names if hasattr(keras.optimizers, one)
    )
    if isinstance(inside, classes):
        raise ValueError(
            f"`inner_optimizer` of {name} must not be {type(inside).__name__}, which computes "
            "weights from its own state and not from the weights: what a step is scaled by now it "
            "would make up for at the next. Use another optimizer, such as "
            "`keras.optimizers.AdamW`."
        )


def averages_what_is_written(name: str, inside: keras.optimizers.Optimizer, use_ema: bool) -> None:
    """Refuses averages of weights inside of a wrapper, of that name, that takes steps."""
    if use_ema:
        raise ValueError(
            f"`use_ema=True` on {type(inside).__name__} would average weights that are never "
            f"written, for {name} changes the step on its way to the weights. Leave it out and "
            f"average outside: `stepwrap.MovingAverage({name}(...))`."
        )


def decays_once(wrapper: Any, inner_optimizer: keras.optimizers.Optimizer) -> None:
    """Refuses what decays weights itself inside of a wrapper, this one or another, that does."""
    for member in (wrapper, *stack.walk(inner_optimizer)):
        if getattr(member, "decays_weights", False):
            name = type(member).__name__
            for inside in stack.walk(inner_optimizer if member is wrapper else member):
                for argument, rate in stack.own_weight_decay(inside).items():
                    raise two_decays(name, type(inside).__name__, argument, rate)


def two_decays(name: str, inside: str, argument: str, rate: float) -> ValueError:
    """Return the error of a decay beside that of the wrapper of that name."""
    return ValueError(
        f"`{argument}={rate!r}` on {inside} would decay the weights once more, beside {name}. "
        f"Leave it out, or where it has a default, as in AdamW and Muon, write `{argument}=0.0`."
    )


def sees_true_gradients(name: str, inner_optimizer: keras.optimizers.Optimizer) -> None:
    """Refuses what divides or withholds the gradients inside of the wrapper with that name."""
    for member in stack.walk(inner_optimizer):
        inside = type(member).__name__
        if member.loss_scale_factor is not None:
            raise ValueError(
                f"`loss_scale_factor={member.loss_scale_factor}` on {inside} would divide the "
                f"gradients by it, though {name} around it does not multiply the loss. Leave it "
                f"out and put `stepwrap.LossScaleOptimizer` around {name}."
            )
        if member.gradient_accumulation_steps is not None:
            steps = member.gradient_accumulation_steps
            raise ValueError(
                f"`gradient_accumulation_steps={steps}` on {inside} would let {name} see the "
                "gradient of every micro-batch rather than their mean. Leave it out and write "
                f"`stepwrap.GradientAccumulation({name}(...), steps={steps})`."
            )
