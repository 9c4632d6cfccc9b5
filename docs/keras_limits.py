"""What Keras cannot do without stepwrap either: runs every entry of docs/keras_limits.md.

python docs/keras_limits.py                           # run all, print what is seen
python docs/keras_limits.py mirrored_jit jax_frozen   # run some
python docs/keras_limits.py --page [OTHER_PYTHON]     # write the page

Every entry is a function, run in a process of its own with plain Keras. It returns what it has
seen; that the remedy works is asserted where the remedy is Keras' own. OTHER_PYTHON is the
interpreter of an environment with an older Keras, for the second column.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

PAGE = pathlib.Path(__file__).with_suffix(".md")
SECONDS = 120
WORKERS = 2

MIRRORED = "`tf.distribute.MirroredStrategy`, two replicas"
MULTI_WORKER = "`tf.distribute.MultiWorkerMirroredStrategy`, two processes"
TENSORFLOW = "TensorFlow"
JAX = "JAX"
TORCH = "PyTorch"
ANY = "Every backend"
NAMES = {"tensorflow": TENSORFLOW, "jax": JAX, "torch": TORCH}


@dataclasses.dataclass
class Limit:
    """An entry of the page.

    Args:
        setting: The heading it stands under.
        what: What a user does.
        backends: Where it is run.
        instead: The remedy.
        see: Returns what has happened; nothing if Keras can do it.
    """

    setting: str
    what: str
    backends: tuple[str, ...]
    instead: str
    see: Callable[[], str]


LIMITS: dict[str, Limit] = {}


def limit(
    setting: str, what: str, instead: str, backends: tuple[str, ...] | None = None
) -> Callable:
    """Enters a function into the page."""
    backends = backends or {JAX: ("jax",), TORCH: ("torch",)}.get(setting, ("tensorflow",))

    def enter(see: Callable[[], str]) -> Callable[[], str]:
        LIMITS[see.__name__] = Limit(setting, what, backends, instead, see)
        return see

    return enter


# What the entries share. Keras is imported when the backend is known.


def data(samples: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Return a regression task."""
    x = np.random.default_rng(7).normal(size=(samples, 4)).astype("float32")
    return x, np.tanh(x.sum(axis=1, keepdims=True))


def network(optimizer: Any = None, **compile_arguments: Any) -> Any:
    """Return a small model, the same one each time, compiled if there is an optimizer."""
    import keras

    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, "tanh", name="hidden"),
            keras.layers.Dense(1, name="out"),
        ]
    )
    if optimizer is not None:
        model.compile(optimizer, keras.losses.MeanSquaredError(), **compile_arguments)
    return model


def fit(model: Any, epochs: int = 2, **arguments: Any) -> Any:
    """Trains for three steps an epoch."""
    arguments = {"batch_size": 8, "shuffle": False, "verbose": 0} | arguments
    model.fit(*data(), epochs=epochs, **arguments)
    return model


def sgd(**arguments: Any) -> Any:
    """Return SGD without anything."""
    import keras

    return keras.optimizers.SGD(0.1, **arguments)


def adam(**arguments: Any) -> Any:
    """Return Adam, which has state."""
    import keras

    return keras.optimizers.Adam(0.01, **arguments)


def two_replicas() -> Any:
    """Return a strategy on two logical CPU devices."""
    import tensorflow as tf

    [cpu] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def failure(function: Callable, *words: str) -> str:
    """Return the error as the page shows it: its class and these words, if its text has them."""
    try:
        function()
    except Exception as error:
        text = " ".join(str(error).split())
        shown = " … ".join(words) if all(word in text for word in words) else text[:150]
        return f"{type(error).__name__}: “{shown}”"
    return ""


def difference(one: Any, other: Any) -> float:
    """Return the largest difference between the weights of two models."""
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return max(float(np.max(np.abs(a - b))) for a, b in pairs)


def finite(model: Any) -> bool:
    """Return whether all weights are finite."""
    return all(np.all(np.isfinite(weight)) for weight in model.get_weights())


# MirroredStrategy.


