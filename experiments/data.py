"""Data sets of images, from a folder of NumPy archives or from Keras."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import sys
from collections.abc import Iterator, Mapping

import keras
import numpy as np

from ..checks import listed
from .task import Arrays

IMAGE_SHAPES = {"mnist": (28, 28), "fashion_mnist": (28, 28), "cifar10": (32, 32, 3)}
# In the order in which they are looked for.
FILES = {
    "mnist": ("mnist.npz",),
    "fashion_mnist": ("fashion_mnist.npz",),
    "cifar10": ("cifar10.npz", "cifar10_subset.npz"),
}
CLASSES = 10
DOWNLOAD_TIMEOUT = 20  # seconds without an answer


class DataNotFoundError(FileNotFoundError):
    """A data set is neither in the folder that was named nor to be had from Keras."""


def load(name: str, folder: pathlib.Path | None = None) -> tuple[Arrays, Arrays]:
    """Return (images, labels) to train on and (images, labels) to test on, all of them uint8.

    Args:
        name: "mnist", "fashion_mnist" or "cifar10".
        folder: Where the archive is: `<name>.npz` or, for CIFAR-10, `cifar10_subset.npz`.
            Nothing is downloaded then. Default: None, for Keras' cache or download.

    Raises:
        DataNotFoundError: If the folder does not hold it, or Keras does not get it.
        ValueError: If the file is no archive of such images and labels.
    """
    return _downloaded(name) if folder is None else _stored(name, pathlib.Path(folder))


def _stored(name: str, folder: pathlib.Path) -> tuple[Arrays, Arrays]:
    paths = [folder / file for file in FILES[name]]
    for path in paths:
        if path.is_file():
            return _read(path, IMAGE_SHAPES[name])
    there = "" if folder.is_dir() else f" {folder} is no folder."
    raise DataNotFoundError(
        f"{name} is not in the data folder.{there} Looked for: {listed(map(str, paths))}. "
        f"Put {FILES[name][0]} there, {_described(IMAGE_SHAPES[name])}; or name no folder, "
        f"for Keras to download it; or take a task named digits-*, which needs no files."
    )


def _downloaded(name: str) -> tuple[Arrays, Arrays]:
    try:
        with _short_timeout(), contextlib.redirect_stdout(sys.stderr):  # Keras' progress bar
            (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises plain ones
        cache = pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"
        raise DataNotFoundError(
            f"{name} is not in Keras' cache, {cache}, and cannot be downloaded: {error}. "
            f"Name a folder with --data and put {FILES[name][0]} there, "
            f"{_described(IMAGE_SHAPES[name])}; or fill the cache by calling "
            f"keras.datasets.{name}.load_data() where there is a network; or take a task named "
            "digits-*, which needs no files."
        ) from error
    return (x_train, y_train.ravel()), (x_test, y_test.ravel())  # CIFAR-10's are a column


@contextlib.contextmanager
def _short_timeout() -> Iterator[None]:
    """Gives up a connection soon: where packets are swallowed, Keras would wait for minutes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _read(path: pathlib.Path, image_shape: tuple[int, ...]) -> tuple[Arrays, Arrays]:
    remedy = f"It must be {_described(image_shape)}."
    try:
        with np.load(path) as archive:
            return tuple(_checked(archive, part, image_shape) for part in ("train", "test"))
    except _BadArrayError as error:
        raise ValueError(f"{path} cannot be used: {error}. {remedy}") from error
    except OSError:
        raise
    except Exception as error:  # what NumPy raises of broken files is of many kinds
        raise ValueError(f"{path} is no NumPy archive, or a broken one. {remedy}") from error


class _BadArrayError(Exception):
    """An array that is not what it should be."""


def _checked(archive: Mapping[str, np.ndarray], part: str, image_shape: tuple[int, ...]) -> Arrays:
    for name in (f"x_{part}", f"y_{part}"):
        if name not in archive:
            raise _BadArrayError(f"{name} is missing")
    x, y = archive[f"x_{part}"], archive[f"y_{part}"]
    if x.shape[1:] != image_shape or x.dtype != "uint8":
        raise _BadArrayError(f"x_{part} has shape {x.shape} and dtype {x.dtype}")
    if y.shape not in ((len(x),), (len(x), 1)) or not np.issubdtype(y.dtype, np.integer):
        raise _BadArrayError(
            f"y_{part} has shape {y.shape} and dtype {y.dtype} for {len(x)} images of x_{part}"
        )
    if len(x) == 0:
        raise _BadArrayError(f"x_{part} has no images")
    if y.min() < 0 or y.max() >= CLASSES:
        raise _BadArrayError(f"y_{part} has labels from {y.min()} to {y.max()}")
    return x, y.ravel().astype("uint8")


def _described(image_shape: tuple[int, ...]) -> str:
    shape = ", ".join(map(str, image_shape))
    return (
        f"a NumPy archive of the uint8 arrays x_train and x_test, of shape (images, {shape}), "
        f"and y_train and y_test, of shape (images,), with labels from 0 to {CLASSES - 1}"
    )
