"""Where PyTorch computes."""

from __future__ import annotations

import torch


def on_cpu(tensor: torch.Tensor) -> bool:
    """Return whether what is computed with the tensor runs on a CPU."""
    return tensor.device.type == "cpu"
