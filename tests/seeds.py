"""Seeds of a test."""

import contextlib
from unittest import mock

import keras

OF_EVERY_TEST = 1


def seed(value):
    """Seeds Python, NumPy, Keras and PyTorch; TensorFlow keeps the seed of every test.

    Setting that makes TensorFlow forget all operations that it has prepared, so that the tests
    would take a third longer. Keras has seeds of its own for all it draws; TensorFlow's decides
    the order of shuffled samples.
    """
    with _the_seed_of_tensorflow_kept():
        keras.utils.set_random_seed(value)


def seed_of_every_test():
    """Seeds everything; TensorFlow only where a test has given it another seed."""
    if _seed_of_tensorflow() == OF_EVERY_TEST:
        seed(OF_EVERY_TEST)
    else:
        keras.utils.set_random_seed(OF_EVERY_TEST)


def _the_seed_of_tensorflow_kept():
    if keras.backend.backend() != "tensorflow":
        return contextlib.nullcontext()
    import tensorflow as tf

    return mock.patch.object(tf.random, "set_seed")


def _seed_of_tensorflow():
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.compat.v1.random.get_seed(0)[0]
