"""The pictures of the presets, each beside the optimizer that it is built on."""

from __future__ import annotations

import dataclasses

import keras
from matplotlib.figure import Figure

import functions
import stepwrap
from paths import KERNEL, TWO_KERNELS, follow, minibatches
from registry import picture
from style import SLOW, side_by_side


@picture("presets/ranger")
def ranger() -> Figure:
    """Return a picture of a ravine with noise, steep in the direction of the mean."""
    ravine = functions.scaled(functions.tilted_ravine(10), 0.1)
    batches = minibatches(ravine, 1.0, seed=3)
    return side_by_side(
        "Noisy batches drive RAdam across the ravine; Ranger keeps the mean of the two "
        "weights, as its gradients are centralised, and follows the floor.",
        ravine,
        follow("radam(0.2, beta_2=0.99)", batches, (-2.6, 2.6), 120, KERNEL),
        follow("ranger(0.2, beta_2=0.99)", batches, (-2.6, 2.6), 120, KERNEL),
        extra=SLOW,
    )


@picture("presets/lamb")
def lamb() -> Figure:
    """Return a picture of two layers, one with weights a hundred times as large."""
    layers = functions.unequal_layers()
    return side_by_side(
        "Adam moves all weights by the same amount, which is next to nothing for large ones; LAMB "
        "moves each layer by the same share of its weights.",
        layers,
        follow("adam(0.02, epsilon=1e-6)", layers, (300, 2.6), 60, TWO_KERNELS),
        follow("lamb(0.02)", layers, (300, 2.6), 60, TWO_KERNELS),
        labels=functions.LAYERS,
    )


@picture("presets/lars")
def lars() -> Figure:
    """Return a picture of two layers, one with weights a hundred times as large."""
    layers = functions.unequal_layers()
    return side_by_side(
        "SGD with momentum moves only the layer with small weights and large gradients; LARS "
        "moves each layer by the same share of its weights.",
        layers,
        follow("sgd(0.02, momentum=0.9)", layers, (300, 2.6), 60, TWO_KERNELS),
        follow("lars(2.0)", layers, (300, 2.6), 60, TWO_KERNELS),
        labels=functions.LAYERS,
    )


@picture("presets/adamw_cautious")
def adamw_cautious() -> Figure:
    """Return a picture of a bowl around which momentum swings."""
    bowl = functions.ravine(3, across=(-3.5, 2.5), upward=(-2.5, 2.5))
    return side_by_side(
        "AdamW's momentum carries it past the minimum; the cautious one leaves out the elements "
        "of a step that go uphill, and turns in sooner.",
        bowl,
        follow("adamw(0.3)", bowl, (-3, 2), 60),
        follow("adamw_cautious(0.3)", bowl, (-3, 2), 60),
    )


@picture("presets/finetune")
def finetune() -> Figure:
    """Return a picture of a line of minima, and a layer that is to change less than the other."""
    valley = functions.line_of_minima(across=(-1.2, 2.6), upward=(-1.2, 2.6))
    layers = [keras.layers.Dense(1, use_bias=False, name=f"layer_{number}") for number in (1, 2)]
    model = keras.Sequential([keras.Input((1,)), *layers])
    # What `follow` trains is of no model: its paths have no slash, as patterns of layers do.
    stack = stepwrap.presets.finetune(model, 30, 0.2, multipliers={"layer_1": 0.25})
    path = follow(stack, valley, (-0.8, -0.8), 30, TWO_KERNELS)
    return side_by_side(
        "AdamW changes both layers alike; fine-tuning begins with small steps, and changes the "
        "layer that was trained before a quarter as much as the new one.",
        valley,
        follow("adamw(0.2)", valley, (-0.8, -0.8), 30, TWO_KERNELS),
        dataclasses.replace(path, text="finetune(model, 30, 0.2, layer_decay=0.25)"),
        labels=("weight of the layer trained before", "weight of the new layer"),
    )
