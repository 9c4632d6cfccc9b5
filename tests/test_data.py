"""Data sets of images: from a folder, from Keras, and what is said when there are none."""

import pathlib
import re
import socket

import keras
import numpy as np
import pytest

pytest.importorskip("rich")
pytest.importorskip("sklearn")

from stepwrap.experiments import data

pytestmark = pytest.mark.backend_free


def arrays(shape=(28, 28), train=5, test=3):
    """Random pixels and labels, different ones in every part."""
    random = np.random.default_rng(0)
    return {
        "x_train": random.integers(256, size=(train, *shape), dtype="uint8"),
        "y_train": random.integers(10, size=train, dtype="uint8"),
        "x_test": random.integers(256, size=(test, *shape), dtype="uint8"),
        "y_test": random.integers(10, size=test, dtype="uint8"),
    }


def assert_loaded(loaded, expected):
    (x_train, y_train), (x_test, y_test) = loaded
    found = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    for name, array in found.items():
        assert array.dtype == "uint8"
        np.testing.assert_array_equal(array, expected[name])


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_a_folder_with_the_archive(name, tmp_path):
    expected = arrays(data.IMAGE_SHAPES[name])
    np.savez(tmp_path / f"{name}.npz", **expected)
    assert_loaded(data.load(name, tmp_path), expected)
    assert_loaded(data.load(name, str(tmp_path)), expected)


def test_a_subset_of_cifar10_serves_until_all_of_it_is_there(tmp_path):
    subset, whole = arrays((32, 32, 3)), arrays((32, 32, 3), train=7)
    np.savez(tmp_path / "cifar10_subset.npz", **subset)
    assert_loaded(data.load("cifar10", tmp_path), subset)
    np.savez(tmp_path / "cifar10.npz", **whole)
    assert_loaded(data.load("cifar10", tmp_path), whole)


def test_labels_may_stand_in_a_column(tmp_path):
    expected = arrays((32, 32, 3))
    columns = {name: y[:, None].astype("int64") for name, y in expected.items() if name[0] == "y"}
    np.savez(tmp_path / "cifar10.npz", **{**expected, **columns})
    assert_loaded(data.load("cifar10", tmp_path), expected)


def test_a_folder_without_the_archive_is_told_what_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.datasets.cifar10, "load_data", lambda: pytest.fail("a download"))
    with pytest.raises(data.DataNotFoundError) as error:
        data.load("cifar10", tmp_path)
    message = str(error.value)
    for file in ("cifar10.npz", "cifar10_subset.npz"):
        assert repr(str(tmp_path / file)) in message
    assert "Put cifar10.npz there" in message
    assert "shape (images, 32, 32, 3)" in message
    assert "digits-*" in message
    assert "no folder" not in message.split("Looked for")[0]


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(data.DataNotFoundError, match=r"nowhere is no folder\. Looked for"):
        data.load("mnist", tmp_path / "nowhere")


def test_without_a_folder_keras_is_asked(monkeypatch, capsys):
    expected = arrays((32, 32, 3))
    timeout = socket.getdefaulttimeout()

    def load_data():
        print("Downloading")
        assert socket.getdefaulttimeout() == data.DOWNLOAD_TIMEOUT
        return (
            (expected["x_train"], expected["y_train"][:, None]),
            (expected["x_test"], expected["y_test"][:, None]),
        )

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", load_data)
    assert_loaded(data.load("cifar10"), expected)
    assert socket.getdefaulttimeout() == timeout
    assert capsys.readouterr().out == ""


def test_without_a_network_it_says_what_to_put_where(monkeypatch, tmp_path):
    def load_data():
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    timeout = socket.getdefaulttimeout()
    with pytest.raises(data.DataNotFoundError) as error:
        data.load("mnist")
    assert socket.getdefaulttimeout() == timeout
    for part in (
        "URL fetch failure",
        str(tmp_path / "datasets"),
        "--data and put mnist.npz there",
        "keras.datasets.mnist.load_data()",
        "digits-*",
    ):
        assert part in str(error.value)
    monkeypatch.delenv("KERAS_HOME")
    with pytest.raises(
        data.DataNotFoundError, match=re.escape(str(pathlib.Path.home() / ".keras" / "datasets"))
    ):
        data.load("mnist")


GOOD = arrays()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"y_test": None}, "y_test is missing"),
        ({"x_train": GOOD["x_train"].reshape(5, 784)}, r"x_train has shape \(5, 784\)"),
        ({"x_test": GOOD["x_test"] / 255}, r"x_test has shape \(3, 28, 28\) and dtype float64"),
        ({"y_train": GOOD["y_train"][:4]}, r"y_train has shape \(4,\).* for 5 images of x_train"),
        ({"y_train": np.eye(10)[GOOD["y_train"]]}, r"y_train has shape \(5, 10\)"),
        ({"y_test": GOOD["y_test"] / 1}, "y_test has .*dtype float64"),
        ({"y_test": np.array([0, 10, 3])}, "y_test has labels from 0 to 10"),
        ({"y_test": np.array([0, -1, 3])}, "y_test has labels from -1 to 3"),
        ({"x_test": GOOD["x_test"][:0], "y_test": GOOD["y_test"][:0]}, "x_test has no images"),
        (
            {"y_train": np.array(["0", 1, None, 3, 4], dtype=object)},
            "is no NumPy archive, or a broken one",
        ),
    ],
)
def test_an_archive_with_other_arrays(changes, problem, tmp_path):
    kept = {name: array for name, array in {**GOOD, **changes}.items() if array is not None}
    np.savez(tmp_path / "mnist.npz", **kept)
    assert_refused(tmp_path, problem)


def test_files_that_are_no_archives(tmp_path):
    path = tmp_path / "mnist.npz"
    for content in (b"", b"<html>404</html>", b"PK\x03\x04 cut off"):
        path.write_bytes(content)
        assert_refused(tmp_path, "is no NumPy archive, or a broken one")
    with path.open("wb") as file:
        np.save(file, GOOD["x_train"])
    assert_refused(tmp_path, "is no NumPy archive, or a broken one")
    np.savez(path, **GOOD)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert_refused(tmp_path, "is no NumPy archive, or a broken one")
    middle = len(whole) // 4
    path.write_bytes(whole[:middle] + bytes(50) + whole[middle + 50 :])
    assert_refused(tmp_path, "or a broken one")


def assert_refused(folder, problem):
    """The error names the file, the problem and what it should be."""
    with pytest.raises(ValueError, match=problem) as error:
        data.load("mnist", folder)
    assert str(error.value).startswith(str(folder / "mnist.npz"))
    assert "It must be a NumPy archive of the uint8 arrays" in str(error.value)
