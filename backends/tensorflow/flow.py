"""Control flow and state on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from .. import reference
from . import compilation, device
from .replicas import parts_of, several_replicas


class Flow(reference.Flow):
    """Graphs, and variables of which each replica has its part."""

    def cond(self, predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        """Uses TensorFlow's own: Keras' adds text of its own to errors that come from inside."""
        return tf.cond(predicate, if_true, if_false)

    def run_if(
        self,
        predicate: Any,
        function: Callable[..., Sequence[Any] | None],
        variables: Sequence[Any],
        *tensors: Any,
        like: Sequence[Any] = (),
    ) -> Sequence[Any]:
        """Decides for all replicas at once: on one, a conditional could not hold a `merge_call`."""

        def run(*tensors: Any) -> Sequence[Any]:
            return function(*tensors) or []

        def zeros(*_: Any) -> Sequence[Any]:
            return [tf.zeros(variable.shape, variable.dtype) for variable in like]

        if not several_replicas():
            choose = _cond_in_place if device.in_xla_on_cpu() else tf.cond
            return choose(predicate, lambda: run(*self.of_here(tensors)), zeros)

        def on_all(strategy: tf.distribute.Strategy, predicate: Any, tensors: Any) -> Any:
            def each(one: Callable) -> Callable:
                return lambda: strategy.extended.call_for_each_replica(one, args=tensors)

            first = strategy.experimental_local_results(predicate)[0]
            return tf.cond(first, each(run), each(zeros))

        return tf.distribute.get_replica_context().merge_call(on_all, args=(predicate, tensors))

    def trace_of(self, tensor: Any) -> tf.Graph | None:
        """Return the graph that is being built."""
        return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()

    def goes_on(self, trace: tf.Graph | None) -> bool:
        """Looks for the graph among those around the one being built: branches have their own.

        What is eager, a graph takes as a constant, and would keep at every later call.
        """
        graph = self.trace_of(None)
        if trace is None:
            return graph is None
        while graph is not trace and graph is not None:
            graph = getattr(graph, "outer_graph", None)
        return graph is trace

    def of_here(self, tensors: Any) -> Any:
        """Makes them results of the graph being built: Keras' all-reduce takes no others'."""
        return tf.nest.map_structure(lambda one: None if one is None else tf.identity(one), tensors)

    def compiled(self, function: Callable, wanted: Callable[[], bool]) -> Callable:
        """Has XLA compile it, if a graph is being built for the CPU that is not compiled itself.

        Where there are other devices, Keras compiles models unless it is told not to.
        """
        builds_graph = tf.inside_function() and not device.in_xla()
        if not builds_graph or tf.distribute.has_strategy():
            return function
        if not device.on_cpu() or not wanted():
            return function
        return compilation.compiled(function)

    def value(self, variable: Any) -> Any:
        """Reads this replica's part of the variable."""
        return tf.convert_to_tensor(self.replicas.local(variable))

    def start_at(self, variables: Sequence[Any], sources: Sequence[Any]) -> bool:
        """Leaves a graph that is being built, whose own variables have no values there."""
        with tf.init_scope():
            pairs = [
                pair
                for variable, source in zip(variables, sources, strict=True)
                for pair in zip(parts_of(variable), parts_of(source), strict=True)
            ]
            if not all(part.is_initialized() for pair in pairs for part in pair):
                return False
            for part, source in pairs:
                part.assign(source)
        return True

    def read(self, variable: Any) -> Any:
        """Has none where a graph is being built."""
        return super().read(variable) if tf.executing_eagerly() else None


def _cond_in_place(predicate: Any, function: Callable, zeros: Callable) -> Sequence[Any]:
    """Loops at most once: XLA on a CPU copies all variables of a conditional, run or not."""

    def once(_: Any, results: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        return tf.constant(False), function()

    return tf.while_loop(lambda due, _: due, once, (predicate, zeros()))[1]
