"""TensorFlow."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework import kernels
from tensorflow.python.ops import control_flow_util

from . import _assignments, _cautious, _counter_hash, _gradients, keras_private
from ._assignments import replaced as replaced


class Rows(tf.experimental.ExtensionType):
    """A sparse gradient whose rows are summed up once.

    Rows that are left over are zero, and have the index 0 whether it is there already or not:
    XLA has no arrays of a size that depends on what the indices are.

    Args:
        values: The rows.
        indices: Where they belong, along the first axis.
        shape: That of the variable.
    """

    values: tf.Tensor
    indices: tf.Tensor
    shape: tf.TensorShape

    @property
    def dtype(self) -> tf.DType:
        """The dtype of the rows."""
        return self.values.dtype


def is_sparse(gradient: Any) -> bool:
    """Return whether it is an Embedding's, unless it is to be summed over replicas."""
    return isinstance(gradient, (tf.IndexedSlices, Rows)) and not _several_replicas()


def rows(gradient: Any, variable: Any) -> Any:
    """Sorted by their indices: what XLA can do, and as fast as `tf.unique` elsewhere."""
    if isinstance(gradient, Rows):
        return gradient
    shape = gradient.dense_shape
    shape = None if shape is None else tf.get_static_value(tf.convert_to_tensor(shape))
    if shape is not None and list(shape) != list(variable.shape):
        return dense(gradient, variable)  # which shows what is wrong
    indices = tf.convert_to_tensor(gradient.indices)
    values = tf.cast(gradient.values, keras.backend.standardize_dtype(variable.dtype))
    values = tf.ensure_shape(values, [None, *variable.shape[1:]])
    order = tf.argsort(indices)
    indices = tf.gather(indices, order)
    is_next = tf.cast(indices[1:] != indices[:-1], indices.dtype)
    places = tf.concat([tf.zeros_like(indices[:1]), tf.cumsum(is_next)], axis=0)
    count = tf.shape(indices)[0]
    sums = tf.math.unsorted_segment_sum(tf.gather(values, order), places, count)
    # What is nowhere has the least number that there is.
    indices = tf.maximum(tf.math.unsorted_segment_max(indices, places, count), 0)
    return Rows(sums, indices, tf.TensorShape(variable.shape))


def written_out(gradient: Any) -> Any:
    """Added up into a tensor of zeros."""
    if not isinstance(gradient, Rows):
        return gradient
    return tf.ensure_shape(tf.convert_to_tensor(slices(gradient)), gradient.shape)


def slices(gradient: Any) -> Any:
    """Return the slices that TensorFlow itself has."""
    if not isinstance(gradient, Rows):
        return gradient
    shape = tf.constant(gradient.shape.as_list(), gradient.indices.dtype)
    return tf.IndexedSlices(gradient.values, gradient.indices, shape)


def sizes_are_known(gradients: Sequence[Any]) -> bool:
    """XLA would compile for every new number of rows."""
    return all(
        gradient.values.shape.is_fully_defined()
        for gradient in gradients
        if isinstance(gradient, Rows)
    )


def dense(gradient: Any, variable: Any) -> Any:
    """The gradient as a tensor; an Embedding's slices are added up into one."""
    gradient = written_out(gradient)
    if isinstance(gradient, (tf.IndexedSlices, keras.Variable)):
        # keras.ops.convert_to_tensor would keep the slices, duplicates and all.
        gradient = tf.convert_to_tensor(gradient)
    gradient = _gradients.tensor(gradient, variable, tf.Tensor)
    shape = gradient.shape
    if not shape.is_fully_defined() and shape.is_compatible_with(variable.shape):
        gradient = tf.ensure_shape(gradient, variable.shape)
    return gradient


def all_finite(scalars: Sequence[Any]) -> Any:
    """One by one: they may differ in dtype."""
    return functools.reduce(tf.logical_and, map(tf.math.is_finite, scalars))


def all_hold(conditions: Sequence[Any]) -> Any:
    """One by one."""
    return functools.reduce(tf.logical_and, conditions)


