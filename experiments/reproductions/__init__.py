"""Published results, done again: a folder for each, with a page that compares the two."""

from .l4_dnc import experiment as l4_dnc
from .l4_fashion import experiment as l4_fashion
from .l4_mnist import experiment as l4_mnist
from .l4_mnist_cnn import experiment as l4_mnist_cnn
from .l4_regression import experiment as l4_regression
from .l4_resnet import experiment as l4_resnet
from .learning_rate_demo import experiment as learning_rate_demo
from .mix_cifar import experiment as mix_cifar
from .mix_mnist import experiment as mix_mnist
from .normalized_cifar import experiment as normalized_cifar
from .normalized_convex import experiment as normalized_convex
from .normalized_mlp import experiment as normalized_mlp

__all__ = [
    "l4_dnc",
    "l4_fashion",
    "l4_mnist",
    "l4_mnist_cnn",
    "l4_regression",
    "l4_resnet",
    "learning_rate_demo",
    "mix_cifar",
    "mix_mnist",
    "normalized_cifar",
    "normalized_convex",
    "normalized_mlp",
]
