"""Layer-wise decay of the learning rate."""

import keras
import numpy as np
import pytest
from keras import layers

import cases
import stepwrap
from stepwrap.toolkit.by_path import first_match
from stepwrap.toolkit.selection import path_of

pytestmark = pytest.mark.backend_free


def multipliers(model, **arguments):
    """For each layer's name, the multiplier of its weights."""
    found = stepwrap.layer_decay(model, **{"decay": 0.5, **arguments})
    of_path = {path_of(one): first_match(found, one, None) for one in model.trainable_variables}
    assert None not in of_path.values()
    of_layer = {}
    for path, multiplier in of_path.items():
        of_layer.setdefault(path.split("/")[-2], set()).add(multiplier)
    assert all(len(of_one) == 1 for of_one in of_layer.values())
    return {name: of_one.pop() for name, of_one in of_layer.items()}


def test_a_sequential_model():
    """A normalisation goes with the kernel before it; what has no weights does not count."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, name="a"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.Dense(3, name="b"),
            layers.Dropout(0.5),
            layers.Dense(1, name="c"),
        ]
    )
    assert multipliers(model) == {"c": 1, "b": 0.5, "norm": 0.25, "a": 0.25}
    assert multipliers(model, least=0.3) == {"c": 1, "b": 0.5, "norm": 0.3, "a": 0.3}
    assert [*stepwrap.layer_decay(model).values()] == [1.0, 0.75, 0.5625, 0.5625]


def test_branches_of_a_functional_model():
    """The depth is that of the longest way to an output."""
    given = keras.Input((4,))
    start = layers.Dense(4, name="start")(given)
    long = layers.Dense(4, name="long_2")(layers.Dense(4, name="long_1")(start))
    short = layers.Dense(4, name="short")(start)
    end = layers.Dense(1, name="end")(layers.add([long, short, start]))
    other = layers.Dense(1, name="other")(short)
    assert multipliers(keras.Model(given, [end, other])) == {
        "end": 1,
        "other": 1,
        "long_2": 0.5,
        "long_1": 0.25,
        "short": 0.5,
        "start": 0.125,
    }


def test_models_inside_of_models():
    given = keras.Input((4,))
    backbone = keras.Model(
        given, layers.Dense(4, name="second")(layers.Dense(4, name="first")(given))
    )
    head = keras.Sequential([layers.Dense(4, name="hidden"), layers.Dense(1, name="out")])
    model = keras.Sequential([keras.Input((4,)), backbone, head])
    expected = {"out": 1, "hidden": 0.5, "second": 0.25, "first": 0.125}
    assert multipliers(model) == expected
    functional = keras.Model(given, head(backbone(given)))
    assert multipliers(functional) == expected


def test_a_layer_that_is_called_twice_has_the_depth_of_its_last_use():
    given = keras.Input((4,))
    shared = layers.Dense(4, name="shared")
    between = layers.Dense(4, name="between")(shared(given))
    model = keras.Model(given, shared(between))
    assert multipliers(model) == {"shared": 1, "between": 0.5}


class Tied(layers.Layer):
    """Uses the table of an embedding once more."""

    def __init__(self, embedding, **arguments):
        super().__init__(**arguments)
        self.table = embedding.embeddings

    def call(self, inputs):
        return keras.ops.matmul(inputs, keras.ops.transpose(self.table))


def test_a_weight_that_layers_share_has_the_depth_of_its_use_nearest_to_the_end():
    embedding = layers.Embedding(5, 4, name="table")
    embedding.build()
    given = keras.Input((3,), dtype="int32")
    model = keras.Model(given, Tied(embedding)(layers.Dense(4, name="between")(embedding(given))))
    assert multipliers(model) == {"table": 1, "between": 0.5}


def test_a_model_of_a_class_of_ones_own_goes_by_the_order_of_its_layers():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Dense(4, name="first")
            self.attention = layers.MultiHeadAttention(2, 2, name="attention")
            self.last = layers.Dense(1, name="last")

        def call(self, inputs):
            hidden = self.first(inputs)
            return self.last(self.attention(hidden, hidden))

    model = Mine()
    model(np.zeros((1, 3, 4)))
    found = multipliers(model)
    parts = {"query", "key", "value", "attention_output"}
    assert found == {"first": 0.25, "last": 1, **dict.fromkeys(parts, 0.5)}
    assert len(stepwrap.layer_decay(model)) == 3


def test_layers_of_one_name_in_different_models():
    """No pattern tells them apart, unless they are of one depth."""

    def part(name):
        return keras.Sequential([keras.Input((4,)), layers.Dense(4, name="dense")], name=name)

    given = keras.Input((4,))
    one, other = (keras.Model(given, layers.Dense(4, name="dense")(given)) for _ in range(2))
    with pytest.raises(ValueError, match=r"`model`.*'dense/\w+'.*different names"):
        stepwrap.layer_decay(keras.Model(given, other(one(given))))
    beside = keras.Model(given, layers.add([one(given), other(given)]))
    assert multipliers(beside) == {"dense": 1}
    told_apart = keras.Sequential([keras.Input((4,)), part("a"), part("b")])
    assert {*stepwrap.layer_decay(told_apart).values()} == {1.0, 0.75}


def test_multipliers_fit_a_model_that_was_loaded(tmp_path):
    """In whose paths Keras leaves out the names of `Sequential` models."""
    backbone = keras.Sequential([layers.Dense(4, name="a"), layers.GRU(3, name="gru")], name="body")
    model = keras.Sequential([keras.Input((5, 4)), backbone, layers.Dense(1, name="out")])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    before, after = model.trainable_variables, loaded.trainable_variables
    assert [path_of(one) for one in before] != [path_of(one) for one in after]
    found = stepwrap.layer_decay(model)
    expected = [0.5625] * 2 + [0.75] * 3 + [1] * 2
    assert [first_match(found, one, None) for one in before] == expected
    assert [first_match(found, one, None) for one in after] == expected


def test_layers_that_do_not_train_are_left_out():
    model = cases.model()
    model.get_layer("hidden").trainable = False
    assert multipliers(model) == {"out": 1}


def test_a_layer_whose_name_begins_like_another():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, name="out"), layers.Dense(1, name="out_2")]
    )
    assert multipliers(model) == {"out": 0.5, "out_2": 1}


def test_what_it_is_for():
    """The last layer trains at the whole rate, the first at the decayed one."""
    network = cases.model()
    multipliers = stepwrap.layer_decay(network, decay=0.5)
    optimizer = stepwrap.LearningRateMultipliers(keras.optimizers.SGD(1.0), multipliers)
    before = cases.values(network.trainable_variables)
    gradients = [keras.ops.ones_like(one) for one in network.trainable_variables]
    optimizer.apply(gradients, network.trainable_variables)
    after = cases.values(network.trainable_variables)
    steps = [one - other for one, other in zip(before, after, strict=True)]
    for step, expected in zip(steps, [0.5, 0.5, 1, 1], strict=True):
        np.testing.assert_allclose(step, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"model": "mine"}, TypeError, ["`model`", "'mine'"]),
        ({"model": keras.Sequential([layers.Dense(1)])}, ValueError, ["`model`", "built"]),
        ({"decay": 0}, ValueError, ["`decay`", "0"]),
        ({"decay": 1.5}, ValueError, ["`decay`", "1.5"]),
        ({"decay": "0.5"}, TypeError, ["`decay`", "'0.5'"]),
        ({"least": -0.1}, ValueError, ["`least`", "-0.1"]),
        ({"least": 1.1}, ValueError, ["`least`", "1.1"]),
    ],
)
def test_bad_arguments(arguments, error, words):
    with pytest.raises(error) as caught:
        stepwrap.layer_decay(**{"model": cases.model(), **arguments})
    assert all(word in str(caught.value) for word in words)
