"""Everything that differs between the backends of Keras, behind one interface.

Each module here has the same functions. The one of the backend that Keras runs
on is `current`; nothing outside this folder names a backend.
"""

import importlib

import keras

from ._interface import Backend

current: Backend = importlib.import_module(f".{keras.backend.backend()}", __name__)

__all__ = ["current"]
