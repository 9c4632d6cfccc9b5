"""The state of the random numbers that belong to no model: of Python, NumPy and the backend."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from ..backends import flow


def get() -> dict[str, Any]:
    """Return the state, as JSON can have it."""
    numpy = np.random.get_state(legacy=False)
    key = numpy["state"]["key"].tolist()
    return {
        "python": random.getstate(),
        "numpy": {**numpy, "state": {**numpy["state"], "key": key}},
        "backend": flow.random_state(),
    }


def put(state: dict[str, Any]) -> None:
    """Goes on from a state that `get` gave, and JSON may have had."""
    version, numbers, spare = state["python"]
    random.setstate((version, tuple(numbers), spare))
    np.random.set_state(state["numpy"])
    flow.put_random_state(state["backend"])
