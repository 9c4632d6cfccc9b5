"""Two replicas in one process: a strategy of two logical processors, which conftest.py makes."""

import contextlib
import functools

import distributed_cases


@functools.cache
def strategy():
    """The only strategy of the process: TensorFlow takes no second one."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def scope(replicas):
    """Where a model for one or two replicas is made."""
    return strategy().scope() if replicas == 2 else contextlib.nullcontext()


def trained(make_optimizer, replicas, steps=distributed_cases.STEPS, **compile_arguments):
    """A network after so many steps of `fit` on the same batches."""
    import cases

    with scope(replicas):
        network = cases.model(make_optimizer(), jit_compile=False, **compile_arguments)
    x, y = (array[: steps * distributed_cases.BATCH_SIZE] for array in distributed_cases.data())
    network.fit(x, y, batch_size=distributed_cases.BATCH_SIZE, shuffle=False, verbose=0)
    return network
