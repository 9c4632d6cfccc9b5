"""Residual networks for images of 32×32 pixels, with 6n + 2 layers."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from .image_layers import CropAndFlip, StandardizedImages

FILTERS = (16, 32, 64)  # of the three stages
MARGIN = 4
WEIGHT_DECAY = 2e-4


def residual_network(blocks: int, momentum: float) -> keras.Model:
    """Return a network with batch normalisation before its convolutions, and augmentation in it.

    Args:
        blocks: How many each of the three stages has, of two convolutions.
        momentum: What batch normalisation keeps of its averages in a step.

    References:
        He, Zhang, Ren, Sun: "Deep residual learning for image recognition", 2015, arXiv 1512.03385.
        The same: "Identity mappings in deep residual networks", 2016, arXiv 1603.05027.
        github.com/tensorflow/models, official/resnet, version 2.
    """
    inputs = keras.Input((32, 32, 3))
    x = StandardizedImages()(CropAndFlip(MARGIN)(inputs))
    x = _convolved(x, FILTERS[0])
    for stage, filters in enumerate(FILTERS):
        x = _first_block(x, filters, momentum, strides=2 if stage else 1)
        for _ in range(blocks - 1):
            x = _further_block(x, filters, momentum)
    x = layers.GlobalAveragePooling2D()(_normalized(x, momentum))
    outputs = layers.Dense(10, kernel_regularizer=_decay(), bias_regularizer=_decay())(x)
    return keras.Model(inputs, outputs)


def _first_block(x: Any, filters: int, momentum: float, strides: int) -> Any:
    """Return the block of a stage that changes the shape; a 1×1 convolution leads past it."""
    x = _normalized(x, momentum)
    return layers.add(
        [_residual(x, filters, momentum, strides), _convolved(x, filters, 1, strides)]
    )


def _further_block(x: Any, filters: int, momentum: float) -> Any:
    return layers.add([_residual(_normalized(x, momentum), filters, momentum), x])


def _residual(normalized: Any, filters: int, momentum: float, strides: int = 1) -> Any:
    """Return what a block adds, of its input that is normalised already."""
    x = _convolved(normalized, filters, strides=strides)
    return _convolved(_normalized(x, momentum), filters)


def _normalized(x: Any, momentum: float) -> Any:
    x = layers.BatchNormalization(
        momentum=momentum, epsilon=1e-5, beta_regularizer=_decay(), gamma_regularizer=_decay()
    )(x)
    return layers.ReLU()(x)


def _convolved(x: Any, filters: int, size: int = 3, strides: int = 1) -> Any:
    if strides > 1 and size > 1:  # TensorFlow's "same" would put more on one side
        x = layers.ZeroPadding2D(size // 2)(x)
    return layers.Conv2D(
        filters,
        size,
        strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(),
        kernel_regularizer=_decay(),
    )(x)


def _decay() -> keras.regularizers.Regularizer:
    """Half of the weight decay: TensorFlow's l2_loss, published, is half of the squares' sum."""
    return keras.regularizers.L2(WEIGHT_DECAY / 2)
