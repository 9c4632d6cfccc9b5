"""The memory of a Differentiable Neural Computer: how it is written to and read from.

Formulas as in github.com/deepmind/dnc at a4debae, for one write head. There are N slots of W
numbers and R read heads; every tensor has the batch first.

Reference:
    Graves et al.: "Hybrid computing using a neural network with dynamic external memory",
    Nature 538, 2016, Methods.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from keras import ops

Tensor = Any

SMALLEST = 1e-6  # keeps norms and usage away from 0
READ_MODES = 3  # backward, forward, by content


class Memory(NamedTuple):
    """The state of a memory after a step.

    Args:
        words: N × W.
        usage: N, from 0, free, to 1.
        links: N × N; how far slot i was written to right after slot j.
        precedence: N; how far a slot was the last to be written to.
        write_weights: N; how far it was written to in this step.
        read_weights: R × N; how far each head read it in this step.
    """

    words: Tensor
    usage: Tensor
    links: Tensor
    precedence: Tensor
    write_weights: Tensor
    read_weights: Tensor


class Controls(NamedTuple):
    """The wishes of a controller; gates and erasures are from 0 to 1.

    Args:
        read_keys: R × W.
        read_strengths: R, of any sign.
        write_key: W.
        write_strength: One number, of any sign.
        erasures: W.
        word: W, to be written.
        free_gates: R.
        allocation_gate: One number.
        write_gate: One number.
        read_modes: R × 3, each row with the sum 1.
    """

    read_keys: Tensor
    read_strengths: Tensor
    write_key: Tensor
    write_strength: Tensor
    erasures: Tensor
    word: Tensor
    free_gates: Tensor
    allocation_gate: Tensor
    write_gate: Tensor
    read_modes: Tensor


def shapes(slots: int, width: int, heads: int) -> Memory:
    """Return the shapes of what a memory holds, without the batch."""
    return Memory((slots, width), (slots,), (slots, slots), (slots,), (slots,), (heads, slots))


def number_of_controls(width: int, heads: int) -> Controls:
    """Return how many numbers make each of the controls, in the order in which they are taken."""
    return Controls(heads * width, heads, width, 1, width, width, heads, 1, 1, READ_MODES * heads)


def controls(raw: Tensor, width: int, heads: int) -> Controls:
    """Return what the numbers that a controller writes mean."""
    ends = np.cumsum(number_of_controls(width, heads))
    parts = Controls(*ops.split(raw, ends[:-1].tolist(), axis=-1))
    return Controls(
        read_keys=ops.reshape(parts.read_keys, (-1, heads, width)),
        read_strengths=parts.read_strengths,
        write_key=parts.write_key,
        write_strength=parts.write_strength,
        erasures=ops.sigmoid(parts.erasures),
        word=parts.word,
        free_gates=ops.sigmoid(parts.free_gates),
        allocation_gate=ops.sigmoid(parts.allocation_gate),
        write_gate=ops.sigmoid(parts.write_gate),
        read_modes=ops.softmax(ops.reshape(parts.read_modes, (-1, heads, READ_MODES))),
    )


def step(memory: Memory, wanted: Controls) -> Memory:
    """Return the memory after one write and the reads that follow it."""
    usage = used(memory, wanted.free_gates)
    by_content = content_weights(memory.words, wanted.write_key[:, None], wanted.write_strength)[
        :, 0
    ]
    gate = wanted.allocation_gate
    write_weights = wanted.write_gate * (gate * allocation(usage) + (1 - gate) * by_content)
    column = write_weights[:, :, None]
    words = memory.words * (1 - column * wanted.erasures[:, None]) + column * wanted.word[:, None]
    links = linked(memory, write_weights)
    return Memory(
        words=words,
        usage=usage,
        links=links,
        precedence=(1 - ops.sum(write_weights, axis=1, keepdims=True)) * memory.precedence
        + write_weights,
        write_weights=write_weights,
        read_weights=_read_weights(words, links, memory.read_weights, wanted),
    )


def read(memory: Memory) -> Tensor:
    """Return what the heads read: R × W."""
    return ops.matmul(memory.read_weights, memory.words)


def used(memory: Memory, free_gates: Tensor) -> Tensor:
    """Return the usage after the last step: more where it wrote, less where it read and may free.

    No gradient is taken of what was written, as in the published code.
    """
    usage = memory.usage + (1 - memory.usage) * ops.stop_gradient(memory.write_weights)
    return usage * ops.prod(1 - free_gates[:, :, None] * memory.read_weights, axis=1)


def allocation(usage: Tensor) -> Tensor:
    """Return how far to write to each slot if it is to be a free one.

    It is the slot's freedom times the usage of all that are freer, the first of equals counting as
    the freest. Published as a product along the sorted slots; this is the same without sorting.
    """
    usage = SMALLEST + (1 - SMALLEST) * usage
    one, other = usage[:, :, None], usage[:, None, :]
    slots = np.arange(usage.shape[1])
    is_before = ops.convert_to_tensor(slots[None, :] < slots[:, None])
    is_freer = ops.logical_or(other < one, ops.logical_and(other == one, is_before))
    logarithms = ops.where(is_freer, ops.log(other), 0.0)
    return (1 - usage) * ops.exp(ops.sum(logarithms, axis=2))


def content_weights(words: Tensor, keys: Tensor, strengths: Tensor) -> Tensor:
    """Return for each key how much each slot is like it: a softmax of the cosines."""
    products = ops.matmul(keys, ops.swapaxes(words, 1, 2))
    norms = _norms(keys)[:, :, None] * _norms(words)[:, None, :]
    return ops.softmax(ops.softplus(strengths)[:, :, None] * products / (norms + SMALLEST))


def _norms(vectors: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(vectors), axis=2) + SMALLEST)


def linked(memory: Memory, write_weights: Tensor) -> Tensor:
    """Return the links after a write."""
    one, other = write_weights[:, :, None], write_weights[:, None, :]
    links = (1 - one - other) * memory.links + one * memory.precedence[:, None, :]
    slots = write_weights.shape[1]
    return links * ops.convert_to_tensor(1 - np.eye(slots), links.dtype)


def _read_weights(words: Tensor, links: Tensor, last: Tensor, wanted: Controls) -> Tensor:
    backward = ops.matmul(last, links)
    forward = ops.matmul(last, ops.swapaxes(links, 1, 2))
    by_content = content_weights(words, wanted.read_keys, wanted.read_strengths)
    modes = wanted.read_modes
    return modes[:, :, :1] * backward + modes[:, :, 1:2] * forward + modes[:, :, 2:] * by_content
