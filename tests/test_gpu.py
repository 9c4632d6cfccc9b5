"""On a GPU, nothing is done that only a CPU's XLA needs. No GPU is needed: one is pretended."""

import keras
import numpy as np
import pytest
from keras import ops

import cases
from cases import WRAPPERS

BACKEND = keras.backend.backend()
SHAPE = (2048, 520)  # so large that there is a form of its own for a CPU, wherever there is one
LARGE = 2**16  # elements, fewer than a sixteenth of it
CUTS = {"Slice", "StridedSlice", "Split", "SplitV", "slice", "split", "dynamic_slice", "gather"}


@pytest.fixture(params=[True, False], ids=["gpu", "cpu"])
def on_gpu(request, monkeypatch):
    """Whether a GPU is pretended; the CPU shows that the tests see a difference."""
    if request.param and BACKEND == "jax":
        import jax

        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    if request.param and BACKEND == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_logical_devices()
        devices = [*devices, tf.config.LogicalDevice("/device:GPU:0", "GPU")]
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda: devices)
    return request.param


def jax_operations(optimizer, variable, gradient):
    """The names of the operations that make large tensors, those in loops and branches too."""
    import jax

    def of(jaxpr):
        for equation in jaxpr.eqns:
            if any(getattr(one.aval, "size", 0) >= LARGE for one in equation.outvars):
                yield equation.primitive.name
            for inner in jax.tree.leaves(
                list(equation.params.values()), is_leaf=lambda one: hasattr(one, "eqns")
            ):
                if hasattr(inner, "eqns"):
                    yield from of(inner)
                elif hasattr(inner, "jaxpr"):
                    yield from of(inner.jaxpr)

    def step(weights, state, gradients):
        return optimizer.stateless_apply(state, gradients, weights, loss=1.0)

    state = [one.value for one in optimizer.variables]
    return list(of(jax.make_jaxpr(step)([variable.value], state, [gradient]).jaxpr))


def tensorflow_operations(optimizer, variable, gradient):
    """The types of the operations that make large tensors in a graph for XLA."""
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def step(gradient):
        optimizer.apply([gradient], [variable], loss=ops.ones(()))

    return [
        operation.type
        for operation in step.get_concrete_function(gradient).graph.get_operations()
        if any((one.shape.num_elements() or 0) >= LARGE for one in operation.outputs)
    ]


def built(name):
    optimizer = WRAPPERS[name](keras.optimizers.Adam())
    variable = keras.Variable(np.ones(SHAPE, "float32"))
    optimizer.build([variable])
    return optimizer, variable, ops.ones(SHAPE)


@pytest.mark.skipif(BACKEND == "torch", reason="there is no XLA")
@pytest.mark.parametrize("name", cases.others_long(WRAPPERS, ("cautious", "l4")))
def test_large_tensors_are_cut_for_the_xla_of_a_cpu_alone(name, on_gpu):
    trace = {"jax": jax_operations, "tensorflow": tensorflow_operations}[BACKEND]
    found = trace(*built(name))
    assert found  # else it would not have been looked at
    if on_gpu:
        assert not CUTS & set(found)
    elif name == "cautious":
        assert CUTS & set(found)


@pytest.mark.skipif(BACKEND != "jax", reason="a product of vectors is XLA's on a CPU")
def test_norms_are_products_of_vectors_on_a_cpu_alone(on_gpu):
    import jax

    optimizer, variable, gradient = built("normalized")
    state = [one.value for one in optimizer.variables]
    step = jax.make_jaxpr(lambda *given: optimizer.stateless_apply(*given, loss=1.0))
    program = str(step(state, [gradient], [variable.value]))
    assert ("dot_general" in program) == (not on_gpu)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="it has a graph without XLA")
def test_an_update_is_compiled_by_itself_on_a_cpu_alone(on_gpu):
    """On a GPU Keras has the whole model compiled, unless it is told not to."""
    import tensorflow as tf

    optimizer, variable, gradient = built("normalized")
    step = tf.function(lambda gradient: optimizer.apply([gradient], [variable], loss=ops.ones(())))
    operations = step.get_concrete_function(gradient).graph.get_operations()
    compiled = [
        operation
        for operation in operations
        if "Call" in operation.type and operation.get_attr("_XlaMustCompile")
    ]
    assert len(compiled) == (0 if on_gpu else 1)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="elsewhere it is a conditional everywhere")
def test_what_is_not_always_done_is_a_loop_on_a_cpu_alone(on_gpu):
    """The XLA of a CPU copies all variables of a conditional, run or not."""
    import tensorflow as tf

    optimizer, variable, gradient = built("skip_non_finite")
    step = tf.function(
        lambda gradient: optimizer.apply([gradient], [variable], loss=ops.ones(())),
        jit_compile=True,
    )
    types = {one.type for one in step.get_concrete_function(gradient).graph.get_operations()}
    assert ("While" in types or "StatelessWhile" in types) == (not on_gpu)


@pytest.mark.skipif(BACKEND != "torch", reason="others have no pieces")
def test_tensors_are_cut_to_the_cache_of_a_processor_alone():
    """Those on the device "meta" have no numbers, and are not on a processor."""
    import torch

    from stepwrap.backends.torch import kernels

    size = 3 * kernels.PIECE
    assert len(kernels._pieces(torch.empty(size))) == 3
    assert len(kernels._pieces(torch.empty(size, device="meta"))) == 1
