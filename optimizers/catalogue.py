"""The catalogue of base optimizers by name: Keras', and those that enter themselves.

These are stepwrap's own, presets, and users'.
"""

from __future__ import annotations

import keras

from ..catalogue import Catalogue, SavedClasses
from .keras_classes import keras_optimizer_classes

_KERAS = {
    cls.__name__.lower(): cls
    for cls in keras_optimizer_classes()
    if cls.__name__ not in ("MultiOptimizer", "LossScaleOptimizer")  # around other optimizers
}
if "lamb" in _KERAS:
    _KERAS["keras_lamb"] = _KERAS.pop("lamb")  # `lamb` is a preset

_catalogue = Catalogue("base optimizer", _KERAS)
_classes = SavedClasses(_catalogue, keras.optimizers.Optimizer)

base_optimizer = _classes.built_in
register = _classes.register
example = _classes.example
unregister = _catalogue.unregister
names = _catalogue.names
get = _catalogue.get
knows = _catalogue.knows
name_of = _catalogue.name_of
