"""The published curves, read off the pictures of December 2019.

Those of December 12 ran for 51 epochs, and are drawn over an axis of 30. Batches come in the same
order in every epoch, so that a curve repeats its small waves once in an epoch: SGD does so 1.69
times in a drawn epoch, and Adam 1.68 times; in the pictures of December 9 and 15 it is 1.01 and
1.04 times. The other curves of December 12 have no waves that can be measured, and are taken to be
drawn alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DRAWN = (1, 2, 5, 10, 15, 20, 30)  # epochs on the axis
COMPRESSION = 51 / 30


@dataclass(frozen=True)
class DrawnCurve:
    """A curve of a picture.

    Args:
        label: What the optimizer is called there.
        picture: The file, without its suffix, in the folder `results`.
        losses: Training cross-entropy at the epochs of `DRAWN`.
        true_epochs: Those that they are of.
    """

    label: str
    picture: str
    losses: Sequence[float]
    true_epochs: Sequence[float] = DRAWN

    @property
    def compressed(self) -> bool:
        """Return whether a drawn epoch is 1.7 true ones."""
        return self.true_epochs is not DRAWN


def _drawn(label: str, picture: str, *losses: float) -> DrawnCurve:
    return DrawnCurve(label, picture, losses)


def _compressed(label: str, picture: str, *losses: float) -> DrawnCurve:
    return DrawnCurve(label, picture, losses, [round(COMPRESSION * epoch, 1) for epoch in DRAWN])


CURVES = (
    _drawn("SGD", "rmsprop_adam", 1.43, 1.25, 1.02, 0.80, 0.67, 0.57, 0.41),
    _compressed("SGD", "loss_cifar_sgd", 1.31, 1.14, 0.86, 0.63, 0.49, 0.37, 0.22),
    _drawn("SGD w/ momentum", "rmsprop_adam", 1.16, 0.96, 0.60, 0.35, 0.18, 0.06, 0),
    _compressed("SGD w/ momentum", "loss_cifar_sgd", 1.03, 0.75, 0.42, 0.15, 0, 0, 0),
    _compressed("SGD w/ Nesterov momentum", "loss_cifar_sgd", 0.88, 0.64, 0.33, 0.07, 0, 0, 0),
    _compressed("SGDW", "loss_cifar_sgd", 1.10, 0.78, 0.45, 0.16, 0.05, 0, 0),
    _compressed("SGD w/ momentum + LRD", "loss_cifar_sgd", 0.97, 0.71, 0.40, 0.10, 0, 0, 0),
    _drawn("Lookahead (SGD)", "lookahead", 1.49, 1.32, 1.10, 0.86, 0.73, 0.64, 0.50),
    _drawn("RMSprop", "rmsprop_adam", 1.30, 0.93, 0.56, 0.23, 0.10, 0.06, 0.03),
    _drawn("Adam", "rmsprop_adam", 1.26, 1.01, 0.64, 0.32, 0.13, 0.07, 0.04),
    _compressed("Adam", "lrd", 1.11, 0.81, 0.43, 0.14, 0.05, 0.03, 0.015),
    _drawn("AdamL2", "adam_weight_decay", 1.27, 0.93, 0.60, 0.33, 0.14, 0.08, 0.05),
    _drawn("AdamW", "adam_weight_decay", 1.21, 0.93, 0.59, 0.27, 0.09, 0.055, 0.03),
    _compressed("Adam w/ LRD", "lrd", 0.90, 0.66, 0.32, 0.08, 0.04, 0.02, 0.014),
    _drawn("Lookahead (Adam)", "lookahead", 1.27, 1.02, 0.67, 0.34, 0.16, 0.07, 0.035),
    _drawn("Gradient Noise (Adam)", "gradnoise", 1.60, 1.46, 1.30, 1.17, 1.11, 1.10, 1.03),
    _drawn("Gradient Dropout (Adam)", "gradnoise", 1.84, 1.56, 1.26, 1.06, 0.93, 0.85, 0.70),
    _drawn("Nadam", "adam", 1.25, 0.99, 0.62, 0.32, 0.14, 0.09, 0.045),
    _drawn("RAdam", "adam", 1.08, 0.84, 0.46, 0.18, 0.09, 0.055, 0.03),
    _compressed("RAdam", "lrd", 1.0, 0.71, 0.31, 0.05, 0.05, 0.02, 0),
    _drawn("RAdamW", "adam", 1.12, 0.87, 0.50, 0.20, 0.07, 0.06, 0.03),
    _compressed("RAdam w/ LRD", "lrd", 0.97, 0.67, 0.29, 0.10, 0.03, 0.03, 0),
)
