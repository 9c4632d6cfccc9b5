"""What the parametrised suite runs over: every wrapper, every base optimizer."""

import functools
import inspect

import keras
import numpy as np
import pytest
from keras import ops
from seeds import seed

import stepwrap
from stepwrap.core import stack
from stepwrap.optimizers.keras_classes import keras_optimizer_classes

BACKEND = keras.backend.backend()


@keras.saving.register_keras_serializable(package="tests")
class AveragedGradient(stepwrap.OptimizerWrapper):
    """A user's wrapper with state: hands on the moving average of the gradient."""

    def __init__(self, inner_optimizer, decay=0.5, name=None):
        super().__init__(inner_optimizer, name=name)
        self.decay = decay

    def build(self, variables):
        super().build(variables)
        self.averages = {
            variable.path: self.add_variable_from_reference(variable, "average")
            for variable in variables
        }

    def transform_gradients(self, gradients, variables):
        averages = [self.averages[variable.path] for variable in variables]
        for average, gradient in zip(averages, gradients, strict=True):
            average.assign(self.decay * average + (1 - self.decay) * gradient)
        return [ops.convert_to_tensor(average) for average in averages]


@keras.saving.register_keras_serializable(package="tests")
class HalvedStep(stepwrap.OptimizerWrapper):
    """A user's wrapper of steps."""

    def transform_steps(self, steps, gradients, variables):
        return [step / 2 for step in steps]


@keras.saving.register_keras_serializable(package="tests")
class SignDescent(keras.optimizers.Optimizer):
    """A user's base optimizer; unlike those of Keras, its `build` has no guard against a second."""

    def __init__(self, learning_rate=0.01, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)

    def build(self, variables):
        super().build(variables)
        self.counts = [
            self.add_variable_from_reference(variable, "count") for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        count = self.counts[self._get_variable_index(variable)]
        self.assign_add(count, ops.ones(count.shape, count.dtype))
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * ops.sign(ops.cast(gradient, variable.dtype)))


def catalogued(name):
    """The wrapper of that name as a function of the inner optimizer, the same in every run."""
    wrapper = stepwrap.wrappers.get(name)
    seeded = {"seed": 1} if "seed" in inspect.signature(wrapper).parameters else {}
    return functools.partial(wrapper, **stepwrap.wrappers.example(name), **seeded)


# Each takes the inner optimizer. The catalogue's wrappers join by themselves.
WRAPPERS = {
    **{name: catalogued(name) for name in stepwrap.wrappers.names()},
    "identity": stepwrap.OptimizerWrapper,
    "user": AveragedGradient,
    "user_steps": HalvedStep,
    "stack": lambda inner: stepwrap.NormalizedOptimizer(
        AveragedGradient(stepwrap.ClippedOptimizer(inner, "max", clipnorm=0.5, scope="layer")),
        "std",
        scope="global",
    ),
    "stack_of_steps": lambda inner: stepwrap.ClippedOptimizer(
        stepwrap.L4Wrapper(AveragedGradient(HalvedStep(inner)))
    ),
    "stack_on_some": lambda inner: AveragedGradient(
        stepwrap.StepMomentum(HalvedStep(inner, exclude="bias"), exclude=stepwrap.VECTORS),
        only=stepwrap.VECTORS,
    ),
}


# One that transforms gradients, one that takes steps, one that changes weights, and one that makes
# steps at times only: where a test takes long, these stand for the others in the everyday suite.
KINDS = ("normalized", "l4", "lookahead", "skip_non_finite")
EVERYDAY = (*KINDS, "stack", "stack_of_steps")


def keeps_state(name):
    """Return whether a wrapper, or one in a stack, has variables of its own that may be lost."""
    optimizer = WRAPPERS[name](keras.optimizers.SGD())
    optimizer.build(variables())
    return any(member.own_variables for member in list(stack.walk(optimizer))[:-1])


def stateful(names):
    """Those that keep state, for long tests: all on one backend, one of each kind on the others."""
    return [name for name in filter(keeps_state, names) if BACKEND == "jax" or name in KINDS]


def of_other_kinds():
    """The catalogue's wrappers that another one of their kind stands for."""
    return {*stepwrap.wrappers.names()} - {*KINDS}


def others_long(names, everyday=KINDS, backend=BACKEND):
    """The names as parameters of a test that takes long, marked so but for those of every day.

    Args:
        names: All of them.
        everyday: Those of every day.
        backend: Where all are met; on the others, one of each kind: what is the same code on each.
    """
    return values_long({name: name for name in names}, everyday, backend)