@limit(MIRRORED, "`compile(jit_compile=True)`", "Leave it at its default, no XLA there.")
def mirrored_jit() -> str:
    """Compiles each replica's step with XLA."""
    with two_replicas().scope():
        jit, default = network(sgd(), jit_compile=True), network(sgd())
    fit(default)
    return failure(lambda: fit(jit), "Trying to access resource", "located in device")


@limit(MIRRORED, "`compile(steps_per_execution=3)`", "1, or `run_eagerly=True`.")
def mirrored_steps_per_execution() -> str:
    """Several steps in one graph."""
    with two_replicas().scope():
        graph = network(sgd(), steps_per_execution=3)
        eager = network(sgd(), steps_per_execution=3, run_eagerly=True)
    fit(eager)
    return failure(lambda: fit(graph), "You must feed a value for placeholder tensor")


@limit(
    MIRRORED,
    "`gradient_accumulation_steps=3`",
    "`stepwrap.GradientAccumulation`, or `run_eagerly=True`.",
)
def mirrored_accumulation() -> str:
    """Accumulates in a graph."""
    strategy = two_replicas()
    one_device = fit(network(sgd(gradient_accumulation_steps=3)))
    with strategy.scope():
        graph = network(sgd(gradient_accumulation_steps=3))
        eager = network(sgd(gradient_accumulation_steps=3), run_eagerly=True)
    assert difference(fit(eager), one_device) < 1e-6
    return failure(lambda: fit(graph), "`merge_call` called while defining a new graph")


IN_THE_SCOPE = "Make model and optimizer, and call `compile`, inside `strategy.scope()`."


@limit(MIRRORED, "Optimizer made outside the scope, model inside", IN_THE_SCOPE)
def mirrored_optimizer_outside() -> str:
    """An optimizer with state; plain SGD has none that would matter."""
    strategy, optimizer = two_replicas(), adam()
    with strategy.scope():
        model, inside = network(optimizer), network(adam())
    fit(inside)
    return failure(lambda: fit(model), "Mixing different tf.distribute.Strategy objects")


@limit(MIRRORED, "Model made outside the scope, optimizer and `compile` inside", IN_THE_SCOPE)
def mirrored_model_outside() -> str:
    """A model that the strategy does not know of."""
    strategy, model = two_replicas(), network()
    with strategy.scope():
        model.compile(adam(), "mse")
    return failure(lambda: fit(model), 'Need to be inside "with strategy.scope()"')


@limit(MIRRORED, "Model inside the scope, optimizer and `compile` outside", IN_THE_SCOPE)
def mirrored_compiled_outside() -> str:
    """As above, the other way round."""
    with two_replicas().scope():
        model = network()
    model.compile(adam(), "mse")
    return failure(lambda: fit(model), "Mixing different tf.distribute.Strategy objects")


@limit(
    MIRRORED,
    "`mixed_float16`, gradients overflow on the second replica only",
    "`stepwrap.LossScaleOptimizer`, or `mixed_bfloat16`.",
)
def mirrored_overflow() -> str:
    """The loss scaler asks the first replica alone whether gradients are finite."""
    import keras

    strategy = two_replicas()
    x, y = data(8)
    y[4:] = 1000  # the second replica's half; finite, but not times the loss scale

    def train(policy: str, scope: Any) -> Any:
        keras.config.set_dtype_policy(policy)
        with scope:
            model = network(sgd())
        model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
        return model

    one_device = train("mixed_float16", contextlib.nullcontext())
    assert finite(one_device) and float(one_device.optimizer.dynamic_scale) == 2.0**14
    assert finite(train("mixed_bfloat16", strategy.scope()))
    if finite(train("mixed_float16", strategy.scope())):
        return ""
    return "The weights become NaN. One device skips the step and halves the loss scale."


