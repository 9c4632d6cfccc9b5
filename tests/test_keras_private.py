"""Fails loudly when a private name of Keras that stepwrap uses has gone."""

import ast
import functools
import pathlib
import re

import keras
import pytest

import cases
import stepwrap
from stepwrap.backends import keras_private

PACKAGE = pathlib.Path(stepwrap.__file__).parent


def test_built_variables():
    variables = cases.variables()
    optimizer = keras.optimizers.Adam()
    optimizer.build(variables)
    assert list(keras_private.built_variables(optimizer)) == variables


def test_check_known():
    optimizer = keras.optimizers.Adam()
    variables = cases.variables()
    optimizer.build(variables)
    keras_private.check_known(optimizer, variables)
    with pytest.raises(ValueError, match="Unknown variable"):
        keras_private.check_known(optimizer, cases.variables())


def test_variable_index():
    optimizer = keras.optimizers.Adam()
    variables = cases.variables()
    optimizer.build(variables)
    assert [keras_private.variable_index(optimizer, v) for v in variables] == [0, 1, 2]


def test_averages():
    """They are there once the optimizer is built."""
    variables = cases.variables()
    bare, averaging = keras.optimizers.SGD(), keras.optimizers.SGD(use_ema=True)
    for optimizer in (bare, averaging):
        optimizer.build(variables)
    assert keras_private.averages(bare) == []
    averages = keras_private.averages(averaging)
    assert [tuple(a.shape) for a in averages] == [tuple(v.shape) for v in variables]


@pytest.mark.skipif(cases.BACKEND != "torch", reason="the others have no classes of their own")
def test_with_public_classes():
    """An optimizer is still serialised as a class of PyTorch, and no more afterwards."""
    config = {"inside": [keras.saving.serialize_keras_object(keras.optimizers.Adam())]}
    assert config["inside"][0]["module"] == "keras.src.backend.torch.optimizers.torch_adam"
    [public] = keras_private.with_public_classes(config)["inside"]
    assert (public["module"], public["class_name"]) == ("keras.optimizers", "Adam")
    assert public["registered_name"] is None
    assert public["config"] == config["inside"][0]["config"]


def test_learning_rate():
    """A schedule and a function are found as they were given."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    assert keras_private.learning_rate(keras.optimizers.SGD(schedule)) is schedule

    def rate():
        return 0.1

    assert keras_private.learning_rate(keras.optimizers.SGD(rate)) is rate
    assert not callable(keras_private.learning_rate(keras.optimizers.SGD(0.1)))


def test_is_of_keras():
    """Its optimizers, schedules, constraints and functions are; those of users are not."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    of_keras = [keras.optimizers.Adam(), schedule, keras.constraints.MaxNorm(), keras.ops.sign]
    assert all(map(keras_private.is_of_keras, of_keras))
    of_users = [cases.SignDescent(), cases.data, stepwrap.NormalizedOptimizer("sgd"), lambda: 1]
    assert not any(map(keras_private.is_of_keras, of_users))


def test_saved_levels(tmp_path):
    """What Keras gives to `load_own_variables` of a wrapper, and what is further inside."""
    network = cases.model(stepwrap.Lookahead(stepwrap.NormalizedOptimizer("adam", name="mine")))
    network.optimizer.build(network.trainable_variables)
    network.save_weights(tmp_path / "m.weights.h5")
    seen = []

    def look(store):
        before = sorted(store.keys())
        seen.extend((name, read()) for name, read in keras_private.saved_levels(store))
        assert sorted(store.keys()) == before
        keras_private.ignore_state_of_file(network.optimizer.inner_optimizer.inner_optimizer, store)

    network.optimizer.load_own_variables = look
    iterations = network.optimizer.iterations
    iterations.assign(7)
    network.load_weights(tmp_path / "m.weights.h5")
    names, values = zip(*seen, strict=True)
    assert re.sub(r"_\d+", "", ",".join(names)) == "lookahead,mine,adam"
    assert [len(one) for one in values] == [5, 0, 10]
    assert cases.number(iterations) == 7  # ignored once
    network.load_weights(tmp_path / "m.weights.h5")
    del network.optimizer.load_own_variables
    network.load_weights(tmp_path / "m.weights.h5")
    assert cases.number(iterations) == 0


def test_saved_levels_of_something_else():
    assert keras_private.saved_levels({"0": 1}) is None


def test_has_averages():
    variables = cases.variables()
    bare, averaging = keras.optimizers.SGD(), keras.optimizers.SGD(use_ema=True)
    assert not keras_private.has_averages(averaging)
    for optimizer in (bare, averaging):
        optimizer.build(variables)
    assert not keras_private.has_averages(bare) and keras_private.has_averages(averaging)


def test_delegated_averages():
    """Keras' `build` reads `use_ema`, and makes the averages of the inner optimizer alone."""
    variables = cases.variables()
    inner = keras.optimizers.SGD(use_ema=True)
    optimizer = stepwrap.OptimizerWrapper(inner)
    optimizer.build(variables)
    assert optimizer.use_ema and optimizer.variables == inner.variables
    assert keras_private.averages(optimizer) is keras_private.averages(inner)


def test_layers():
    """Those of a model inside of a model, too."""
    inner = keras.Sequential([keras.layers.Dense(2, name="innermost")])
    model = keras.Sequential([keras.Input((3,)), keras.Sequential([inner])])
    assert "innermost" in [layer.name for layer in keras_private.layers(model)]


