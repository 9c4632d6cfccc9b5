"""The ways to run a step that are compared: the backends of Keras, and TensorFlow with XLA."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

ONE_THREAD = {
    **dict.fromkeys(
        (
            "OMP_NUM_THREADS",
            "MKL_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "TF_NUM_INTRAOP_THREADS",
            "TF_NUM_INTEROP_THREADS",
        ),
        "1",
    ),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
# glibc keeps freed blocks for later unless it maps each for itself; then nothing could be seen.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": "65536"}


@dataclass(frozen=True)
class Mode:
    """A backend, and whether it compiles.

    Args:
        title: What it is called in tables and pictures.
        backend: Keras' name of it, which is also the module's.
        compiled: Whether TensorFlow uses XLA.
    """

    title: str
    backend: str
    compiled: bool = True

    @property
    def is_installed(self) -> bool:
        """Return whether the backend can be imported."""
        return importlib.util.find_spec(self.backend) is not None

    def environment(self, threads: str, kind: str) -> dict[str, str]:
        """Return what has to be set before the backend is imported."""
        own = {
            "KERAS_BACKEND": self.backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "",
        }
        return own | (ONE_THREAD if threads == "one" else {}) | (MEMORY if kind == "memory" else {})


MODES = {
    "tensorflow-xla": Mode("TensorFlow, XLA", "tensorflow"),
    "tensorflow": Mode("TensorFlow, no XLA", "tensorflow", compiled=False),
    "jax": Mode("JAX", "jax"),
    "torch": Mode("PyTorch", "torch"),
}