def cond(predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
    """A conditional in a graph, Python's own outside of one."""
    return tf.cond(predicate, if_true, if_false)


def run_if(
    predicate: Any,
    function: Callable[..., Sequence[Any] | None],
    variables: Sequence[Any],
    *tensors: Any,
    like: Sequence[Any] = (),
) -> Sequence[Any]:
    """A conditional, for all replicas at once: on one replica it could not hold a `merge_call`."""

    def run(*tensors: Any) -> Sequence[Any]:
        return function(*tensors) or []

    def zeros(*_: Any) -> Sequence[Any]:
        return [tf.zeros(variable.shape, variable.dtype) for variable in like]

    if not _several_replicas():
        choose = _cond_in_place if in_xla() else tf.cond
        return choose(predicate, lambda: run(*_in_this_graph(tensors)), zeros)

    def on_all(strategy: tf.distribute.Strategy, predicate: Any, tensors: Any) -> Any:
        def each(one: Callable) -> Callable:
            return lambda: strategy.extended.call_for_each_replica(one, args=tensors)

        first = strategy.experimental_local_results(predicate)[0]
        return tf.cond(first, each(run), each(zeros))

    return tf.distribute.get_replica_context().merge_call(on_all, args=(predicate, tensors))


def _cond_in_place(predicate: Any, function: Callable, zeros: Callable) -> Sequence[Any]:
    """A loop of at most one round: XLA copies all variables of a conditional, run or not."""

    def once(_: Any, results: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        return tf.constant(False), function()

    return tf.while_loop(lambda due, _: due, once, (predicate, zeros()))[1]


def _in_this_graph(tensors: Any) -> Any:
    """The tensors as results of the graph being built: Keras' all-reduce takes no others' too."""
    return tf.nest.map_structure(lambda one: None if one is None else tf.identity(one), tensors)


def add_up(sums: Sequence[Any], tensors: Sequence[Any], anew: Any) -> None:
    """Selects element by element, which XLA fuses with the sum."""
    for total, tensor in zip(sums, tensors, strict=True):
        variable = _native(total)
        variable.assign(tf.where(anew, tf.zeros_like(tensor), variable) + tensor)


def trace_of(tensor: Any) -> tf.Graph | None:
    """The graph that is being built."""
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def goes_on(trace: tf.Graph | None) -> bool:
    """Looks for the graph among those around the one that is being built: branches have their own.

    What is eager, a graph takes as a constant, and would keep at every later call.
    """
    graph = trace_of(None)
    if trace is None:
        return graph is None
    while graph is not trace and graph is not None:
        graph = getattr(graph, "outer_graph", None)
    return graph is trace


def numbers(values: Sequence[Any], blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """The list: XLA makes slow code of many scalars put together."""
    return list(values)


def each(formula: Callable[..., Any], *numbers: Any) -> list[Any]:
    """Block by block."""
    return list(map(formula, *numbers))


def first(blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """Block by block."""
    return [tf.reshape(_wide(block[0]), (-1,))[0] for block in blocks]


def sums(function: Callable[..., Any], blocks: Sequence[Sequence[Any]], *numbers: Any) -> list[Any]:
    """Tensor by tensor."""

    def of_block(block: Sequence[Any], *of_block: Any) -> Any:
        return tf.add_n(
            [_sum(lambda part: function(part, *of_block), _wide(tensor)) for tensor in block]
        )

    return list(map(of_block, blocks, *numbers))


def sums_of_squares(blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """Tensor by tensor."""
    return [tf.add_n([_sum_of_squares(_wide(tensor)) for tensor in block]) for block in blocks]


def _sum_of_squares(tensor: Any) -> Any:
    if in_xla():
        return _sum(tf.square, tensor)
    return 2 * tf.nn.l2_loss(tensor)  # needs no copy for the squares


def dots(blocks: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]]) -> list[Any]:
    """Block by block."""
    return list(map(dot, blocks, others))


def dot(tensors: Sequence[Any], others: Sequence[Any]) -> Any:
    """Tensor by tensor."""
    return tf.add_n(
        [
            _sum(tf.multiply, _wide(tensor), _wide(other))
            for tensor, other in zip(tensors, others, strict=True)
        ]
    )


def _sum(function: Callable, *tensors: Any, **of_axes: Any) -> Any:
    return _reduced(tf.reduce_sum, tf.add, function, *tensors, **of_axes)


def largest(blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """Tensor by tensor."""
    # Where there are no rows, there are zeros.
    return [tf.reduce_max([0, *(_largest(_wide(tensor)) for tensor in block)]) for block in blocks]


def _largest(tensor: Any) -> Any:
    return _reduced(tf.reduce_max, tf.maximum, tf.abs, tensor)


def smallest(blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """Tensor by tensor."""
    return [tf.reduce_min([_smallest(_wide(tensor)) for tensor in block]) for block in blocks]


def _smallest(tensor: Any) -> Any:
    return _reduced(tf.reduce_min, tf.minimum, tf.abs, tensor)


def sums_of_squares_of_units(tensor: Any) -> Any:
    """One reduction."""
    rank = len(tensor.shape)
    axes = range(rank - 1) if rank > 1 else range(rank)
    return _sum(tf.square, _wide(tensor), axes=list(axes), keepdims=True)


_SLABS = 16
_LARGE = 4096


def _reduced(
    reduce: Callable,
    combine: Callable,
    function: Callable,
    *tensors: Any,
    axes: Sequence[int] | None = None,
    keepdims: bool = False,
) -> Any:
    """A reduction of what an elementwise function makes of tensors of one shape.

    XLA on a CPU reduces slowly, and writes down what it reduces. Hence it gets slabs along the
    longest axis, which it combines in one quick loop, and has a sixteenth left to reduce.
    """

    def reduced(*tensors: Any) -> Any:
        return reduce(function(*tensors), axis=axes, keepdims=keepdims)

    shape = tensors[0].shape
    if not in_xla() or not shape.is_fully_defined() or shape.num_elements() < _LARGE:
        return reduced(*tensors)
    axis = max(range(len(shape)) if axes is None else axes, key=lambda axis: shape[axis])
    rest = shape[axis] % _SLABS
    cut = [tf.split(tensor, [shape[axis] - rest, rest], axis) for tensor in tensors]
    slabs = [tf.split(even, _SLABS, axis) for even, _ in cut]
    parts = [function(*slab) for slab in zip(*slabs, strict=True)]
    while len(parts) > 1:
        parts = [combine(one, other) for one, other in zip(parts[::2], parts[1::2], strict=True)]
    result = reduce(parts[0], axis=axes, keepdims=keepdims)
    return combine(result, reduced(*(left for _, left in cut))) if rest else result


def _wide(tensor: Any) -> Any:
    """In float32 or wider; of rows, what is not known to be zero."""
    if isinstance(tensor, Rows):
        tensor = tensor.values
    return tensor if tensor.dtype == tf.float64 else tf.cast(tensor, tf.float32)


def scaled(blocks: Sequence[Sequence[Any]], factors: Any) -> list[list[Any]]:
    """The products, which XLA fuses with what they are for."""
    return [
        [_scaled(tensor, factor) for tensor in block]
        for block, factor in zip(blocks, factors, strict=True)
    ]


def _scaled(tensor: Any, factor: Any) -> Any:
    if isinstance(tensor, Rows):
        return Rows(_scaled(tensor.values, factor), tensor.indices, tensor.shape)
    return tf.cast(tf.cast(tensor, factor.dtype) * factor, tensor.dtype)


def scaled_unless(
    unscaled: Any, blocks: Sequence[Sequence[Any]], factors: Any
) -> Sequence[Sequence[Any]]:
    """A conditional, or in XLA the products, which it fuses with what they are for."""
    if unscaled is True:
        return blocks
    if unscaled is False or in_xla():
        return scaled(blocks, factors)
    as_they_are = [list(block) for block in blocks]
    return tf.cond(unscaled, lambda: as_they_are, lambda: scaled(blocks, factors))


def scaled_where(
    chosen: Any,
    blocks: Sequence[Sequence[Any]],
    factors: Any,
    others: Sequence[Sequence[Any]],
) -> list[list[Any]]:
    """Selected element by element: a factor of 1 would flush the smallest numbers to zero."""
    return [
        [_where(choice, product, other) for product, other in zip(products, block, strict=True)]
        for choice, products, block in zip(chosen, scaled(blocks, factors), others, strict=True)
    ]


def _where(choice: Any, one: Any, other: Any) -> Any:
    if isinstance(one, Rows):
        return Rows(tf.where(choice, one.values, other.values), one.indices, one.shape)
    return tf.where(choice, one, other)


# Replicas are threads that take turns at every `merge_call`, and that `run_if` starts anew inside
# of one: what Python remembers from one line to the next is kept by the replica's number.
_replicas_with_sums: set[int] = set()


def replica() -> int:
    """The replica's number in its strategy."""
    if not _several_replicas():
        return 0
    context = tf.distribute.get_replica_context()
    return int(tf.get_static_value(context.replica_id_in_sync_group))


def must_sum() -> bool:
    """Whether no wrapper outside has summed on this one of several replicas."""
    return _several_replicas() and replica() not in _replicas_with_sums


def _several_replicas() -> bool:
    """Whether a strategy is running this on each of several replicas."""
    context = tf.distribute.get_replica_context()
    return context is not None and context.num_replicas_in_sync > 1


def once_summed(step: Callable[[list, Any], None], gradients: list, loss: Any) -> None:
    """One reduction of everything; the loss, like a gradient, is the replica's share of a sum."""
    if not must_sum():
        step(gradients, loss)
        return
    this_replica = replica()
    context = tf.distribute.get_replica_context()
    shares = [gradients, [] if loss is None else [tf.convert_to_tensor(loss)]]
    gradients, losses = context.all_reduce(tf.distribute.ReduceOp.SUM, shares)
    _replicas_with_sums.add(this_replica)
    try:
        step(gradients, *losses or [None])
    finally:
        _replicas_with_sums.discard(this_replica)


def leave_sums_to_wrapper(optimizer: Any) -> None:
    """Has Keras' reduction in the optimizer pass on what has been summed."""
    keras_private.replace_reduction(optimizer, unless=lambda: replica() in _replicas_with_sums)


def on_all_replicas(condition: Any) -> Any:
    """Counts the replicas on which it does not hold."""
    if not _several_replicas():
        return condition
    failures = tf.cast(tf.logical_not(condition), tf.int32)
    context = tf.distribute.get_replica_context()
    return tf.equal(context.all_reduce(tf.distribute.ReduceOp.SUM, failures), 0)


def check_made_together(wrapper: str, variables: Sequence[Any], optimizer: Any) -> None:
    """Compares the strategies of the variables."""
    # Keras builds the optimizer of a model without trainable variables, and of a legacy file.
    if not variables:
        return
    strategy = _strategy_of(variables[0])
    for variable in (*variables, *optimizer.variables):
        if _strategy_of(variable) is not strategy:
            raise ValueError(
                f"{wrapper} cannot train {variables[0].name!r}, which was made under "
                f"{_named(strategy)}, with {variable.name!r}, which was made under "
                f"{_named(_strategy_of(variable))}. Make the model and the optimizer, inner ones "
                "included, inside the same `with strategy.scope():`."
            )


def check_place(wrapper: str, variable: Any) -> None:
    """Compares the variable's strategy with the current one, and asks what that cannot do."""
    own, current = _strategy_of(variable), tf.distribute.get_strategy()
    if own is not current and (own is not None or current.num_replicas_in_sync > 1):
        raise ValueError(
            f"{wrapper} is to train {variable.name!r}, which was made under {_named(own)}, under "
            f"{_named(current)}. Make model and optimizer inside `with strategy.scope():`, and "
            "train with `fit`, or with `strategy.run` of the same strategy."
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
    if in_xla() and not can_meet:
        raise ValueError(
            f"{wrapper} cannot train under {_named(current)} with jit_compile=True: XLA compiles "
            "for one device, and no Keras optimizer can. Compile the model with "
            "`jit_compile=False`."
        )


def in_xla() -> bool:
    """Whether the graph that is being built is for XLA.

    `control_flow_util.GraphOrParentsInXlaContext`, for no public name tells: there from
    TensorFlow 2.18, the oldest that is supported, to 2.21.
    """
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def _strategy_of(variable: Any) -> tf.distribute.Strategy | None:
    return getattr(_shared(variable), "distribute_strategy", None)


def _named(strategy: tf.distribute.Strategy | None) -> str:
    if strategy is None or (
        strategy is tf.distribute.get_strategy() and not tf.distribute.has_strategy()
    ):
        return "no strategy"
    return type(strategy).__name__


def agree(variables: Sequence[Any]) -> None:
    """Variables of a strategy start with the same values."""


def scope_of(variable: Any) -> AbstractContextManager:
    """The scope of the variable's strategy."""
    strategy = _strategy_of(variable)
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def once_for_all_replicas(
    work: Callable[[Callable[[], None]], Any], function: Callable, tensors: list
) -> Any:
    """Inside of one `merge_call`, where no other replica is at work."""
    if not _several_replicas():
        return work(lambda: function(tensors))

    def merged(strategy: tf.distribute.Strategy, tensors: list) -> Any:
        return work(lambda: strategy.extended.call_for_each_replica(function, args=(tensors,)))

    return tf.distribute.get_replica_context().merge_call(merged, args=(tensors,))


def key(variable: Any) -> Any:
    """The identity of TensorFlow's variable, which all replicas share."""
    return id(_shared(variable))


def local_key(variable: Any) -> Any:
    """The identity of TensorFlow's variable, as it is on this replica."""
    return id(_native(variable))


def _shared(variable: Any) -> tf.Variable:
    return variable.value if isinstance(variable, keras.Variable) else variable


def _native(variable: Any) -> tf.Variable:
    """The variable itself, or this replica's part of it, which is written without the others."""
    shared = _shared(variable)
    if not _several_replicas():
        return shared
    parts = tf.distribute.get_strategy().experimental_local_results(shared)
    return parts[replica() % len(parts)]


def captured(optimizer: Any, steps: dict[Any, Any]) -> AbstractContextManager[None]:
    """Everything goes through `assign*`."""
    return _assignments.captured(optimizer, steps, local_key, tf.convert_to_tensor)


def uncompiled(function: Callable) -> Callable:
    """The function itself: tracing runs its side effects once and leaves none in the graph."""
    return function


def compiled(function: Callable, wanted: Callable[[], bool]) -> Callable:
    """Compiled by XLA, if a graph is being built for the CPU that is not.

    Where there are other devices, Keras compiles models unless it is told not to.
    """
    builds_graph = tf.inside_function() and not in_xla()
    if not builds_graph or tf.distribute.has_strategy() or not _only_cpus() or not wanted():
        return function

    # An error of XLA comes when the graph runs, where nothing can catch it, and has this name.
    def stepwrap_update_without_xla_if_the_wrapper_has_jit_compile_false(*args: Any) -> None:
        function(*args)

    update = tf.function(
        stepwrap_update_without_xla_if_the_wrapper_has_jit_compile_false,
        jit_compile=True,
        autograph=False,
    )

    def run(*args: Any) -> None:
        xla_can = _xla_has(_operations(update.get_concrete_function(*args).graph))
        (update if xla_can else function)(*args)

    return run


def _operations(graph: tf.Graph) -> set[str]:
    """The types of operations in a function's graph, and in what it calls."""
    definition = graph.as_graph_def()
    called = (node for function in definition.library.function for node in function.node_def)
    inputs = {operation.op.type for operation in graph.inputs}
    return {node.op for node in (*definition.node, *called)} - inputs


def _xla_has(operations: Iterable[str]) -> bool:
    """Whether XLA has them all on the CPU, as far as it says what it has.

    `kernels.get_registered_kernels_for_op`, for no public name tells: there from TensorFlow 2.18,
    the oldest that is supported, to 2.21. Debuggers, such as `tf.debugging.enable_check_numerics`,
    add operations to every graph.
    """

    def has(operation: str) -> bool:
        registered = kernels.get_registered_kernels_for_op(operation).kernel
        return any(kernel.device_type == "XLA_CPU_JIT" for kernel in registered)

    return not has("NoOp") or all(map(has, operations))


def _only_cpus() -> bool:
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


def add(variables: Sequence[Any], steps: Sequence[Any]) -> None:
    """Adds to each variable its step, in place."""
    for variable, step in zip(variables, steps, strict=True):
        _native(variable).assign_add(step)


def scaled_or_zero(accepted: Any, tensors: Sequence[Any], scale: Any) -> list[Any]:
    """A conditional, or in XLA a selection, which it fuses with the write.

    Without XLA, a selection would be one more pass.
    """

    def scaled() -> list[Any]:
        return [tf.cast(_wide(tensor) * scale, tensor.dtype) for tensor in tensors]

    def zeros() -> list[Any]:
        return [tf.zeros_like(tensor) for tensor in tensors]

    if in_xla():
        pairs = zip(scaled(), zeros(), strict=True)
        return [tf.where(accepted, one, zero) for one, zero in pairs]
    return tf.cond(accepted, scaled, zeros)


def downhill(steps: Sequence[Any], gradients: Sequence[Any], least_kept: float) -> list[Any]:
    """In XLA what it fuses; elsewhere every operation is a pass, and fewer are faster."""
    if in_xla():
        return _cautious.downhill(steps, gradients, least_kept, rows_of_very_many=2)
    results = []
    for step, gradient in zip(steps, gradients, strict=True):
        # The product of the two itself could underflow.
        keeps = tf.cast(tf.sign(step) * gradient < 0, step.dtype)
        kept = tf.reduce_mean(_wide(keeps))
        scale = tf.cast(1 / tf.maximum(kept, least_kept), step.dtype)
        results.append(tf.math.multiply_no_nan(step, keeps) * scale)
    return results


def update_averages(averages: Sequence[Any], tensors: Sequence[Any], decay: float) -> list[Any]:
    """The formula."""
    updated = []
    for average, tensor in zip(averages, tensors, strict=True):
        variable = _native(average)
        updated.append(decay * variable + (1 - decay) * tf.cast(tensor, variable.dtype))
        variable.assign(updated[-1])
    return updated


def blend(averages: Sequence[Any], targets: Sequence[Any], decay: Any) -> None:
    """The formula."""
    for average, target in zip(map(_native, averages), map(_native, targets), strict=True):
        target = _wide(tf.convert_to_tensor(target))
        factor = decay if isinstance(decay, float) else tf.cast(decay, target.dtype)
        blended = target + factor * (tf.cast(average, target.dtype) - target)
        blended = tf.cast(blended, average.dtype)
        average.assign(tf.where(tf.math.is_finite(blended), blended, average))


def accumulate(sums: Sequence[Any], tensors: Sequence[Any], decay: float) -> list[Any]:
    """The formula."""
    values = []
    for total, tensor in zip(map(_native, sums), tensors, strict=True):
        added = decay * total + tensor
        values.append(tf.where(tf.math.is_finite(added), added, total))
        total.assign(values[-1])
    return values


def add_scaled(tensors: Sequence[Any], others: Sequence[Any], scale: float) -> list[Any]:
    """The formula."""
    return [tensor + scale * other for tensor, other in zip(tensors, others, strict=True)]


def copy(variables: Sequence[Any], sources: Sequence[Any]) -> None:
    """One by one."""
    for variable, source in zip(variables, sources, strict=True):
        _native(variable).assign(_native(source))


def start_at(variables: Sequence[Any], sources: Sequence[Any]) -> bool:
    """Outside of a graph that is being built, whose own variables have no values there."""
    with tf.init_scope():
        pairs = [
            pair
            for variable, source in zip(variables, sources, strict=True)
            for pair in zip(_parts(variable), _parts(source), strict=True)
        ]
        if not all(part.is_initialized() for pair in pairs for part in pair):
            return False
        for part, source in pairs:
            part.assign(source)
    return True


def _parts(variable: Any) -> Sequence[tf.Variable]:
    """What the variable is on each replica."""
    strategy = _strategy_of(variable)
    shared = _shared(variable)
    return [shared] if strategy is None else strategy.experimental_local_results(shared)


def without_gradients() -> AbstractContextManager:
    """Anywhere: gradients are asked for beforehand."""
    return contextlib.nullcontext()


def thinned(tensors: Sequence[Any], keep: float, seed: Any) -> list[Any]:
    """Masks that XLA computes inside the loop that writes."""
    masks = _counter_hash.kept([tensor.shape for tensor in tensors], keep, seed)
    return [
        tf.where(mask, tensor, tf.zeros_like(tensor))
        for tensor, mask in zip(tensors, masks, strict=True)
    ]


def with_noise(tensors: Sequence[Any], deviation: Any, seed: Any) -> list[Any]:
    """Noise that XLA computes inside the loop that adds it."""
    noises = _counter_hash.normal([tensor.shape for tensor in tensors], seed)
    return [
        tensor + tf.cast(deviation * noise, tensor.dtype)
        for tensor, noise in zip(tensors, noises, strict=True)
    ]


def snapshot(variables: Sequence[Any]) -> list[Any]:
    """The values, which share memory with the variables until these are written."""
    return [tf.convert_to_tensor(_native(variable)) for variable in variables]


def restore_unless(accepted: Any, variables: Sequence[Any], values: Sequence[Any]) -> None:
    """A conditional that writes only where it must."""

    def restore() -> bool:
        for variable, value in zip(variables, values, strict=True):
            _native(variable).assign(value)
        return False

    tf.cond(accepted, lambda: True, restore)


def read(variable: Any) -> Any:
    """The value, unless a graph is being built."""
    return _native(variable).numpy().copy() if tf.executing_eagerly() else None