@limit(
    MIRRORED,
    "`clipnorm`, and `clipvalue` and `global_clipnorm` alike",
    '`stepwrap.ClippedOptimizer` sees the sum: `scope="variable"` for `clipnorm`, '
    '`scope="global"` for `global_clipnorm`.',
)
def mirrored_clipnorm() -> str:
    """Each replica clips its own gradients; then they are added up."""
    strategy = two_replicas()
    seen = {}
    settings = {"none": {}, "clipnorm": {"clipnorm": 0.1}, "clipvalue": {"clipvalue": 0.1}}
    for name, arguments in (settings | {"global_clipnorm": {"global_clipnorm": 0.1}}).items():
        one_device = fit(network(sgd(**arguments)), epochs=7)
        with strategy.scope():
            replicated = network(sgd(**arguments))
        seen[name] = difference(fit(replicated, epochs=7), one_device)
    if max(seen.values()) < 1e-6:
        return ""
    assert seen.pop("none") < 1e-6
    listed = ", ".join(f"{value:.2g} with `{name}`" for name, value in seen.items())
    return (
        "Clipped before the sum over replicas. After 21 steps the weights differ from one "
        f"device's by {listed}; without, by less than 1e-6."
    )


# MultiWorkerMirroredStrategy.


@limit(
    MULTI_WORKER,
    "`Model.fit`",
    "A loop over `strategy.run(model.train_step)`: `examples/multi_worker.py`.",
)
def multi_worker_fit() -> str:
    """Starts two workers."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(WORKERS)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        cluster = {"worker": [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]}
    processes = []
    try:
        for index in range(WORKERS):
            config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
            processes.append(
                subprocess.Popen(
                    [sys.executable, __file__, "--worker"],
                    env={**os.environ, "TF_CONFIG": json.dumps(config)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
        outputs = [process.communicate(timeout=SECONDS)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    seen, *others = [json.loads(output.splitlines()[-1]) for output in outputs]
    assert others == [seen]
    return seen


def worker() -> str:
    """One of the two."""
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope():
        model = network(sgd())
    return failure(
        lambda: fit(model), "Attempt to convert a value (PerReplica:", "with an unsupported type"
    )


# JAX.


@limit(
    JAX,
    "Layers frozen between two fits, compiled again with the same optimizer",
    "A new optimizer for `compile`, or freeze before the first `fit`.",
)
def jax_frozen() -> str:
    """The optimizer was built for all variables."""
    model = fit(network(adam()))
    optimizer = model.optimizer
    model.get_layer("hidden").trainable = False
    model.compile(adam(), "mse")
    fit(model)
    model.compile(optimizer, "mse")
    return failure(lambda: fit(model), "whereas the optimizer was built with 4 variables")


@limit(JAX, "`gradient_accumulation_steps=8`", "`stepwrap.GradientAccumulation`.")
def jax_accumulation() -> str:
    """Runs the whole update at each micro-step, and selects afterwards."""
    import jax
    import keras

    def milliseconds(**arguments: Any) -> float:
        variables = [keras.Variable(np.ones((1000, 1000), "float32")) for _ in range(2)]
        optimizer = adam(**arguments)
        optimizer.build(variables)
        weights = [variable.value for variable in variables]
        state = [variable.value for variable in optimizer.variables]
        gradients = [weight + 1 for weight in weights]
        step = jax.jit(optimizer.stateless_apply, donate_argnums=(0, 2))
        times = []
        for _ in range(12):
            start = time.perf_counter()
            for _ in range(8):
                weights, state = step(state, gradients, weights)
            jax.block_until_ready(weights)
            times.append(time.perf_counter() - start)
        return min(times) / 8 * 1e3

    bare = milliseconds()
    ratio = milliseconds(gradient_accumulation_steps=8) / bare
    if ratio < 1:
        return ""
    return (
        "The update is computed at every micro-step, and dropped at seven of eight: on 2 million "
        f"weights a micro-step of Adam takes {ratio:.1f} times as long as its whole step does."
    )


# TensorFlow.


@limit(TENSORFLOW, "`optimizer.stateless_apply`", "`optimizer.apply` in a `tf.function`.")
def tensorflow_stateless() -> str:
    """For JAX and PyTorch only."""
    import keras

    variables, optimizer = [keras.Variable([1.0])], sgd()
    optimizer.build(variables)
    state = [variable.value for variable in optimizer.variables]
    return failure(
        lambda: optimizer.stateless_apply(state, [variables[0].value], [variables[0].value]),
        "stateless_apply is not supported with the TensorFlow backend",
    )


@limit(TENSORFLOW, "`Muon` on float64 weights", "float32.")
def tensorflow_muon() -> str:
    """A step on a matrix."""
    import keras

    def step(dtype: str) -> None:
        weights = keras.Variable(np.ones((4, 3)), dtype=dtype)
        keras.optimizers.Muon().apply([weights.value], [weights])

    step("float32")
    return failure(
        lambda: step("float64"), "was expected to be a double tensor but is a float tensor"
    )


@limit(
    TENSORFLOW,
    "`ScheduleFreeAdamW` in `fit`, not eager",
    "`optimizer.build(model.trainable_variables)` before `fit`.",
)
def tensorflow_schedule_free() -> str:
    """Built while the graph is traced, which loses the first value of a slot."""
    import keras

    def train(built: bool, eager: bool) -> Any:
        model = network(keras.optimizers.ScheduleFreeAdamW(0.1), run_eagerly=eager)
        if built:
            model.optimizer.build(model.trainable_variables)
        return fit(model, epochs=1, batch_size=24)

    eager = train(built=False, eager=True)
    assert difference(train(built=True, eager=False), eager) < 1e-6
    graph = train(built=False, eager=False)
    if difference(graph, eager) < 1e-6:
        return ""
    before, after = (
        max(float(np.max(np.abs(weight))) for weight in model.get_weights())
        for model in (network(), graph)
    )
    return (
        "`momentum` starts at 0, not at the weights, and the first step throws these away: at "
        f"learning rate 0.1 the largest goes from {before:.2g} to {after:.2g}."
    )


# PyTorch.


@limit(TORCH, "`compile(steps_per_execution=2)`", "1.")
def torch_steps_per_execution() -> str:
    """Several steps in one execution."""
    fit(network(sgd()))
    return failure(
        lambda: fit(network(sgd(), steps_per_execution=2)),
        "`steps_per_execution` must be 1 with the PyTorch backend",
    )


# Every backend.


@limit(
    ANY,
    "`ScheduleFreeAdamW` against its formula",
    "JAX, where it is right.",
    backends=("tensorflow", "jax", "torch"),
)
def schedule_free_formula() -> str:
    """The old `momentum` is read after it was overwritten."""
    import keras
    from keras import ops

    gradients = np.random.default_rng(0).normal(size=(3, 3)).astype("float32")
    weights, optimizer = keras.Variable(np.ones(3, "float32")), keras.optimizers.ScheduleFreeAdamW
    optimizer = optimizer(0.1, warmup_steps=0)
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient)], [weights])

    y, z, v = np.ones(3), np.ones(3), np.zeros(3)
    for step, gradient in enumerate(gradients.astype("float64"), start=1):
        x = (y - 0.1 * z) / 0.9
        v = 0.999 * v + 0.001 * gradient**2
        z = z - 0.1 * gradient / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        y = 0.1 * z + 0.9 * (x + (z - x) / step)
    apart = float(np.max(np.abs(ops.convert_to_numpy(weights) - y)))
    return f"After 3 steps at 0.1 the weights are off by {apart:.2g}." if apart > 1e-5 else ""


@limit(
    ANY,
    "Layers thawed between two fits, compiled again with the same optimizer",
    "A new optimizer for `compile`.",
    backends=("tensorflow", "jax", "torch"),
)
def thawed() -> str:
    """The optimizer has no state for them."""
    model = network()
    model.get_layer("hidden").trainable = False
    model.compile(adam(), "mse")
    optimizer = fit(model).optimizer
    model.get_layer("hidden").trainable = True
    model.compile(adam(), "mse")
    fit(model)
    model.compile(optimizer, "mse")
    words = {"jax": "whereas the optimizer was built with 2 variables"}
    return failure(
        lambda: fit(model),
        words.get(
            os.environ["KERAS_BACKEND"],
            "This optimizer can only be called for the variables it was originally built with",
        ),
    )


@limit(
    ANY,
    "`Adafactor` where a row of a matrix has no gradient",
    "`Adafactor(epsilon_1=1e-15)`.",
    backends=("tensorflow", "jax", "torch"),
)
def adafactor() -> str:
    """As for an input that is always zero; epsilon_1 squared underflows in float32."""
    import keras
    from keras import ops

    def step(**arguments: Any) -> int:
        gradient = np.ones((4, 3), "float32")
        gradient[0], gradient[:, 0] = 0, 0
        weights = keras.Variable(np.ones((4, 3), "float32"))
        optimizer = keras.optimizers.Adafactor(**arguments)
        optimizer.apply([ops.convert_to_tensor(gradient)], [weights])
        return int(np.sum(np.isnan(ops.convert_to_numpy(weights))))

    assert step(epsilon_1=1e-15) == 0
    lost = step()
    return f"At the first step {lost} of 12 weights become NaN." if lost else ""


@limit(
    ANY,
    "`Nadam` on bfloat16 weights",
    "`mixed_bfloat16`, whose weights are float32.",
    backends=("tensorflow", "jax", "torch"),
)
def nadam_bfloat16() -> str:
    """beta_2 rounds to 1."""
    import keras

    return _in_bfloat16(keras.optimizers.Nadam)


@limit(
    ANY,
    "`ScheduleFreeAdamW` on bfloat16 weights",
    "`mixed_bfloat16`, whose weights are float32.",
    backends=("tensorflow", "jax", "torch"),
)
def schedule_free_bfloat16() -> str:
    """As Nadam."""
    import keras

    return _in_bfloat16(keras.optimizers.ScheduleFreeAdamW)


def _in_bfloat16(optimizer: Callable) -> str:
    import keras

    def step(policy: str) -> bool:
        keras.config.set_dtype_policy(policy)
        return finite_in_any_dtype(fit(network(optimizer())))

    def finite_in_any_dtype(model: Any) -> bool:
        values = [keras.ops.convert_to_numpy(keras.ops.cast(v, "float32")) for v in model.weights]
        return all(np.all(np.isfinite(value)) for value in values)

    assert step("mixed_bfloat16")
    try:
        return "" if step("bfloat16") else "The weights become NaN."
    except Exception as error:
        return failure(lambda: step("bfloat16"), *str(error).splitlines()[0].split(" - ")[:1])


@limit(
    ANY,
    "Resuming from a legacy `.h5` file",
    "`.keras`.",
    backends=("tensorflow", "jax", "torch"),
)
def legacy_h5() -> str:
    """The optimizer's state is dropped on loading."""
    import keras

    with tempfile.TemporaryDirectory() as folder:
        model = fit(network(adam()))
        loaded = []
        for suffix in (".keras", ".h5"):
            model.save(f"{folder}/model{suffix}")
            loaded.append(keras.models.load_model(f"{folder}/model{suffix}"))
    fit(model)
    assert difference(fit(loaded[0]), model) == 0
    words = {"jax": "whereas the optimizer was built with 0 variables"}
    return failure(
        lambda: fit(loaded[1]),
        words.get(
            os.environ["KERAS_BACKEND"],
            "This optimizer can only be called for the variables it was originally built with",
        ),
    )


