"""Norms, and what is made of gradients with them."""

import numpy as np

WIDE = np.longdouble  # so that the squares of float64 do not overflow

EPSILON = 1e-7  # keras.config.epsilon()


def _std(g):
    spread = np.sqrt(np.mean((g - np.mean(g)) ** 2))
    root_mean_square = np.sqrt(np.mean(g**2))
    no_spread = spread <= np.sqrt(np.finfo(np.float32).eps) * root_mean_square
    return root_mean_square if no_spread else spread


NORMS = {
    "l1": lambda g: np.sum(np.abs(g)),
    "l2": lambda g: np.sqrt(np.sum(g**2)),
    "l1_l2": lambda g: (np.sum(np.abs(g)) + np.sqrt(np.sum(g**2))) / 2,
    "avg_l1": lambda g: np.mean(np.abs(g)),
    "avg_l2": lambda g: np.sqrt(np.mean(g**2)),
    "avg_l1_l2": lambda g: (np.mean(np.abs(g)) + np.sqrt(np.mean(g**2))) / 2,
    "max": lambda g: np.max(np.abs(g)),
    "linf": lambda g: np.max(np.abs(g)),
    "min_max": lambda g: (np.max(np.abs(g)) + np.min(np.abs(g))) / 2,
    "std": _std,
}


def norm(name, gradients):
    """The norm of a list of gradients taken as one vector."""
    vector = np.concatenate([np.ravel(gradient).astype(WIDE) for gradient in gradients])
    return NORMS[name](vector) if vector.size else 0.0


def normalized(name, gradients):
    """Each gradient of the list divided by the norm of the whole list."""
    divisor = norm(name, gradients) + EPSILON
    return [gradient.astype(WIDE) / divisor for gradient in gradients]


def clipped(name, gradients, clipnorm):
    """Each gradient of the list scaled so that the norm of the list is at most clipnorm."""
    exceeded = norm(name, gradients)
    scale = clipnorm / exceeded if exceeded > clipnorm else 1.0
    return [gradient.astype(WIDE) * scale for gradient in gradients]
