"""L4Adam and L4Mom against a recorded trace of the paper's formulas.

`l4_digits_trace.npz` was written by an independent NumPy implementation: a 64-300-100-10
ReLU network on scikit-learn's digits (`rows` of them), its kernels, the batches, and the
loss, min_loss and learning rate of every step.
"""

import pathlib

import keras
import numpy as np
import pytest
from keras import ops

import cases
import stepwrap
from cases import BACKEND

TRACE = np.load(pathlib.Path(__file__).with_name("l4_digits_trace.npz"))
KERNELS = [TRACE[f"kernel{number}"] for number in range(3)]


def batches(dtype, steps):
    x, y = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    x, y = (x[TRACE["rows"]] / 16).astype(dtype), y[TRACE["rows"]].astype("int32")
    return [(x[batch], y[batch]) for batch in TRACE["batches"][:steps]]


def keras_step(optimizer, dtype):
    """(x, y) → loss, with a compiled step of a Keras network."""
    network = keras.Sequential([keras.Input((64,), dtype=dtype)])
    for kernel, activation in zip(KERNELS, ("relu", "relu", None), strict=True):
        network.add(keras.layers.Dense(kernel.shape[1], activation, dtype=dtype))
        network.layers[-1].kernel.assign(kernel)
    network.optimizer = optimizer
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype)
    return cases.training_loop(network, cross_entropy, "apply")


def numpy_step(optimizer, dtype):
    """(x, y) → loss, with gradients worked out by hand."""
    weights = [
        keras.Variable(value, dtype=dtype)
        for kernel in KERNELS
        for value in (kernel, np.zeros(kernel.shape[1]))
    ]

    def step(x, y):
        kernels, biases = cases.values(weights[::2]), cases.values(weights[1::2])
        inputs = [x]
        for kernel, bias in zip(kernels, biases, strict=True):
            logits = inputs[-1] @ kernel + bias
            inputs.append(np.maximum(logits, 0))
        logits = logits - logits.max(axis=1, keepdims=True)
        log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        rows = np.arange(len(y))
        error = np.exp(log_probabilities)
        error[rows, y] -= 1
        error /= len(y)
        gradients = []
        for kernel, layer_input in zip(kernels[::-1], inputs[-2::-1], strict=True):
            gradients = [layer_input.T @ error, error.sum(axis=0), *gradients]
            error = (error @ kernel.T) * (layer_input > 0)
        loss = -log_probabilities[rows, y].mean()
        optimizer.apply(
            [ops.convert_to_tensor(gradient, dtype=dtype) for gradient in gradients],
            weights,
            loss=ops.convert_to_tensor(loss, dtype=dtype),
        )
        return loss

    return step


@pytest.mark.parametrize(
    "optimizer_class", [stepwrap.L4Adam, pytest.param(stepwrap.L4Mom, marks=pytest.mark.long)]
)
@pytest.mark.parametrize(
    "make_step, dtype, steps, tolerance",
    [
        # On PyTorch Keras' Dense computes float64 in float32.
        (numpy_step if BACKEND == "torch" else keras_step, "float64", 300, 1e-8),
        (keras_step, "float32", 20, 1e-4),
    ],
)
def test_the_trace_is_reproduced(optimizer_class, make_step, dtype, steps, tolerance, float64):
    optimizer = optimizer_class()
    step = make_step(optimizer, dtype)
    rows = []
    for x, y in batches(dtype, steps):
        loss = step(x, y)
        forgetting = 1 + 1 / optimizer.minloss_forget_time  # the trace has min_loss before that
        min_loss = cases.number(optimizer.min_loss) / forgetting
        rows.append((cases.number(loss), min_loss, cases.number(optimizer.effective_learning_rate)))
    results = np.transpose(rows)
    for name, result in zip(("loss", "min_loss", "effective_learning_rate"), results, strict=True):
        expected = TRACE[f"{optimizer_class.__name__}_{dtype}_{name}"][:steps]
        print(name, np.max(np.abs(result / expected - 1)))
        np.testing.assert_allclose(result, expected, rtol=tolerance, err_msg=name)