@limit(
    ANY,
    "`BackupAndRestore(double_checkpoint=True)`, killed between writing weights and metadata",
    "`stepwrap.callbacks.BackupAndRestore`.",
    backends=("tensorflow", "jax", "torch"),
)
def double_checkpoint() -> str:
    """Both files are readable, so the second checkpoint is not looked at."""
    import keras

    def backup(folder: str) -> Any:
        return keras.callbacks.BackupAndRestore(folder, double_checkpoint=True)

    uninterrupted = fit(network(adam()), epochs=4)
    with tempfile.TemporaryDirectory() as folder:
        model = network(adam())
        save_weights, saved = model.save_weights, []

        def killed_after_the_second(*arguments: Any, **others: Any) -> None:
            save_weights(*arguments, **others)
            saved.append(arguments)
            if len(saved) == 2:
                raise KeyboardInterrupt

        model.save_weights = killed_after_the_second
        with contextlib.suppress(KeyboardInterrupt):
            fit(model, epochs=4, callbacks=[backup(f"{folder}/backup")])
        shutil.copytree(f"{folder}/backup", f"{folder}/by_hand")
        for previous in pathlib.Path(f"{folder}/by_hand").glob("*.bkp"):
            shutil.copy(previous, previous.with_suffix(""))
        by_hand = fit(network(adam()), epochs=4, callbacks=[backup(f"{folder}/by_hand")])
        resumed = fit(network(adam()), epochs=4, callbacks=[backup(f"{folder}/backup")])
    assert difference(by_hand, uninterrupted) == 0
    steps = [
        int(keras.ops.convert_to_numpy(model.optimizer.iterations))
        for model in (resumed, uninterrupted)
    ]
    if steps[0] == steps[1]:
        return ""
    return (
        f"An epoch is trained twice: {steps[0]} steps in place of {steps[1]}, weights that "
        f"differ by {difference(resumed, uninterrupted):.2g}."
    )


