"""The tasks: networks as published, functions against NumPy in float64."""

import collections
import functools

import keras
import numpy as np
import pytest
from keras import ops

pytest.importorskip("rich")
pytest.importorskip("sklearn")

import cases
from stepwrap.experiments import tasks
from stepwrap.experiments.tasks import bad_regression, linear_regression, quadratic, repeat_copy
from stepwrap.experiments.tasks.image_layers import CropAndFlip, StandardizedImages

FULL_BATCH = [
    "bad-regression",
    "falling-rows-regression",
    "linear-regression",
    "quadratic",
]
PARAMETERS = {
    "cifar-cnn": 808_458,
    "cifar-dropout-cnn": 1_250_858,
    "cifar-resnet": 466_970,
    "cifar-resnet-8": 78_106,
    "digits-cnn": 16 * 10 + 32 * 145 + 64 * 129 + 10 * 65,
    "digits-mlp": 300 * 65 + 100 * 301 + 10 * 101,
    "fashion-cnn": 61_706,
    "mnist-cnn": 1_199_882,
    "mnist-deep-mlp": 785 * 128 + 29 * 129 * 128 + 30 * 2 * 128 + 10 * 129,
    "mnist-mlp": 300 * 785 + 100 * 301 + 10 * 101,
    "mnist-mlp-last-zero": 300 * 785 + 100 * 301 + 10 * 101,
    "repeat-copy": 135 * 256 + 65 * 135 + 129 * 5,
    "bad-regression": 60 + 36,
    "falling-rows-regression": 60 + 36,
    "linear-regression": 2,
    "quadratic": 100,
}
CLASSIFIERS = [name for name in PARAMETERS if name not in [*FULL_BATCH, "repeat-copy"]]
SLOW_TO_COMPILE = {name for name in PARAMETERS if name.startswith(("cifar", "fashion", "mnist"))}
# Convolutions take long to compile, and PyTorch compiles nothing.
LONG = (
    {"mnist-deep-mlp", "cifar-resnet"}
    if cases.BACKEND == "torch"
    else SLOW_TO_COMPILE | {"digits-cnn", "repeat-copy"}
)
EVERYDAY = [name for name in PARAMETERS if name not in LONG]
RATE = 2.0**-7  # the same number in float32
TOLERANCE = {"rtol": 1e-10} if keras.backend.backend() != "jax" else {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def task(image_folder):
    """Makes the task of a name."""
    return functools.cache(lambda name: tasks.get(name)(image_folder))


def seeded_model(task, optimizer=None, seed=0):
    keras.utils.set_random_seed(seed)
    return task.model(optimizer or keras.optimizers.SGD(RATE))


def numpy_weights(model):
    return [ops.convert_to_numpy(weight) for weight in model.weights]


def value(model):
    """The value of the function that a full-batch model is."""
    return float(ops.convert_to_numpy(model(np.zeros((1, 1)))))


def test_all_tasks_are_here():
    assert tasks.names() == sorted(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_task_is_described_in_a_line(name, task):
    first, *_ = tasks.get(name).__doc__.splitlines()
    assert first[0].isupper() and first.endswith(".") and len(first) <= 90
    assert task(name).name == name
    assert task(name).full_batch == (name in FULL_BATCH)


def trained(task, eagerly=False):
    """The model, after a short epoch with Adam that moved all weights, and the history."""
    model = seeded_model(task, keras.optimizers.Adam())
    model.run_eagerly = eagerly
    start = numpy_weights(model)
    history = model.fit(
        *(array[:8] for array in task.train),
        batch_size=4,
        validation_data=None if task.test is None else tuple(array[:4] for array in task.test),
        verbose=0,
    )
    assert all(np.any(new != old) for new, old in zip(numpy_weights(model), start, strict=True))
    return model, history.history


def assert_recorded(history, name):
    expected = {"loss"}
    if name in CLASSIFIERS:
        expected |= {"accuracy", "val_accuracy", "val_loss"}
    assert set(history) == expected
    assert np.all(np.isfinite(list(history.values())))


@pytest.mark.parametrize("name", cases.others_long(PARAMETERS, EVERYDAY))
def test_a_task_trains(name, task):
    # JAX would compile every operation by itself.
    eagerly = name in SLOW_TO_COMPILE and keras.backend.backend() != "jax"
    model, history = trained(task(name), eagerly)
    assert_recorded(history, name)
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == PARAMETERS[name]


@pytest.mark.long
@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="elsewhere they train as by default anyway"
)
@pytest.mark.parametrize("name", ["cifar-cnn", "mnist-deep-mlp"])
def test_a_large_network_trains_compiled(name, task):
    _, history = trained(task(name))
    assert_recorded(history, name)


@pytest.mark.parametrize("name", cases.others_long(PARAMETERS, EVERYDAY))
def test_models_of_one_seed_start_equal(name, task):
    one, same, other = (numpy_weights(seeded_model(task(name), seed=seed)) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert any(np.any(a != b) for a, b in zip(one, other, strict=True))
    if name in FULL_BATCH:
        first, again, another = (value(seeded_model(task(name), seed=s)) for s in (3, 3, 4))
        assert first == again != another


@pytest.mark.parametrize("name", cases.others_long(CLASSIFIERS, EVERYDAY))
def test_classifiers_have_the_cross_entropy_of_logits(name, task):
    model = seeded_model(task(name))
    model.run_eagerly = True
    x, y = (array[:12] for array in task(name).test)
    logits = model.predict(x, verbose=0).astype("float64")
    log_sums = np.log(np.sum(np.exp(logits), axis=1))
    expected = np.mean(log_sums - logits[np.arange(len(y)), y])
    if name == "mnist-deep-mlp":
        kernels = [ops.convert_to_numpy(w) for w in model.weights if w.name == "kernel"][:30]
        expected += 1e-5 * sum(np.sum(kernel.astype("float64") ** 2) for kernel in kernels)
    if name.startswith("cifar-resnet"):
        weights = [ops.convert_to_numpy(w).astype("float64") for w in model.trainable_weights]
        expected += 1e-4 * sum(np.sum(weight**2) for weight in weights)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(accuracy, np.mean(np.argmax(logits, axis=1) == y))


@pytest.mark.parametrize(
    ("name", "shape", "lowest"),
    [
        ("digits-mlp", (64,), 0),
        ("digits-cnn", (64,), 0),
        ("mnist-mlp", (784,), 0),
        ("mnist-mlp-last-zero", (784,), 0),
        ("mnist-cnn", (28, 28, 1), 0),
        ("fashion-cnn", (28, 28, 1), 0),
        ("cifar-cnn", (32, 32, 3), -1),
        ("cifar-dropout-cnn", (32, 32, 3), 0),
        ("cifar-resnet", (32, 32, 3), 0),
    ],
)
def test_pixels_are_scaled(name, shape, lowest, task):
    for x, y in (task(name).train, task(name).test):
        assert x.dtype == "float32"
        assert x.shape == (len(y), *shape)
        np.testing.assert_allclose([x.min(), x.max()], [lowest, 1], atol=1e-6)


def test_every_image_is_cropped_and_reflected_by_itself():
    images = np.random.default_rng(0).uniform(0.5, 1, (200, 3, 4, 2)).astype("float32")
    changed = ops.convert_to_numpy(CropAndFlip(1)(images, training=True))
    assert changed.shape == images.shape
    places = []
    for image, new in zip(images, changed, strict=True):
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
        crops = {(i, j): padded[i : i + 3, j : j + 4] for i in range(3) for j in range(3)}
        candidates = {(*place, 0): crop for place, crop in crops.items()}
        candidates |= {(*place, 1): crop[:, ::-1] for place, crop in crops.items()}
        [place] = [place for place, crop in candidates.items() if np.array_equal(crop, new)]
        places.append(place)
    assert len(set(places)) == 18
    np.testing.assert_allclose(np.mean(places, axis=0), [1, 1, 0.5], atol=0.2)


def test_crops_are_only_of_training_and_of_the_seed():
    images = np.random.default_rng(0).uniform(size=(20, 8, 8, 3)).astype("float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(CropAndFlip(4)(images)), images)

    def changed(seed):
        keras.utils.set_random_seed(seed)
        layer = CropAndFlip(4)
        return [ops.convert_to_numpy(layer(images, training=True)) for _ in range(2)]

    one, same, other = changed(3), changed(3), changed(4)
    np.testing.assert_array_equal(one, same)
    assert np.any(one[0] != one[1]) and np.any(one[0] != other[0])


def test_images_are_standardized_one_by_one():
    images = np.random.default_rng(0).uniform(size=(3, 8, 8, 3)).astype("float32")
    images[1] *= 0.1
    images[2] = 0.25
    found = ops.convert_to_numpy(StandardizedImages()(images)).astype("float64")
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=(1, 2, 3)), [1, 1, 0], atol=1e-5)


def test_the_residual_network_averages_over_as_many_epochs_as_published(task):
    model = seeded_model(task("cifar-resnet-8"))
    normalizations = [
        layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert {layer.momentum for layer in normalizations} == {0.997 ** (50_000 / 8)}


def test_only_the_last_layer_may_be_zero_at_first(task):
    first, second, last = (
        seeded_model(task("mnist-mlp-last-zero")).get_weights()[index] for index in (0, 2, 4)
    )
    assert np.all(last == 0) and np.std(first) > 0.01 and np.std(second) > 0.01


def test_the_digits_are_split_by_class_and_the_same_each_time(task):
    (x_train, y_train), (x_test, y_test) = task("digits-mlp").train, task("digits-mlp").test
    assert (len(x_train), len(x_test)) == (1347, 450)
    np.testing.assert_allclose(np.bincount(y_test), np.bincount(y_train) / 3, atol=1)
    np.testing.assert_array_equal(x_test, task("digits-cnn").test[0])


def gradient_descent(model, task, steps=1):
    model.fit(*(array[:steps] for array in task.train), batch_size=1, verbose=0)
    return numpy_weights(model)


def test_the_quadratic_in_float64(task):
    model = seeded_model(task("quadratic"))
    keras.utils.set_random_seed(0)
    matrix, minimum, x = quadratic.random_instance()
    b = -matrix @ minimum

    def published(x):
        return (0.5 * x.T @ matrix @ x + b.T @ x).item()

    np.testing.assert_allclose(value(model), published(x) - published(minimum), **TOLERANCE)
    for _ in range(100):
        x = x - RATE * (matrix @ x + b)
    [found] = gradient_descent(model, task("quadratic"), steps=100)
    np.testing.assert_allclose(found, x, **TOLERANCE)


def test_the_quadratic_is_convex_and_badly_conditioned():
    eigenvalues = np.linalg.eigvalsh(quadratic.random_instance()[0])
    assert np.all(eigenvalues > 0)
    assert 90 < eigenvalues[-1] < 110 and eigenvalues[-2] < 1
    assert eigenvalues[-1] / eigenvalues[0] > 1000


@pytest.mark.parametrize(
    ("name", "matrix"),
    [
        ("bad-regression", bad_regression.falling_singular_values),
        ("falling-rows-regression", bad_regression.falling_rows),
    ],
)
def test_the_bad_regression_in_float64(name, matrix, task):
    model = seeded_model(task(name))
    keras.utils.set_random_seed(0)
    a, x, start = bad_regression.random_instance(matrix)
    w1, w2 = start["w1"], start["w2"]
    errors = [w1 @ w2 @ sample - a @ sample for sample in x.T]
    np.testing.assert_allclose(value(model), sum(e @ e for e in errors), **TOLERANCE)
    gradient = sum(2 * np.outer(e, s) for e, s in zip(errors, x.T, strict=True))
    found = gradient_descent(model, task(name))
    expected = [w1 - RATE * gradient @ w2.T, w2 - RATE * w1.T @ gradient]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, **TOLERANCE)


def test_condition_numbers():
    np.testing.assert_allclose(
        np.linalg.cond(bad_regression.falling_singular_values()), 1e10, rtol=1e-4
    )
    falling_rows = [bad_regression.falling_rows() for _ in range(20)]
    assert 5 < np.median([np.linalg.cond(rows) for rows in falling_rows]) < 50
    assert all(np.max(rows[-1]) < 1e-10 for rows in falling_rows)


def test_the_linear_regression_in_float64(task):
    model = seeded_model(task("linear-regression"))
    keras.utils.set_random_seed(0)
    x, y, (slope, intercept) = linear_regression.random_instance()
    error = slope * x + intercept - y
    np.testing.assert_allclose(value(model), np.mean(error**2), **TOLERANCE)
    expected = slope - RATE * np.mean(2 * error * x), intercept - RATE * np.mean(2 * error)
    np.testing.assert_allclose(
        gradient_descent(model, task("linear-regression")), expected, **TOLERANCE
    )


def test_the_points_are_on_a_line():
    keras.utils.set_random_seed(0)
    x, y, _ = linear_regression.random_instance()
    slope, intercept = np.polyfit(x, y, 1)
    np.testing.assert_allclose([slope, intercept], [2, 1], atol=0.1)
    assert 0.05 < np.std(y - 2 * x - 1) < 0.15


@pytest.mark.parametrize("name", FULL_BATCH)
def test_the_optimizer_gets_the_loss_as_it_was_computed(name, task):
    seen = []

    class Spy(keras.optimizers.SGD):
        def scale_loss(self, loss):
            seen.append(keras.backend.standardize_dtype(loss.dtype))
            return super().scale_loss(loss)

    gradient_descent(seeded_model(task(name), Spy()), task(name))
    can = "float32" if keras.backend.backend() == "jax" else "float64"
    assert set(seen) == {can}


def test_the_answer_repeats_the_sequence():
    samples = repeat_copy.all_samples()
    assert samples.observations.shape == (1024, 9, 6) and samples.answers.shape == (1024, 9, 5)
    found = []
    for read, answer, mask in zip(*samples, strict=True):
        assert read[0].tolist() == [0, 0, 0, 0, 1, 0]
        [end] = np.flatnonzero(read[:, 5])
        sequence, repeats = read[1:end, :4], round(10 * read[end, 5].item())
        assert not read[1:, 4].any() and not read[end:, :4].any()
        expected = [[*bits, 0] for _ in range(repeats) for bits in sequence] + [[0, 0, 0, 0, 1]]
        np.testing.assert_array_equal(answer[end + 1 :][: len(expected)], expected)
        written = np.zeros(9)
        written[end + 1 :][: len(expected)] = 1
        np.testing.assert_array_equal(mask, written)
        assert not answer[mask == 0].any()
        found.append((len(sequence), repeats, sequence.tobytes()))
    counts = collections.Counter(found)
    assert len(counts) == 2 * (16 + 256)
    # Lengths and repeats are equally likely, and so are the sequences of one length.
    assert {count for (length, *_), count in counts.items() if length == 1} == {16}
    assert {count for (length, *_), count in counts.items() if length == 2} == {1}


def losses_of(samples, logits):
    tensors = repeat_copy.Samples(*map(ops.convert_to_tensor, samples))
    return ops.convert_to_numpy(repeat_copy.losses(tensors, ops.convert_to_tensor(logits)))


def test_the_loss_is_the_cross_entropy_of_the_answer():
    logits = np.random.default_rng(0).normal(size=(3, 9, 5)).astype("float32")
    samples = repeat_copy.Samples(*(part[[5, 300, 900]] for part in repeat_copy.all_samples()))
    chances = 1 / (1 + np.exp(-logits.astype("float64")))
    right = np.where(samples.answers == 1, chances, 1 - chances)
    expected = -np.sum(samples.masks[:, :, None] * np.log(right), axis=(1, 2))
    found = losses_of(samples, logits)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_loss_is_not_lost_in_a_difference_to_one():
    samples = repeat_copy.Samples(*(part[:1] for part in repeat_copy.all_samples()))
    certain = 20 * (2 * samples.answers - 1)
    found = losses_of(samples, certain)
    np.testing.assert_allclose(found, 5 * np.sum(samples.masks) * np.log1p(np.exp(-20)), rtol=1e-5)
