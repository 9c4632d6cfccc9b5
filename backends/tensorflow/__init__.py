"""TensorFlow: what differs from the reference."""

from .flow import Flow
from .kernels import Kernels
from .replicas import Replicas

__all__ = ["Flow", "Kernels", "Replicas"]