def multi_optimizer(rest: Any) -> Any:
    """Adam for the biases."""
    import keras

    parts = keras.optimizers.OptimizerMap(rest)
    parts[".*bias"] = adam()
    return keras.optimizers.MultiOptimizer(parts)


@limit(
    TENSORFLOW,
    "`MultiOptimizer` in a `tf.train.Checkpoint`",
    "Any stepwrap wrapper around it, `stepwrap.OptimizerWrapper` too; or every part as an "
    "argument of its own: `tf.train.Checkpoint(..., part_0=optimizer.optimizers[0])`.",
)
def multi_optimizer_checkpoint() -> str:
    """The parts are in a list that is not tracked."""
    import tensorflow as tf

    def resumed_as(trained: Any, with_parts: bool) -> float:
        def checkpoint(model: Any) -> Any:
            parts = enumerate(model.optimizer.optimizers if with_parts else ())
            named = {f"part_{index}": part for index, part in parts}
            return tf.train.Checkpoint(model=model, optimizer=model.optimizer, **named)

        other = network(multi_optimizer(adam()))
        other.optimizer.build(other.trainable_variables)
        with tempfile.TemporaryDirectory() as folder:
            path = checkpoint(trained).save(f"{folder}/checkpoint")
            checkpoint(other).restore(path).assert_existing_objects_matched()
        before = [np.array(v) for v in trained.optimizer.variables]
        after = [np.array(v) for v in other.optimizer.variables]
        return sum(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))

    trained = fit(network(multi_optimizer(adam())))
    assert resumed_as(trained, with_parts=True) == 0
    lost = resumed_as(trained, with_parts=False)
    total = len(trained.optimizer.variables)
    if not lost:
        return ""
    return (
        f"{lost} of {total} optimizer variables are not restored, and "
        "`assert_existing_objects_matched` does not see it."
    )


