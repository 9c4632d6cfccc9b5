"""Compiling an update with XLA, inside of a graph that is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import kernels


def compiled(function: Callable) -> Callable:
    """Return the function of tensors compiled by XLA, where that has all it needs."""

    # An error of XLA comes when the graph runs, where nothing can catch it, and has this name.
    def stepwrap_update_without_xla_if_the_wrapper_has_jit_compile_false(*args: Any) -> None:
        function(*args)

    update = tf.function(
        stepwrap_update_without_xla_if_the_wrapper_has_jit_compile_false,
        jit_compile=True,
        autograph=False,
    )

    def run(*args: Any) -> None:
        xla_can = xla_has(_operations(update.get_concrete_function(*args).graph))
        (update if xla_can else function)(*args)

    return run


def _operations(graph: tf.Graph) -> set[str]:
    """Return the types of operations in a function's graph, and in what it calls."""
    definition = graph.as_graph_def()
    called = (node for function in definition.library.function for node in function.node_def)
    inputs = {operation.op.type for operation in graph.inputs}
    return {node.op for node in (*definition.node, *called)} - inputs


def xla_has(operations: Iterable[str]) -> bool:
    """Return whether XLA has them all on the CPU, as far as it says what it has.

    `kernels.get_registered_kernels_for_op`, for no public name tells: there from TensorFlow 2.18,
    the oldest that is supported, to 2.21. Debuggers, such as `tf.debugging.enable_check_numerics`,
    add operations to every graph.
    """

    def has(operation: str) -> bool:
        registered = kernels.get_registered_kernels_for_op(operation).kernel
        return any(kernel.device_type == "XLA_CPU_JIT" for kernel in registered)

    return not has("NoOp") or all(map(has, operations))
