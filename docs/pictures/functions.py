"""The functions of two weights on which the pictures are drawn, with their gradients.

Each is a loss with something that makes training hard: a ravine, a saddle, a plateau, a cliff.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Landscape:
    """A function of two weights, and the part of it that is shown.

    Args:
        value: Returns its values where the weights are x and y, which may be arrays.
        gradient: Returns both derivatives, stacked along the first axis.
        across: The smallest and the largest x of the picture.
        upward: The smallest and the largest y.
        minima: Its minima, to be marked.
        power: Contour lines lie at even distances of the value to this power: 0.5 suits
            parabolas, 1 what is bounded.
        equal: Whether a unit of x is as long as one of y in the picture.
    """

    value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    gradient: Callable[[np.ndarray, np.ndarray], np.ndarray]
    across: Span
    upward: Span
    minima: Sequence[tuple[float, float]] = ()
    power: float = 0.5
    equal: bool = True


def ravine(steepness: float = 20.0, **view: object) -> Landscape:
    """Return (x² + steepness · y²) / 2, which is flat along x and steep along y."""
    return Landscape(
        value=lambda x, y: (x**2 + steepness * y**2) / 2,
        gradient=lambda x, y: np.stack([x, steepness * y]),
        **{"across": (-5, 1.5), "upward": (-2, 2), "minima": [(0, 0)], **view},
    )


def tilted_ravine(steepness: float = 20.0, **view: object) -> Landscape:
    """Return (steepness · (x + y)² + (x − y)²) / 4, a ravine along the line x + y = 0."""

    def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        across, along = steepness * (x + y) / 2, (x - y) / 2
        return np.stack([across + along, across - along])

    return Landscape(
        value=lambda x, y: (steepness * (x + y) ** 2 + (x - y) ** 2) / 4,
        gradient=gradient,
        **{"across": (-3, 1), "upward": (-1, 3), "minima": [(0, 0)], **view},
    )


def banana(steepness: float = 4.0, **view: object) -> Landscape:
    """Return (1 − x)² / 2 + steepness · (y − x²)² / 2, a bent ravine."""

    def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        off = y - x**2
        return np.stack([x - 1 - 2 * steepness * x * off, steepness * off])

    return Landscape(
        value=lambda x, y: (1 - x) ** 2 / 2 + steepness * (y - x**2) ** 2 / 2,
        gradient=gradient,
        **{"across": (-2, 2), "upward": (-0.8, 3), "minima": [(1, 1)], "power": 0.35, **view},
    )


def line_of_minima(**view: object) -> Landscape:
    """Return (x + 2y − 4)² / 10, of which every point of a line is a minimum."""

    def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.stack([x + 2 * y - 4, 2 * (x + 2 * y - 4)]) / 5

    return Landscape(
        value=lambda x, y: (x + 2 * y - 4) ** 2 / 10,
        gradient=gradient,
        **{"across": (-1, 5), "upward": (-1, 4), **view},
    )


def plateau(**view: object) -> Landscape:
    """Return 1 − exp(−(x² + y²) / 2), a hollow in a plain that is almost level."""

    def hollow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.exp(-(x**2 + y**2) / 2)

    return Landscape(
        value=lambda x, y: 1 - hollow(x, y),
        gradient=lambda x, y: np.stack([x * hollow(x, y), y * hollow(x, y)]),
        **{"across": (-4, 2), "upward": (-2, 3), "minima": [(0, 0)], "power": 1, **view},
    )


def ridge(**view: object) -> Landscape:
    """Return u² / 2 − v² / 2 + v⁴ / 4, with u and v along the diagonals: a saddle, two minima.

    It is symmetric in x and y, so that whoever starts on the line x = y has no gradient off it.
    """
    root = np.sqrt(2)

    def value(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        u, v = (x + y) / root, (x - y) / root
        return u**2 / 2 - v**2 / 2 + v**4 / 4

    def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        u, v = (x + y) / root, (x - y) / root
        steep = v**3 - v
        return np.stack([u + steep, u - steep]) / root

    minima = [(1 / root, -1 / root), (-1 / root, 1 / root)]
    return Landscape(
        value,
        gradient,
        **{"across": (-2.2, 1.4), "upward": (-2.2, 1.4), "minima": minima, "power": 0.6, **view},
    )


def dented_bowl(depth: float = 0.12, **view: object) -> Landscape:
    """Return 0.15 · (x² + y²) − depth · (cos 5x + cos 5y), a bowl full of dents."""

    def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.stack([0.3 * one + 5 * depth * np.sin(5 * one) for one in (x, y)])

    return Landscape(
        value=lambda x, y: 0.15 * (x**2 + y**2) - depth * (np.cos(5 * x) + np.cos(5 * y)),
        gradient=gradient,
        **{"across": (-3.4, 2), "upward": (-2, 3), "minima": [(0, 0)], **view},
    )


def cliff(**view: object) -> Landscape:
    """Return a gentle slope down to the foot of a wall, which rises between x = 1 and x = 2."""
    height, sharpness, place = 6.0, 20.0, 1.5

    def wall(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-np.clip(sharpness * (x - place), -60, 60)))

    def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        steep = height * sharpness * wall(x) * (1 - wall(x))
        return np.stack([0.6 * (x - 2) + steep, 0.6 * y])

    return Landscape(
        value=lambda x, y: 0.3 * ((x - 2) ** 2 + y**2) + height * wall(x),
        gradient=gradient,
        **{"across": (-4, 2.2), "upward": (-2, 3), "power": 0.5, **view},
    )


def right_answers(**view: object) -> Landscape:
    """Return log(1 + exp(−x − 2y)), the loss of a classifier, which falls as weights grow."""

    def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        doubt = 1 / (1 + np.exp(2 * y + x))
        return np.stack([-doubt, -2 * doubt])

    return Landscape(
        value=lambda x, y: np.logaddexp(0, -2 * y - x),
        gradient=gradient,
        **{"across": (-1.2, 3.2), "upward": (-1.6, 3.0), "power": 0.5, **view},
    )


def direction(towards: float = 0.9, **view: object) -> Landscape:
    """Return 6 · (1 − cos(angle − towards)), which the length of the weights does not change.

    So it is for the weights of a layer that is followed by a normalisation.
    """

    def angle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.arctan2(y, x) - towards

    def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        slope = 6 * np.sin(angle(x, y)) / (x**2 + y**2)
        return np.stack([-slope * y, slope * x])

    return Landscape(
        value=lambda x, y: 6 * (1 - np.cos(angle(x, y))),
        gradient=gradient,
        **{"across": (-0.6, 3), "upward": (-1, 2.2), "power": 0.5, **view},
    )


LAYERS = "a layer with large weights", "a layer with small weights"
"""The labels of the axes of `unequal_layers`, for x and for y."""


def unequal_layers(large: float = 100.0, **view: object) -> Landscape:
    """Return ((x / large − 1)² + 4 · (y − 1)²) / 2, with small gradients of x, a large weight."""

    def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.stack([(x / large - 1) / large, 4 * (y - 1)])

    return Landscape(
        value=lambda x, y: ((x / large - 1) ** 2 + 4 * (y - 1) ** 2) / 2,
        gradient=gradient,
        **{
            "across": (0, 3.4 * large),
            "upward": (0, 3.4),
            "minima": [(large, 1)],
            "equal": False,
            **view,
        },
    )


def scaled(landscape: Landscape, factor: float) -> Landscape:
    """Return a function with this multiple of the values, and of the gradients."""
    return dataclasses.replace(
        landscape,
        value=lambda x, y: factor * landscape.value(x, y),
        gradient=lambda x, y: factor * landscape.gradient(x, y),
    )
