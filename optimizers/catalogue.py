"""The catalogue of base optimizers by name: Keras' and stepwrap's own, presets, and users'."""

from __future__ import annotations

import keras

from .. import checks
from ..catalogue import Catalogue
from ..wrappers import L4Adam, L4Mom

_KERAS = {
    cls.__name__.lower(): cls
    for cls in checks.keras_optimizer_classes()
    if cls.__name__ not in ("MultiOptimizer", "LossScaleOptimizer")  # around other optimizers
}
if "lamb" in _KERAS:
    _KERAS["keras_lamb"] = _KERAS.pop("lamb")  # `lamb` is a preset

_catalogue = Catalogue(
    "base optimizer",
    keras.optimizers.Optimizer,
    {**_KERAS, "l4adam": L4Adam, "l4mom": L4Mom},
)

base_optimizer = _catalogue.built_in
register = _catalogue.register
unregister = _catalogue.unregister
names = _catalogue.names
get = _catalogue.get
knows = _catalogue.knows
name_of = _catalogue.name_of
