"""Where TensorFlow computes, and whether XLA compiles for it."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.python.ops import control_flow_util


def on_cpu() -> bool:
    """Return whether a step runs on a CPU: there is nothing else."""
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


def in_xla() -> bool:
    """Return whether the graph that is being built is for XLA.

    `control_flow_util.GraphOrParentsInXlaContext`, for no public name tells: there from
    TensorFlow 2.18, the oldest that is supported, to 2.21.
    """
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def in_xla_on_cpu() -> bool:
    """Return whether the graph that is being built is for XLA on a CPU."""
    return in_xla() and on_cpu()
