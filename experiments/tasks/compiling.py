"""How the tasks compile their models, so that comparisons take little time."""

from __future__ import annotations

from typing import Any

import keras


def compiled(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    steps_per_execution: int = 50,
    xla: bool = False,
    **options: Any,
) -> keras.Model:
    """The model, compiled for speed.

    Args:
        model: The model.
        optimizer: What it is trained with.
        steps_per_execution: As in `compile`, where the backend can. Default: 50.
        xla: Whether TensorFlow is to compile with XLA on a CPU, too. It pays for large dense
            layers; elsewhere, compiling takes longer than it saves. Default: False.
        options: Others of `compile`.
    """
    backend = keras.backend.backend()
    model.compile(
        optimizer,
        # For PyTorch, Keras has nothing but single steps.
        steps_per_execution=1 if backend == "torch" else steps_per_execution,
        jit_compile=True if xla and backend == "tensorflow" else "auto",
        **options,
    )
    return model