def test_weight_decay_of():
    """What was excluded from it has none; Muon has another one for what is no matrix."""
    variables = cases.variables()
    optimizer = keras.optimizers.SGD(weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build(variables)
    rates = [keras_private.weight_decay_of(optimizer, one) for one in variables]
    assert rates == [0.5, None, 0.5]
    if hasattr(keras.optimizers, "Muon"):
        muon = keras.optimizers.Muon(weight_decay=0.5, adam_weight_decay=0.25)
        muon.build(variables)
        rates = [keras_private.weight_decay_of(muon, one) for one in variables]
        assert rates == [0.5, 0.25, 0.25]


def test_replace_weight_decay():
    """It is called with the variables before the step, and once only is it replaced."""
    variables = cases.variables()
    optimizer = keras.optimizers.SGD(weight_decay=0.5)
    optimizer.build(variables)
    asked = []
    first = keras_private.replace_weight_decay(optimizer, lambda decay: asked.append)
    assert keras_private.replace_weight_decay(optimizer, lambda decay: print) is first
    before = cases.values(variables)
    optimizer.apply([one * 0 for one in cases.gradients(variables)], variables)
    assert asked == [variables]
    cases.assert_equal(cases.values(variables), before)


@pytest.mark.parametrize(
    ("make", "counts"),
    [
        (keras.optimizers.Adam, [2, 2, 2]),
        (keras.optimizers.SGD, [0, 0, 0]),
        (functools.partial(keras.optimizers.SGD, momentum=0.9), [1, 1, 1]),
        (keras.optimizers.Adafactor, [3, 3, 3]),
        (cases.SignDescent, [1, 1, 1]),
    ],
)
def test_slots_of(make, counts):
    """What is at a variable's place of lists that have one for each variable."""
    variables = cases.variables()
    optimizer = make()
    optimizer.build(variables)
    slots = [keras_private.slots_of(optimizer, variable) for variable in variables]
    assert [len(one) for one in slots] == counts
    known = {id(one) for one in (*optimizer.variables, *variables)}
    assert all(id(slot) in known for one in slots for slot in one)
    assert not any(slot is variable for one in slots for slot in one for variable in variables)


def test_graph_of():
    """The calls of a functional model, from its end, and what each is used by."""
    a, b = keras.layers.Dense(2, name="a"), keras.layers.Dense(2, name="b")
    given = keras.Input((2,))
    once = a(given)
    model = keras.Model(given, b(keras.layers.add([once, a(once)])))
    graph = keras_private.graph_of(model)
    names = [layer.name.split("_")[0] for layer, _ in graph]
    assert names == ["b", "add", "a", "a"]
    assert [used_by for _, used_by in graph] == [[], [0], [1], [1, 2]]
    assert keras_private.graph_of(keras.Sequential([given, b])) is None


@pytest.mark.skipif(cases.BACKEND != "tensorflow", reason="Keras has it on TensorFlow alone")
def test_replace_reduction():
    """It is there, and an optimizer sums through it."""
    variables = cases.variables()
    optimizer = keras.optimizers.SGD()
    optimizer.build(variables)
    asked = []
    keras_private.replace_reduction(optimizer, unless=lambda: asked.append(True))
    keras_private.replace_reduction(optimizer, unless=lambda: asked.append("second"))
    optimizer.apply(cases.gradients(variables), variables)
    assert asked == [True]


@pytest.mark.skipif(cases.BACKEND != "torch", reason="Keras has it on PyTorch alone")
def test_parallel_update_step():
    """It is there, writes past `assign_sub`, and is used, or steps could not be taken."""
    optimizer = keras.optimizers.SGD(0.5)
    [variable] = cases.variables()[:1]
    optimizer.build([variable])
    assert keras_private.parallel_update_step(optimizer) is not None
    assert keras_private.parallel_update_step(cases.SignDescent()) is None
    seen = []
    setattr(
        optimizer, keras_private.PARALLEL_UPDATE_STEP, lambda *arguments: seen.append(arguments)
    )
    optimizer.apply(cases.gradients([variable]), [variable])
    [(gradients, variables, learning_rate)] = seen
    assert len(gradients) == len(variables) == 1 and float(learning_rate) == 0.5


@pytest.mark.skipif(cases.BACKEND != "torch", reason="Keras has it on PyTorch alone")
@pytest.mark.parametrize(
    "name",
    ["Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "Lion", "Nadam", "RMSprop", "SGD"],
)
def test_index_look_up(name):
    """Every update of all variables finds the slots through it, of what stands in as well."""
    arguments = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    optimizer = getattr(keras.optimizers, name)(**arguments)
    [variable] = cases.variables()[:1]
    optimizer.build([variable])
    asked = []

    def for_which(one):
        asked.append(one)
        return variable

    look_up = keras_private.index_look_up(optimizer, for_which)
    assert look_up("what stands in") == 0
    vars(optimizer)[keras_private.VARIABLE_INDEX] = look_up
    optimizer.apply(cases.gradients([variable]), [variable])
    assert asked[0] == "what stands in" and asked[1] is variable


def test_no_private_name_of_keras_is_used_elsewhere():
    private = {name for cls in keras.optimizers.Optimizer.__mro__ for name in vars(cls)}
    private |= set(vars(keras.optimizers.Adam()))
    private = {name for name in private if name.startswith("_") and not name.startswith("__")}
    assert "_check_variables_are_known" in private
    for path in [*PACKAGE.glob("*.py"), *PACKAGE.glob("[wnbe]*/*.py")]:
        if path.parent.name == "benchmarks" or path.name == "keras_private.py":
            continue
        used = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
        }
        assert not used & private, path


def test_no_wrapper_names_a_backend():
    for path in PACKAGE.glob("wrappers/*.py"):
        names = {
            node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)
        }
        assert not names & {"tf", "tensorflow", "jax", "torch"}, path