def values_long(values, everyday, backend=BACKEND):
    """The same of what has these names."""
    return [
        pytest.param(value, id=name, marks=[] if name in everyday else pytest.mark.long)
        for name, value in values.items()
        if name in (*everyday, *KINDS) or backend == BACKEND
    ]


def whole_on(backend, values, elsewhere):
    """All of what has these names as parameters on one backend, for the code is the same on each.

    Args:
        backend: Where all are met: PyTorch traces and compiles nothing, and is the fastest.
        values: What has these names.
        elsewhere: The names of those that are met on every backend.
    """
    return [
        pytest.param(value, id=name)
        for name, value in values.items()
        if name in elsewhere or backend == BACKEND
    ]


def of_a_peer_on(backend):
    """A test every day on the backend of its peer; elsewhere importing that takes seconds."""
    return (lambda test: test) if backend == BACKEND else pytest.mark.long


def _base_optimizers():
    """Every optimizer of this Keras version, with the variants that take another path."""
    cases = {
        "SGD-momentum": lambda: keras.optimizers.SGD(momentum=0.9),
        "SGD-nesterov": lambda: keras.optimizers.SGD(momentum=0.9, nesterov=True),
        "Adam-clipnorm-ema": lambda: keras.optimizers.Adam(clipnorm=1.0, use_ema=True),
        "user": SignDescent,
        "RAdam": stepwrap.optimizers.RAdam,
        "L4Adam": stepwrap.L4Adam,
        "L4Mom": stepwrap.L4Mom,
    }
    for cls in keras_optimizer_classes():
        if cls.__name__ == "MultiOptimizer":
            cases[cls.__name__] = _multi_optimizer
        elif cls is not keras.optimizers.LossScaleOptimizer:  # scales the loss: stands outside
            cases[cls.__name__] = cls
    return cases


def _multi_optimizer():
    optimizer_map = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.01))
    optimizer_map[".*bias"] = keras.optimizers.Adam()
    return keras.optimizers.MultiOptimizer(optimizer_map)


BASE_OPTIMIZERS = _base_optimizers()


def data(samples=24):
    """A regression task: y is a smooth function of x."""
    random = np.random.default_rng(7)
    x = random.normal(size=(samples, 4)).astype("float32")
    y = np.tanh(x.sum(axis=1, keepdims=True)).astype("float32")
    return x, y


def model(optimizer=None, **compile_arguments):
    """A small network, the same one each time, compiled if there is an optimizer."""
    seed(3)
    network = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, activation="tanh", name="hidden"),
            keras.layers.Dense(1, name="out"),
        ]
    )
    if optimizer is not None:
        network.compile(optimizer=optimizer, loss="mse", **compile_arguments)
    return network


def fit(network, epochs=1, **arguments):
    x, y = data()
    return network.fit(
        x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **arguments
    ).history


def variables(dtype="float32", constraint=None):
    """Variables as a layer would have them: a kernel, a bias and a scalar."""
    random = np.random.default_rng(5)
    made = []
    for name, shape in {"kernel": (4, 3), "bias": (3,), "scale": ()}.items():
        value = random.normal(size=shape).astype("float32")
        made.append(keras.Variable(value, dtype=dtype, name=name))
        made[-1].constraint = constraint
    return made


ROUNDING = {"float32": 1e-6, "float64": 1e-12}  # the relative error that it makes, generously


def variables_of_all_ranks(dtype="float32"):
    """Variables as layers of several kinds have them."""
    random = np.random.default_rng(0)
    shapes = {
        "dense_kernel": (4, 3),
        "dense_bias": (3,),
        "conv_kernel": (3, 3, 2, 4),
        "conv1d_kernel": (3, 2, 4),
        "scale": (),
    }
    return [
        keras.Variable(random.normal(size=shape), dtype=dtype, name=name)
        for name, shape in shapes.items()
    ]


def gradients(variables, seed=0):
    """Gradients of the variables' shapes and dtypes, reproducible."""
    random = np.random.default_rng(seed)
    return [
        ops.convert_to_tensor(random.normal(size=variable.shape), dtype=variable.dtype)
        for variable in variables
    ]


# Of float32: squares overflow above 1.8e19, and are lost below 1e-23; the ends of its range.
MAGNITUDES = (1.0, 1e22, 1e30, 3e38, 1e-22, 1e-30, 2e-38)


