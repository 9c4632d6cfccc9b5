"""What every backend does unless it says otherwise, in Keras alone.

A new backend of Keras works with these classes as they are, one altitude upon the other:
`Replicas`, `Flow` on them, and `Kernels` on that.
"""

from .flow import Flow
from .kernels import Kernels
from .replicas import Replicas

__all__ = ["Flow", "Kernels", "Replicas"]
