"""A Differentiable Neural Computer: an LSTM that controls a memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from . import memory

Tensor = Any
Linear = tuple[keras.Variable, keras.Variable]

FORGET_BIAS = 1.0


class NeuralComputerCell(keras.layers.Layer):
    """A step of a Differentiable Neural Computer, for `keras.layers.RNN`.

    It is that of github.com/deepmind/dnc at a4debae. An LSTM gets the input and what was last read
    from memory. Its output controls the memory, and the output of the step is a linear map of that
    and of what is then read. As there, the LSTM's state and the outputs are clipped, and kernels
    start from a normal distribution with a standard deviation of one over the root of the number
    of inputs, cut off at two of them; so do the LSTM's biases, and the other biases from 0.

    Args:
        outputs: How many numbers each step gives.
        units: Of the LSTM. Default: 64.
        slots: How many words the memory has. Default: 16.
        width: How many numbers a word has. Default: 16.
        heads: How many words each step reads. Default: 4.
        clip: The largest magnitude of the LSTM's state and of the outputs. Default: 20.
        options: Those of every layer of Keras, such as `dtype`.

    Reference:
        Graves et al.: "Hybrid computing using a neural network with dynamic external memory",
        Nature 538, 2016.
    """

    def __init__(
        self,
        outputs: int,
        units: int = 64,
        slots: int = 16,
        width: int = 16,
        heads: int = 4,
        clip: float = 20.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.outputs = outputs
        self.units = units
        self.slots = slots
        self.width = width
        self.heads = heads
        self.clip = clip

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = ("outputs", "units", "slots", "width", "heads", "clip")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}

    @property
    def output_size(self) -> int:
        """Return how many numbers each step gives."""
        return self.outputs

    @property
    def state_size(self) -> list[int]:
        """Return how many numbers are kept: LSTM's output and state, words read, the memory."""
        of_memory = memory.shapes(self.slots, self.width, self.heads)
        return [self.units, self.units, self.heads * self.width, *map(math.prod, of_memory)]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights."""
        words = self.heads * self.width
        inputs = input_shape[-1] + words + self.units
        self._gates = self._linear("gates", inputs, 4 * self.units, _normal(inputs))
        controls = sum(memory.number_of_controls(self.width, self.heads))
        self._controls = self._linear("controls", self.units, controls)
        self._output = self._linear("output", self.units + words, self.outputs)

    def _linear(self, name: str, inputs: int, outputs: int, bias: Any = "zeros") -> Linear:
        """Return the kernel and the bias of a linear map."""
        kernel = self.add_weight(
            shape=(inputs, outputs), initializer=_normal(inputs), name=f"{name}_kernel"
        )
        return kernel, self.add_weight(shape=(outputs,), initializer=bias, name=f"{name}_bias")

    def call(self, inputs: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return the output of a step, and the states after it."""
        hidden, cell, words, *flat = states
        hidden, cell = self._lstm(inputs, words, hidden, cell)
        of_memory = memory.shapes(self.slots, self.width, self.heads)
        last = memory.Memory(
            *(ops.reshape(part, (-1, *shape)) for part, shape in zip(flat, of_memory, strict=True))
        )
        wanted = memory.controls(_mapped(self._controls, hidden), self.width, self.heads)
        now = memory.step(last, wanted)
        words = _flat(memory.read(now))
        output = ops.clip(_mapped(self._output, hidden, words), -self.clip, self.clip)
        return output, [hidden, cell, words, *map(_flat, now)]

    def _lstm(
        self, inputs: Tensor, words: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the LSTM's output, which is within 1 and needs no clipping, and its state."""
        raw = _mapped(self._gates, inputs, words, hidden)
        entry, candidate, forget, exit_ = ops.split(raw, 4, axis=-1)
        cell = ops.sigmoid(forget + FORGET_BIAS) * cell + ops.sigmoid(entry) * ops.tanh(candidate)
        return ops.sigmoid(exit_) * ops.tanh(cell), ops.clip(cell, -self.clip, self.clip)


def _normal(inputs: int) -> keras.Initializer:
    return keras.initializers.TruncatedNormal(stddev=1 / math.sqrt(inputs))


def _mapped(linear: Linear, *inputs: Tensor) -> Tensor:
    kernel, bias = linear
    return ops.matmul(ops.concatenate(inputs, axis=-1), kernel) + bias


def _flat(tensor: Tensor) -> Tensor:
    return ops.reshape(tensor, (-1, math.prod(tensor.shape[1:])))