def gradients_of_magnitude(variables, magnitude):
    """Gradients whose elements are all about as large."""
    random = np.random.default_rng(0)
    return [
        ops.convert_to_tensor(
            magnitude * random.uniform(0.6, 1, v.shape) * random.choice([-1, 1], v.shape),
            "float32",
        )
        for v in variables
    ]


def assert_right_but_for_rounding(actual, expected):
    """What float32 makes of the exact numbers, which compiled code may flush to zero."""
    for one, other in zip(values(actual), expected, strict=True):
        smallest = np.finfo("float32").tiny
        with np.errstate(over="ignore"):
            other = np.asarray(other).astype("float32")
        finite = np.abs(other[np.isfinite(other)])
        tolerance = max(2e-6 * np.max(finite, initial=0), smallest)
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=tolerance)


def apply(optimizer, gradients, variables, loss=1.0):
    """A batch of any optimizer, with a loss for the wrappers that need one."""
    if isinstance(optimizer, stepwrap.OptimizerWrapper):
        optimizer.apply(gradients, variables, loss=ops.convert_to_tensor(loss))
    else:
        optimizer.apply(gradients, variables)


def batches_per_step(optimizer):
    """How many batches it takes for weights to change."""
    return optimizer.steps if isinstance(optimizer, stepwrap.GradientAccumulation) else 1


def step(optimizer, gradients, variables):
    """A whole step of any optimizer, from batches that all have the same gradients."""
    for _ in range(batches_per_step(optimizer)):
        apply(optimizer, gradients, variables)


def compiled(function):
    """The function as the backend compiles it; torch runs it as it is."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    return function


def values(variables):
    return [ops.convert_to_numpy(variable).copy() for variable in variables]


def state(network):
    """Everything that training changes: weights and every optimizer variable."""
    return values([*network.weights, *network.optimizer.variables])


def assert_equal(actual, expected):
    """Bit for bit."""
    assert len(actual) == len(expected)
    for number, (one, other) in enumerate(zip(actual, expected, strict=True)):
        assert one.dtype == other.dtype and one.shape == other.shape, number
        assert one.tobytes() == other.tobytes(), f"entry {number}: {one} is not {other}"


def training_loop(network, loss_function, give_loss):
    """A user's own train step, as the guide to custom loops shows it: (x, y) → loss.

    Args:
        network: A built network; its optimizer does the step.
        loss_function: (y, logits) → scalar.
        give_loss: "scale_loss" or "apply": which of the two ways the optimizer gets the loss.
    """
    make = {"tensorflow": _tensorflow_loop, "jax": _jax_loop, "torch": _torch_loop}[BACKEND]
    network.optimizer.build(network.trainable_variables)
    return make(network, network.optimizer, loss_function, give_loss == "scale_loss")


def _tensorflow_loop(network, optimizer, loss_function, scale_loss):
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_function(y, network(x, training=True))
            if scale_loss:
                loss = optimizer.scale_loss(loss)
        gradients = tape.gradient(loss, network.trainable_variables)
        given = None if scale_loss else loss
        optimizer.apply(gradients, network.trainable_variables, loss=given)
        return loss

    return step


def _jax_loop(network, optimizer, loss_function, scale_loss):
    import jax

    def compute_loss(weights, x, y):
        logits, _ = network.stateless_call(weights, [], x, training=True)
        loss = loss_function(y, logits)
        return optimizer.scale_loss(loss) if scale_loss else loss

    @jax.jit
    def update(weights, state, x, y):
        loss, gradients = jax.value_and_grad(compute_loss)(weights, x, y)
        given = None if scale_loss else loss
        weights, state = optimizer.stateless_apply(state, gradients, weights, loss=given)
        return loss, weights, state

    def step(x, y):
        variables = [*network.trainable_variables, *optimizer.variables]
        loss, weights, state = update(
            [variable.value for variable in network.trainable_variables],
            [variable.value for variable in optimizer.variables],
            x,
            y,
        )
        for variable, value in zip(variables, [*weights, *state], strict=True):
            variable.assign(value)
        return loss

    return step


def _torch_loop(network, optimizer, loss_function, scale_loss):
    def step(x, y):
        loss = loss_function(y, network(x, training=True))
        network.zero_grad()
        if scale_loss:
            loss = optimizer.scale_loss(loss)
        loss.backward()
        gradients = [variable.value.grad for variable in network.trainable_variables]
        given = None if scale_loss else loss
        optimizer.apply(gradients, network.trainable_variables, loss=given)
        return loss

    return step


def number(tensor):
    """A scalar as a Python number, in its full precision."""
    return ops.convert_to_numpy(tensor).item()
