"""The Differentiable Neural Computer against one in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

pytest.importorskip("rich")
pytest.importorskip("sklearn")

from references.neural_computer import NeuralComputer, allocated
from stepwrap.experiments.tasks import memory
from stepwrap.experiments.tasks.full_batch import float_dtype
from stepwrap.experiments.tasks.neural_computer import NeuralComputerCell

# JAX has only float32, and on PyTorch Keras multiplies matrices of float64 in float32.
IN_FLOAT32 = keras.backend.backend() != "tensorflow"
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5} if IN_FLOAT32 else {"rtol": 1e-10, "atol": 1e-13}
INPUTS, OUTPUTS, STEPS = 3, 2, 9
SIZES = {"slots": 5, "width": 4, "heads": 2}
RATE = 2.0**-7


class Projected(keras.Model):
    """A network whose loss is a linear function of its outputs."""

    def __init__(self, directions):
        super().__init__(dtype=float_dtype())
        cell = NeuralComputerCell(OUTPUTS, units=6, **SIZES, dtype=float_dtype())
        self.network = keras.layers.RNN(cell, return_sequences=True, dtype=float_dtype())
        self.network.build((None, STEPS, INPUTS))
        self.built = True
        self.directions = directions

    def call(self, inputs):
        return self.network(inputs)

    def compute_loss(self, x, y, y_pred, *_, **__):
        return ops.sum(y_pred * ops.convert_to_tensor(self.directions, y_pred.dtype))


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture
def model(random):
    """One that does something: its weights and biases are ten times what they start from."""
    model = Projected(random.normal(size=(2, STEPS, OUTPUTS)))
    model.set_weights([random.normal(size=weight.shape) for weight in model.weights])
    return model


@pytest.fixture
def sequences(random):
    # In `fit`, Keras makes them float32 anyway.
    return random.normal(size=(2, STEPS, INPUTS)).astype("float32")


def numpy_weights(model):
    return [ops.convert_to_numpy(weight).astype("float64") for weight in model.trainable_weights]


def reference(weights, sequences, written=(None, None)):
    computers = [NeuralComputer(weights, **SIZES, written=one) for one in written]
    outputs = [run(one) for run, one in zip(computers, sequences.astype("float64"), strict=True)]
    return np.array(outputs), [one.written for one in computers]


def test_the_outputs_are_those_of_numpy(model, sequences):
    expected, written = reference(numpy_weights(model), sequences)
    assert np.std(expected) > 0.1 and np.max(written) > 0.1
    found = ops.convert_to_numpy(model(sequences))
    np.testing.assert_allclose(found, expected, **TOLERANCE)


def test_outputs_and_state_are_clipped(model, sequences):
    weights = numpy_weights(model)
    weights[1] += 40  # all gates open: the LSTM counts
    weights[5] += [30, -30]
    model.set_weights(weights)
    expected, _ = reference(weights, sequences)
    assert np.max(expected) == 20 and np.min(expected) == -20
    np.testing.assert_allclose(ops.convert_to_numpy(model(sequences)), expected, **TOLERANCE)


def test_the_gradient_is_that_of_numpy(model, sequences, random):
    """Along a random direction; none goes through the usage to what was written."""
    weights = numpy_weights(model)
    _, written = reference(weights, sequences)
    along = [random.normal(size=weight.shape) for weight in weights]
    small = 1e-5

    def loss(distance):
        moved = [weight + distance * one for weight, one in zip(weights, along, strict=True)]
        return np.sum(reference(moved, sequences, written)[0] * model.directions)

    expected = (loss(small) - loss(-small)) / (2 * small)
    model.compile(keras.optimizers.SGD(RATE))
    model.fit(sequences, sequences, batch_size=2, verbose=0)
    moved = zip(weights, numpy_weights(model), along, strict=True)
    found = sum(np.sum((old - new) / RATE * one) for old, new, one in moved)
    # A difference quotient has half the digits of its numbers.
    np.testing.assert_allclose(found, expected, rtol=1e-3 if IN_FLOAT32 else 1e-7)


@pytest.mark.parametrize("usage", [[0.0] * 4, [1.0] * 4, [0.3, 0.9, 0.1, 0.3], [1, 0, 0.5, 0]])
def test_the_freest_slot_is_written_to_first(usage):
    usage = np.array([usage], float_dtype())
    found = ops.convert_to_numpy(memory.allocation(ops.convert_to_tensor(usage)))
    np.testing.assert_allclose(found[0], allocated(usage[0].astype("float64")), **TOLERANCE)


def test_a_cell_is_made_anew_from_its_configuration():
    cell = NeuralComputerCell(OUTPUTS, units=6, **SIZES, clip=3.0)
    again = NeuralComputerCell.from_config(cell.get_config())
    assert again.get_config() == cell.get_config()
    assert again.state_size == [6, 6, 8, 20, 5, 25, 5, 5, 10]


def test_weights_start_as_published():
    cell = NeuralComputerCell(5)
    cell.build((None, 6))
    gates, gate_biases, controls, control_biases, output, output_biases = numpy_weights(cell)
    assert gates.shape == (6 + 64 + 64, 256) and output.shape == (128, 5)
    assert controls.shape == (64, 4 * 16 + 3 * 16 + 5 * 4 + 3)
    for inputs, drawn in ((134, gates), (134, gate_biases), (64, controls), (128, output)):
        assert np.max(np.abs(drawn)) <= 2 / np.sqrt(inputs)
        np.testing.assert_allclose(np.std(drawn), 0.88 / np.sqrt(inputs), rtol=0.1)
    assert not control_biases.any() and not output_biases.any()
