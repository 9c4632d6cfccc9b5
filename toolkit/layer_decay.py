"""Learning rates that fall from the last layer to the first."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import Any

import keras

from .. import checks
from ..backends import keras_private, replicas
from .by_path import first_match
from .selection import path_of

Layer = Any
Variable = Any


def layer_decay(model: keras.Model, decay: float = 0.75, least: float = 0.0) -> dict[str, float]:
    """Multipliers of the learning rate that are the smaller the earlier a layer stands.

        m = max(least, decay^depth)

    They are for `stepwrap.LearningRateMultipliers`. The depth of a layer is how many layers with a
    kernel come after it, on the longest way to an output; a kernel is a trainable weight of two
    axes or more. So the last layer has m = 1, and a normalisation goes with the kernel before it.
    Models inside of the model are looked into; other layers that are made of layers, such as a
    block of a transformer, count as one. In a model that is neither `Sequential` nor functional,
    layers count in the order in which they were made. A weight that is used more than once, as one
    shared between layers, has the depth of the use that is nearest to the end.

    A pattern is the name of a layer, such as "(^|/)dense/", for that stays in the paths when a
    model is loaded, and the names of `Sequential` models around the layer do not. Where such names
    do not tell layers of several depths apart, patterns have all of the path.

    Args:
        model: A model that is built. Layers that do not train at this moment are left out, and
            so are weights that the model has beside its layers.
        decay: What the multiplier falls by from layer to layer, in (0, 1]. Default: 0.75.
        least: The least multiplier, in [0, 1]. Default: 0.

    Returns:
        A dictionary of patterns and multipliers, from the last layer to the first.

    Raises:
        TypeError, ValueError: If `model` is no model, or not built; if a number is not in its
            range; if layers of several depths have weights of one path, which no pattern tells
            apart.

    References:
        Howard, Ruder: "Universal Language Model Fine-tuning for Text Classification",
        arXiv 1801.06146, Section 3.2; Clark, Luong, Le, Manning: "ELECTRA", arXiv 2003.10555,
        Appendix A, which has it for each layer of a transformer.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            "`model` must be a Keras model. "
            f"Received: model={checks.brief(model)} of type {type(model).__name__}."
        )
    decay = checks.probability("decay", decay)
    least = checks.number("least", least, least=0, most=1)
    if not model.built:
        raise ValueError(
            "`model` must be built, for its layers have no weights yet. Call `model.build(shape)`, "
            f"or the model on a batch. Received: model={model.name!r}."
        )
    layers = _layers_by_depth(model)
    multipliers = [(max(least, decay**depth), weights) for depth, _, weights in layers]
    for pattern_of in (_name_of, _start_of):
        patterns = {
            pattern_of(name, weights): multiplier
            for (_, name, weights), (multiplier, _) in zip(layers, multipliers, strict=True)
        }
        if _tells_apart(patterns, multipliers):
            return patterns
    return _by_whole_path(multipliers)


def _layers_by_depth(model: keras.Model) -> list[tuple[int, str, list[Variable]]]:
    """Return depth, name and weights of each layer, each weight once, from the last layer on."""
    uses, _ = _uses(model)
    depths: dict[Any, int] = {}
    for layer, depth in uses:
        for weight in layer.trainable_variables:
            key = replicas.key(weight)
            depths[key] = min(depth, depths.get(key, depth))
    layers = []
    for layer, _ in uses:
        of_layer: dict[int, list[Variable]] = {}
        for weight in layer.trainable_variables:
            depth = depths.pop(replicas.key(weight), None)
            if depth is not None:  # the first layer that has it
                of_layer.setdefault(depth, []).append(weight)
        layers += [(depth, layer.name, weights) for depth, weights in of_layer.items()]
    return sorted(layers, key=lambda layer: layer[0])


def _uses(model: keras.Model) -> tuple[list[tuple[Layer, int]], int]:
    """Return each use of a layer with its depth, and how many kernels follow each other in all."""
    uses: list[tuple[Layer, int]] = []
    lengths: list[int] = []  # with each call, of what begins there
    for layer, used_by in _calls(model):
        depth = max((lengths[place] for place in used_by), default=0)
        if isinstance(layer, keras.Model):
            inside, length = _uses(layer)
            uses += [(one, depth + depth_inside) for one, depth_inside in inside]
        else:
            is_layer = isinstance(layer, keras.layers.Layer)
            uses += [(layer, depth)] if is_layer else []
            length = int(is_layer and any(len(v.shape) > 1 for v in layer.trainable_variables))
        lengths.append(depth + length)
    return uses, max(lengths, default=0)


def _calls(model: keras.Model) -> list[tuple[Any, list[int]]]:
    """Return what a model calls, from its end, each with the places of those that use it."""
    graph = keras_private.graph_of(model)
    if graph is not None:
        return graph
    layers = model.layers[::-1]
    return [(layer, [place - 1] if place else []) for place, layer in enumerate(layers)]


def _name_of(layer: str, weights: Sequence[Variable]) -> str:
    """Return a pattern of the layer's name, if the paths of its weights have it."""
    pattern = f"(^|/){re.escape(layer)}/"
    is_in_paths = all(re.search(pattern, path_of(weight)) for weight in weights)
    return pattern if is_in_paths else _start_of(layer, weights)


def _start_of(layer: str, weights: Sequence[Variable]) -> str:
    """Return a pattern of what the paths of a layer's weights begin with, up to the last slash."""
    folders = [path_of(weight).rpartition("/")[0] for weight in weights]
    common = posixpath.commonpath(folders) if all(folders) else ""
    return f"^{re.escape(common)}/" if common else _whole_path(weights[0])


def _whole_path(weight: Variable) -> str:
    return f"^{re.escape(path_of(weight))}$"


def _tells_apart(
    patterns: dict[str, float], layers: Sequence[tuple[float, list[Variable]]]
) -> bool:
    """Return whether every weight gets its multiplier by the first pattern that it matches."""
    return all(
        first_match(patterns, weight, None) == multiplier
        for multiplier, weights in layers
        for weight in weights
    )


def _by_whole_path(layers: Sequence[tuple[float, list[Variable]]]) -> dict[str, float]:
    patterns: dict[str, float] = {}
    for multiplier, weights in layers:
        for weight in weights:
            if patterns.setdefault(_whole_path(weight), multiplier) != multiplier:
                raise ValueError(
                    f"`model` has layers of several depths with a weight of the path "
                    f"{path_of(weight)!r}, which no pattern tells apart. Give these layers "
                    "different names."
                )
    return patterns