@limit(
    ANY,
    "`MultiOptimizer` with a part that needs the loss",
    "A stepwrap wrapper inside it gets the loss if another one is around it: "
    "`stepwrap.OptimizerWrapper(MultiOptimizer(...))`.",
    backends=("tensorflow", "jax", "torch"),
)
def multi_optimizer_loss() -> str:
    """Keras' train step hands it to the outermost optimizer alone."""
    import keras

    calls = []

    class Part(keras.optimizers.SGD):
        def scale_loss(self, loss: Any) -> Any:
            calls.append(loss)
            return super().scale_loss(loss)

    fit(network(Part(0.1)))
    assert calls
    calls.clear()
    fit(network(multi_optimizer(Part(0.1))))
    return "" if calls else "`scale_loss` of the parts is never called."


@limit(
    ANY,
    "`MultiOptimizer.learning_rate`",
    "`part.learning_rate` for each `part` of `optimizer.optimizers`.",
    backends=("tensorflow", "jax", "torch"),
)
def multi_optimizer_learning_rate() -> str:
    """Each part has its own."""
    optimizer = multi_optimizer(sgd())
    assert all(float(part.learning_rate) > 0 for part in optimizer.optimizers)
    return failure(
        lambda: optimizer.learning_rate, "Learning rate cannot be accessed on a MultiOptimizer"
    )


@limit(
    ANY,
    "`SwapEMAWeights` where `use_ema` is two wrappers down",
    "Wrappers of stepwrap, under which it finds the averages at any depth.",
    backends=("tensorflow", "jax", "torch"),
)
def swap_ema_weights() -> str:
    """The callback looks into one `inner_optimizer`; here two of Keras' own loss scalers."""
    import keras

    scaler = keras.optimizers.LossScaleOptimizer

    def train(optimizer: Any) -> None:
        fit(network(optimizer), callbacks=[keras.callbacks.SwapEMAWeights(swap_on_epoch=True)])

    train(scaler(adam(use_ema=True)))
    return failure(
        lambda: train(scaler(scaler(adam(use_ema=True)))),
        "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer",
    )


