"""How the tasks compile their models, so that comparisons take little time."""

from __future__ import annotations

from typing import Any

import keras


def compiled(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    steps_per_execution: int = 50,
    **options: Any,
) -> keras.Model:
    """The model, compiled with as many steps in one call as the backend can do.

    Args:
        model: The model.
        optimizer: What it is trained with.
        steps_per_execution: As in `compile`. Default: 50.
        options: Others of `compile`.
    """
    if keras.backend.backend() == "torch":  # for which Keras has nothing but single steps
        steps_per_execution = 1
    model.compile(optimizer, steps_per_execution=steps_per_execution, **options)
    return model
