"""Replicas on TensorFlow: those of a tf.distribute strategy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf

from .. import keras_private, reference
from . import device


class Replicas(reference.Replicas):
    """The replicas of the strategy that is running this, each in a thread of its own."""

    def __init__(self) -> None:
        # They take turns at every `merge_call`, and `run_if` starts them anew inside of one: what
        # Python remembers from one line to the next is kept by the replica's number.
        self._with_sums: set[int] = set()

    def replica(self) -> int:
        """Return the replica's number in its strategy."""
        if not several_replicas():
            return 0
        context = tf.distribute.get_replica_context()
        return int(tf.get_static_value(context.replica_id_in_sync_group))

    def must_sum(self) -> bool:
        """Return whether no wrapper outside has summed on this one of several replicas."""
        return several_replicas() and self.replica() not in self._with_sums

    def once_summed(self, step: Callable[[list, Any], None], gradients: list, loss: Any) -> None:
        """Reduces everything at once; the loss, like a gradient, is a replica's share of a sum."""
        if not self.must_sum():
            step(gradients, loss)
            return
        this_replica = self.replica()
        context = tf.distribute.get_replica_context()
        shares = [gradients, [] if loss is None else [tf.convert_to_tensor(loss)]]
        gradients, losses = context.all_reduce(tf.distribute.ReduceOp.SUM, shares)
        self._with_sums.add(this_replica)
        try:
            step(gradients, *losses or [None])
        finally:
            self._with_sums.discard(this_replica)

    def leave_sums_to_wrapper(self, optimizer: Any) -> None:
        """Has Keras' reduction in the optimizer pass on what has been summed."""
        keras_private.replace_reduction(optimizer, unless=lambda: self.replica() in self._with_sums)

    def on_all_replicas(self, condition: Any) -> Any:
        """Counts the replicas on which it does not hold."""
        if not several_replicas():
            return condition
        failures = tf.cast(tf.logical_not(condition), tf.int32)
        context = tf.distribute.get_replica_context()
        return tf.equal(context.all_reduce(tf.distribute.ReduceOp.SUM, failures), 0)

    def check_made_together(self, wrapper: str, variables: Sequence[Any], optimizer: Any) -> None:
        """Compares the strategies of the variables."""
        # Keras builds the optimizer of a model without trainable variables, and of a legacy file.
        if not variables:
            return
        strategy = strategy_of(variables[0])
        for variable in (*variables, *optimizer.variables):
            if strategy_of(variable) is not strategy:
                raise ValueError(
                    f"{wrapper} cannot train {variables[0].name!r}, which was made under "
                    f"{_named(strategy)}, with {variable.name!r}, which was made under "
                    f"{_named(strategy_of(variable))}. Make the model and the optimizer, inner "
                    "ones included, inside the same `with strategy.scope():`."
                )

    def check_place(self, wrapper: str, variable: Any) -> None:
        """Compares the variable's strategy with the current one, and asks what that cannot do."""
        own, current = strategy_of(variable), tf.distribute.get_strategy()
        if own is not current and (own is not None or current.num_replicas_in_sync > 1):
            raise ValueError(
                f"{wrapper} is to train {variable.name!r}, which was made under {_named(own)}, "
                f"under {_named(current)}. Make model and optimizer inside "
                "`with strategy.scope():`, and train with `fit`, or with `strategy.run` "
                "of the same strategy."
            )
        if current.num_replicas_in_sync == 1:
            return
        if tf.distribute.in_cross_replica_context():
            raise ValueError(
                f"{wrapper} was called for all replicas of {_named(current)} at once. Call it for "
                "each replica, inside of `strategy.run`, as `fit` does."
            )
        # With several GPUs TensorFlow lets replicas meet in XLA, too; no public name tells.
        can_meet = tf.__internal__.distribute.strategy_supports_no_merge_call()
        if device.in_xla() and not can_meet:
            raise ValueError(
                f"{wrapper} cannot train under {_named(current)} with jit_compile=True: XLA "
                "compiles for one device, and no Keras optimizer can. Compile the model with "
                "`jit_compile=False`."
            )

    def scope_of(self, variable: Any) -> AbstractContextManager:
        """Return the scope of the variable's strategy."""
        strategy = strategy_of(variable)
        return contextlib.nullcontext() if strategy is None else strategy.scope()

    def once_for_all_replicas(
        self, work: Callable[[Callable[[], None]], Any], function: Callable, tensors: list
    ) -> Any:
        """Works inside of one `merge_call`, where no other replica is at work."""
        if not several_replicas():
            return work(lambda: function(tensors))

        def merged(strategy: tf.distribute.Strategy, tensors: list) -> Any:
            return work(lambda: strategy.extended.call_for_each_replica(function, args=(tensors,)))

        return tf.distribute.get_replica_context().merge_call(merged, args=(tensors,))

    def key(self, variable: Any) -> Any:
        """Return the identity of TensorFlow's variable, which all replicas share."""
        return id(shared(variable))

    def local_keys(self, variable: Any) -> list[Any]:
        """Return the identities of all parts, and of what replicas share."""
        return [*map(id, parts_of(variable)), self.key(variable)]

    def local(self, variable: Any) -> tf.Variable:
        """Return TensorFlow's variable, or this replica's part of it."""
        own = shared(variable)
        if not several_replicas():
            return own
        parts = tf.distribute.get_strategy().experimental_local_results(own)
        return parts[self.replica() % len(parts)]


def several_replicas() -> bool:
    """Return whether a strategy is running this on each of several replicas."""
    context = tf.distribute.get_replica_context()
    return context is not None and context.num_replicas_in_sync > 1


def shared(variable: Any) -> tf.Variable:
    """Return TensorFlow's variable, which all replicas share."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def strategy_of(variable: Any) -> tf.distribute.Strategy | None:
    """Return the strategy that a variable was made under, if there was one."""
    return getattr(shared(variable), "distribute_strategy", None)


def parts_of(variable: Any) -> Sequence[tf.Variable]:
    """Return what the variable is on each replica."""
    strategy = strategy_of(variable)
    own = shared(variable)
    return [own] if strategy is None else strategy.experimental_local_results(own)


def _named(strategy: tf.distribute.Strategy | None) -> str:
    if strategy is None or (
        strategy is tf.distribute.get_strategy() and not tf.distribute.has_strategy()
    ):
        return "no strategy"
    return type(strategy).__name__
