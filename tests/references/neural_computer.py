"""A Differentiable Neural Computer in NumPy, one sample and one slot at a time.

Written from Graves et al., Nature 538, 2016, Methods, with what github.com/deepmind/dnc does
otherwise: 1e-6 in norms and usage, an LSTM whose forget gate has 1 added, clipping.
"""

import numpy as np

CLIP = 20.0
SMALL = 1e-6


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


def softmax(x):
    return np.exp(x) / np.sum(np.exp(x))


def length(x):
    return np.sqrt(x @ x + SMALL)


def addressed(words, key, strength):
    cosines = np.array([word @ key / (length(word) * length(key) + SMALL) for word in words])
    return softmax(softplus(strength) * cosines)


def allocated(usage):
    usage = SMALL + (1 - SMALL) * usage
    weights, product = np.zeros(len(usage)), 1.0
    for slot in np.argsort(usage, kind="stable"):
        weights[slot] = (1 - usage[slot]) * product
        product *= usage[slot]
    return weights


class NeuralComputer:
    """Its outputs for a sequence, from the weights in the order in which the layer has them.

    Args:
        weights: Kernel and bias of the LSTM, of the controls and of the output.
        slots, width, heads: Of the memory.
        written: The write weights of each step from which the usage is to be computed, as if they
            were constants: so the published code takes gradients. Default: those of the run.
    """

    def __init__(self, weights, slots, width, heads, written=None):
        self.lstm, self.controls, self.output = weights[:2], weights[2:4], weights[4:]
        self.width, self.heads = width, heads
        units = len(self.controls[0])
        self.hidden, self.cell = np.zeros(units), np.zeros(units)
        self.read = np.zeros(heads * width)
        self.words = np.zeros((slots, width))
        self.usage, self.precedence = np.zeros(slots), np.zeros(slots)
        self.links = np.zeros((slots, slots))
        self.write, self.reads = np.zeros(slots), np.zeros((heads, slots))
        self.given, self.written = written, []

    def __call__(self, sequence):
        return np.array([self.step(inputs) for inputs in sequence])

    def step(self, inputs):
        kernel, bias = self.lstm
        gates = np.concatenate([inputs, self.read, self.hidden]) @ kernel + bias
        entry, candidate, forget, leave = np.split(gates, 4)
        self.cell = sigmoid(forget + 1) * self.cell + sigmoid(entry) * np.tanh(candidate)
        self.hidden = sigmoid(leave) * np.tanh(self.cell)
        self.cell = np.clip(self.cell, -CLIP, CLIP)
        self.use_memory(self.hidden @ self.controls[0] + self.controls[1])
        self.read = np.concatenate([weights @ self.words for weights in self.reads])
        kernel, bias = self.output
        return np.clip(np.concatenate([self.hidden, self.read]) @ kernel + bias, -CLIP, CLIP)

    def use_memory(self, raw):
        numbers = iter(raw)

        def take(count):
            return np.array([next(numbers) for _ in range(count)])

        read_keys = [take(self.width) for _ in range(self.heads)]
        read_strengths = take(self.heads)
        write_key, [write_strength] = take(self.width), take(1)
        erase, word = sigmoid(take(self.width)), take(self.width)
        free = sigmoid(take(self.heads))
        [allocation_gate], [write_gate] = sigmoid(take(1)), sigmoid(take(1))
        modes = [softmax(take(3)) for _ in range(self.heads)]
        assert not list(numbers)

        write = self.given[len(self.written) - 1] if self.given and self.written else self.write
        kept = [1 - gate * read for gate, read in zip(free, self.reads, strict=True)]
        retention = np.prod(kept, axis=0)
        self.usage = (self.usage + write - self.usage * write) * retention
        by_content = addressed(self.words, write_key, write_strength)
        self.write = write_gate * (
            allocation_gate * allocated(self.usage) + (1 - allocation_gate) * by_content
        )
        self.written.append(self.write)
        self.words = self.words * (1 - np.outer(self.write, erase)) + np.outer(self.write, word)
        self.link()
        self.reads = np.array(
            [
                backward * (self.links.T @ last)
                + forward * (self.links @ last)
                + content * addressed(self.words, key, strength)
                for (backward, forward, content), last, key, strength in zip(
                    modes, self.reads, read_keys, read_strengths, strict=True
                )
            ]
        )

    def link(self):
        w = self.write
        for i in range(len(w)):
            for j in range(len(w)):
                link = (1 - w[i] - w[j]) * self.links[i, j] + w[i] * self.precedence[j]
                self.links[i, j] = 0 if i == j else link
        self.precedence = (1 - np.sum(w)) * self.precedence + w
