"""All that differs between the backends of Keras: a folder for each, and the reference.

Three altitudes, one upon the other: `replicas` of the model, `flow` (control flow and state), and
`kernels` (what is computed). Each is one object, of a class in the folder of the backend that
Keras runs on, which overrides what `reference` does where that measures faster, or where the
backend asks for it. Nothing outside of this folder names a backend.
"""

import importlib

import keras

from . import reference

_backend = importlib.import_module(f".{keras.backend.backend()}", __name__)

replicas: reference.Replicas = _backend.Replicas()
flow: reference.Flow = _backend.Flow(replicas)
kernels: reference.Kernels = _backend.Kernels(flow)

__all__ = ["flow", "kernels", "replicas"]