# Running and writing.


def run(name: str, backend: str, python: str = sys.executable) -> tuple[str, str]:
    """Return what an entry sees in a process of its own, and the versions there."""
    try:
        result = subprocess.run(
            [python, __file__, "--see", name],
            env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"It hangs, at least {SECONDS} seconds.", ""
    if result.returncode:
        return f"fails: {result.stderr.strip().splitlines()[-1]}", ""
    return tuple(json.loads(result.stdout.splitlines()[-1]))


def versions() -> str:
    """Keras and its backend."""
    import keras

    module = __import__(keras.backend.backend())
    release = module.__version__.split("+")[0]
    return f"Keras {keras.__version__}, {NAMES[module.__name__]} {release}"


def seen_on(limit: Limit, name: str, python: str) -> dict[str, tuple[str, str]]:
    """Return what is seen, and the versions, by backend."""
    seen = {}
    for backend in limit.backends:
        seen[backend] = run(name, backend, python)
        print(f"{name:30} {backend:10} {seen[backend][1]:32} {seen[backend][0] or 'works'}")
    return seen


def cell(seen: dict[str, tuple[str, str]]) -> str:
    """Return what was seen on each backend, once if it is the same on all."""
    backends: dict[str, list[str]] = {}
    for backend, (text, _) in seen.items():
        backends.setdefault(text or "Works.", []).append(backend)
    if len(backends) == 1:
        return next(iter(backends))
    return "<br>".join(
        f"{', '.join(NAMES[backend] for backend in where)}: {text}"
        for text, where in backends.items()
    )


def page(python: str | None) -> str:
    """Return the page, from what every entry sees here and in the other Python's environment."""
    rows: dict[str, list[list[str]]] = {}
    used: dict[str, set[str]] = {"here": set(), "there": set()}
    for name, limit in LIMITS.items():
        here = seen_on(limit, name, sys.executable)
        assert all(version for _, version in here.values()), here
        assert any(text for text, _ in here.values()), f"{name}: Keras can do it"
        used["here"] |= {version for _, version in here.values()}
        row = [limit.what, cell(here), limit.instead, f"`{name}`"]
        if python and "tensorflow" in here:
            there = run(name, "tensorflow", python)
            row.insert(2, _compared(here["tensorflow"][0], there[0]))
            used["there"] |= {there[1]} if there[1] else set()
        rows.setdefault(limit.setting, []).append(row)
    [older] = used["there"] or {""}
    lines = [
        "# What Keras cannot do without stepwrap either",
        "",
        "Seen with Keras' own optimizers on CPU: none of it is an error of stepwrap's.",
        "`docs/keras_limits.py` runs every line in a process of its own and wrote this page;",
        "`python docs/keras_limits.py CHECK` runs one.",
        "",
        *(f"- {version}" for version in sorted(used["here"])),
        *([f"- {older}, in a column of its own"] if older else []),
    ]
    for setting, cells in rows.items():
        header = ["what", "what happens", "instead", "check"]
        if len(cells[0]) > len(header):
            header.insert(2, older.split(",")[0])
        lines += ["", f"## {setting}", ""]
        lines += [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *cells)]
    return "\n".join(lines) + "\n"


def _compared(here: str, there: str) -> str:
    """Return what an older Keras does."""
    if re.search(r"has no attribute '(Muon|MultiOptimizer|OptimizerMap|ScheduleFreeAdamW)'", there):
        return "not there yet"
    return "the same" if there == here else there or "works"


def main() -> None:
    """Runs the entries."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="some of: " + ", ".join(LIMITS))
    parser.add_argument("--page", nargs="?", const="", metavar="OTHER_PYTHON")
    parser.add_argument("--see", help=argparse.SUPPRESS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker()))
    elif arguments.see:
        seen = LIMITS[arguments.see].see()
        print(json.dumps([seen, versions()]))
    elif arguments.page is not None:
        PAGE.write_text(page(arguments.page))
    else:
        for name in arguments.names or LIMITS:
            seen_on(LIMITS[name], name, sys.executable)


if __name__ == "__main__":
    main()
