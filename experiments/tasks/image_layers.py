"""Layers that images go through before the network proper."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


class CropAndFlip(keras.layers.Layer):
    """In training, shifts every image by a few pixels and mirrors every second one, by chance.

    Each image has a black margin put around it, of which a random part of the image's own size is
    taken. Outside of training images stay as they are.

    Args:
        margin: How many pixels are put on each side.
        seed: Of the random numbers. Default: None, for one that `keras.utils.set_random_seed`
            decides.
    """

    def __init__(self, margin: int, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.margin = margin
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        """Return the images, batch × height × width × channels."""
        if not training:
            return images
        count = ops.shape(images)[0]
        _, height, width, channels = images.shape
        top, left = (self._drawn(count, 2 * self.margin + 1) for _ in range(2))
        columns = ops.arange(width)
        columns = ops.where(self._drawn(count, 2) == 1, width - 1 - columns, columns) + left
        rows = ops.arange(height) + top
        # One gathering for all: every backend does that fast, slices of other places not.
        places = rows[:, :, None] * (width + 2 * self.margin) + columns[:, None, :]
        around = (self.margin, self.margin)
        padded = ops.reshape(
            ops.pad(images, ((0, 0), around, around, (0, 0))), (count, -1, channels)
        )
        places = ops.reshape(places, (count, -1, 1))
        return ops.reshape(
            ops.take_along_axis(padded, places, axis=1), (count, height, width, channels)
        )

    def _drawn(self, count: Any, end: int) -> Any:
        """Return a number from 0 to before the end for each image."""
        return keras.random.randint((count, 1), 0, end, seed=self.seed_generator)


class StandardizedImages(keras.layers.Layer):
    """Makes the mean of every image 0 and its standard deviation 1.

    The deviation that an image is divided by is at least that of one pixel's number which differs
    by a step of a byte from all others, about: else an image of one colour would become noise.
    """

    def call(self, images: Any) -> Any:
        """Return the images, batch × height × width × channels, with numbers from 0 to 1."""
        least = 1 / (255 * np.sqrt(np.prod(images.shape[1:])))
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        deviation = ops.std(images, axis=(1, 2, 3), keepdims=True)
        return (images - mean) / ops.maximum(deviation, float(least))
