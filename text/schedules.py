"""Keras' learning rate schedules by name, as they stand in texts."""

from __future__ import annotations

import inspect

from keras.optimizers import schedules

from ..catalogue import Catalogue, snake_case

_classes = [
    value
    for value in vars(schedules).values()
    if inspect.isclass(value) and value is not schedules.LearningRateSchedule
]

SCHEDULES = Catalogue("learning rate schedule", {snake_case(cls): cls for cls in _classes})
