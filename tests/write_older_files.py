"""Writes models as the installed release of stepwrap saves them, for `test_older_files.py`.

`tests/files_of_0_6_0/` is what this wrote with release 0.6.0. Another release's files:

    git worktree add --detach ../release/stepwrap v0.7.0
    PYTHONPATH=../release python tests/write_older_files.py tests/files_of_0_7_0

It uses only what the oldest of these releases had, and nothing else of the tests. Beside the
models, in one archive, goes `expected.json`: their state at saving and the weights after more
batches, the texts and what they were parsed to, and the names of modules and of what is in them.
"""

import json
import os
import pathlib
import sys
import tempfile
import zipfile

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import ops

import stepwrap

BEFORE, AFTER = 5, 4  # batches until the model is saved, and from there


@keras.saving.register_keras_serializable(package="older_files")
class AveragedGradient(stepwrap.OptimizerWrapper):
    """A user's wrapper with state: hands on the moving average of the gradient."""

    def __init__(self, inner_optimizer, decay=0.5, name=None):
        super().__init__(inner_optimizer, name=name)
        self.decay = decay

    def build(self, variables):
        if self.built:
            return
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


@keras.saving.register_keras_serializable(package="older_files")
class HalvedStep(stepwrap.OptimizerWrapper):
    """A user's wrapper of steps."""

    def transform_steps(self, steps, gradients, variables):
        return [step / 2 for step in steps]


def multi_optimizer(*parts):
    """The first for the kernel, the second for the bias."""
    kernel, bias = map(stepwrap.parse, parts)
    return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(kernel, {".*bias": bias}))


# Those of the catalogue have its names. After five batches each has state of its own.
TEXTS = {
    "adaptive_gradient_clipping": "adam(0.05) | adaptive_gradient_clipping(clipping=0.1)",
    "cautious": "adam(0.05) | cautious(jit_compile=False)",
    "clipped": "adam(0.05) | clipped('l1', clipnorm=0.5, scope='layer')",
    "coupled_weight_decay": "adam(0.05) | coupled_weight_decay(0.01, exclude=['bias'])",
    "gradient_accumulation": "adam(0.05) | gradient_accumulation(steps=2)",
    "gradient_centralization": "adam(0.05) | gradient_centralization",
    "gradient_dropout": "adam(0.05) | gradient_dropout(keep=0.6, seed=1)",
    "gradient_ema_filter": "adam(0.05) | gradient_ema_filter(alpha=0.9)",
    "gradient_noise": "adam(0.05) | gradient_noise(seed=1)",
    "l4": "adam(0.05) | l4",
    "learning_rate_dropout": "adam(0.05) | learning_rate_dropout(seed=1)",
    "lookahead": "adam(0.05) | lookahead(sync_period=3)",
    "moving_average": "adam(0.05) | moving_average(average_decay=0.5)",
    "normalized": "adam(0.05) | normalized('std', scope='global')",
    "orthogonal_gradient": "adam(0.05) | orthogonal_gradient",
    "skip_non_finite": "adam(0.05) | skip_non_finite(max_consecutive_skips=5)",
    "step_clipping": "adam(0.05) | step_clipping(max_norm=0.05)",
    "step_momentum": "adam(0.05) | step_momentum(momentum=0.5)",
    "stochastic_weight_average": "adam(0.05) | stochastic_weight_average(1, average_period=2)",
    "trust_ratio": "adam(0.05) | trust_ratio(weight_decay=0.01, exclude=[])",
    # Other ways that some of them have.
    "l4_around_sgd": "sgd(0.05) | l4(fraction=0.1, max_learning_rate=0.5, loss_floor=-1.0)",
    "l4_around_momentum": "sgd(0.05, momentum=0.9, nesterov=True) | l4",
    "lookahead_reset": "adam(0.05) | lookahead(2, 0.8, slow_state='reset')",
    "lookahead_pullback": "adam(0.05) | lookahead(2, slow_state='pullback')",
    "moving_average_dynamic": "adam(0.05) | moving_average(start_step=2, dynamic_decay=True)",
    "step_clipping_rms": "adam(0.05) | step_clipping(max_rms=0.02, scope='global')",
    "step_momentum_nesterov": "sgd(0.05) | step_momentum(nesterov=True)",
    # Other bases, presets, a schedule, and stacks.
    "l4adam": "l4adam(fraction=0.25)",
    "l4mom": "l4mom(fraction=0.25)",
    "radam": "radam(0.05, weight_decay=0.01)",
    "ranger": "ranger(0.05)",
    "lamb": "lamb(0.05)",
    "lars": "lars(0.1)",
    "adamw_cautious": "adamw_cautious(0.05)",
    "keras_lamb": "keras_lamb(0.05) | normalized",
    "schedule": "sgd(cosine_decay(0.1, 10), momentum=0.9) | clipped(clipnorm=0.5)",
    "loss_scale": "adam(0.05) | l4 | loss_scale_optimizer(8.0, dynamic_growth_steps=3)",
    "stack": (
        "adam(0.05) | normalized('l1', scope='layer') | gradient_ema_filter(alpha=0.9)"
        " | cautious | trust_ratio | lookahead(sync_period=2) | skip_non_finite"
        " | gradient_accumulation(2) | loss_scale_optimizer(8.0)"
    ),
    "random_stack": (
        "adam(0.05) | gradient_noise(seed=3) | gradient_dropout(seed=3)"
        " | learning_rate_dropout(seed=3) | stochastic_weight_average(average_period=2)"
    ),
}
# Those that no text can say.
OTHERS = {
    "identity": lambda: stepwrap.OptimizerWrapper(
        keras.optimizers.RMSprop(0.05), jit_compile=False
    ),
    "keras_loss_scale": lambda: keras.optimizers.LossScaleOptimizer(
        stepwrap.parse("adam(0.05) | clipped"), initial_scale=8.0
    ),
    "around_multi_optimizer": lambda: stepwrap.Lookahead(
        multi_optimizer("sgd(0.05)", "adam(0.05)"), sync_period=2
    ),
    "multi_optimizer_of_wrappers": lambda: stepwrap.OptimizerWrapper(
        multi_optimizer("sgd(0.05) | l4 | moving_average", "adam(0.05) | lookahead(2)")
    ),
    "of_a_user": lambda: AveragedGradient(HalvedStep(keras.optimizers.Adam(0.05)), decay=0.25),
}
# Those whose numbers another backend may draw otherwise.
RANDOM = {"gradient_dropout", "gradient_noise", "learning_rate_dropout", "random_stack"}

# Other texts, of the README, the documentation, the experiments and the tests of 0.6.0.
MORE_TEXTS = [
    "adam",
    "adam()",
    "adam(1e-2)",
    "  adam ( 0.01 , beta_1 = .5 )\n",
    "(adam(0.01)\n|\nl4)",
    "adam(\n  0.01,\n)",
    "adam(0.01, name='mine') | clipped(clipnorm=2, name='clip')",
    "adam(learning_rate=+1e-2, use_ema=True)",
    "adam(1e-3) | normalized('l2', scope='layer') | l4(fraction=0.25) | lookahead",
    "adam(1e-3) | coupled_weight_decay(1e-4)",
    "adam(1e-3) | lookahead(5, 0.5)",
    "adam(1e-3) | learning_rate_dropout",
    "adam(1e-3) | normalized('max')",
    "adam(cosine_decay(0.001, 1000))",
    "adamax",
    "adamw(1e-3, weight_decay=1e-4)",
    "adamw(learning_rate=0.002, weight_decay=0.01) | gradient_dropout",
    "adam | adaptive_gradient_clipping(exclude=('out', 'head/bias'))",
    "adam | trust_ratio(exclude=['bias', 'gamma'])",
    "keras_lamb(0.02)",
    "l4adam",
    "l4adam(fraction=0.025)",
    "l4mom | clipped(clipnorm=2)",
    "lamb",
    "lars(weight_decay=0.3, momentum=0.7)",
    "muon(exclude_layers=['out'])",
    "nadam(1e-3)",
    "radam(1e-3, weight_decay=0.01) | gradient_noise | learning_rate_dropout(keep=0.7)"
    " | lookahead(sync_period=5)",
    "ranger(1e-3) | gradient_noise",
    "rmsprop | normalized",
    "schedulefreeadamw",
    "sgd | loss_scale_optimizer(initial_scale=8.0, dynamic_growth_steps=5)",
    "sgd | normalized # as ever",
    "sgd | trust_ratio | step_clipping(max_norm=0.1)",
    "sgd(0.1, momentum=0.9, nesterov=True) | normalized('std')",
    "sgd(cosine_decay(0.1, 1000), momentum=0.9) | clipped(clipnorm=0.5)",
    "sgd(exponential_decay(0.1, decay_steps=10, decay_rate=.5), momentum=0.9)",
    "sgd(learning_rate=1e-07, momentum=0.9, nesterov=True)",
    "sgd(learning_rate=1e999)",
    "sgd(learning_rate=piecewise_constant_decay([1, 2], [.1, .2, .3]))",
]

PUBLIC = ("callbacks", "experiments", "normalizers", "optimizers", "wrappers")


def make(name):
    """The optimizer of that name."""
    return stepwrap.parse(TEXTS[name]) if name in TEXTS else OTHERS[name]()


def network(optimizer):
    """A model of six weights, always the same, compiled."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="out")])
    model.set_weights([np.array([[0.5, -0.25], [1.0, 0.75]], "float32"), np.zeros(2, "float32")])
    model.compile(optimizer, loss="mse", run_eagerly=True)
    return model


def train(model, first, number):
    """Trains on some of the batches, which are exact in every backend and release of NumPy."""
    for batch in range(first, first + number):
        numbers = (np.arange(16) + 16 * batch) * 7919 % 23 - 11
        x, y = (numbers.reshape(2, 4, 2) / 8).astype("float32")
        model.train_on_batch(x, y)


def described(variables):
    """Each as [path, dtype, shape, values], the values as short as they are exact."""
    return [_described(variable.path, ops.convert_to_numpy(variable)) for variable in variables]


def _described(path, array):
    values = [float(str(value)) if array.dtype.kind == "f" else int(value) for value in array.flat]
    assert np.array_equal(np.array(values, array.dtype), array.ravel())
    return [path, str(array.dtype), list(array.shape), values]


def config(optimizer):
    """The config of an optimizer, as JSON holds it."""
    return json.loads(json.dumps(keras.optimizers.serialize(optimizer)))


def _write_model(folder, name):
    keras.utils.clear_session()  # names count from one in every file
    model = network(make(name))
    train(model, 0, BEFORE)
    model.save(folder / f"{name}.keras")
    if name == "stack":
        model.save_weights(folder / f"{name}.weights.h5")
    state = described([*model.weights, *model.optimizer.variables])
    expected = {
        "text": stepwrap.describe(model.optimizer),
        "config": config(model.optimizer),
        "state": state,
    }
    train(model, BEFORE, AFTER)
    return {**expected, "weights": described(model.weights)}


def _parsed(text):
    keras.utils.clear_session()
    return {"config": config(stepwrap.parse(text)), "text": stepwrap.describe(stepwrap.parse(text))}


def _names():
    import stepwrap.experiments  # which `import stepwrap` leaves out

    bases = stepwrap.optimizers.names()
    return {
        "stepwrap": stepwrap.__all__,
        **{f"stepwrap.{name}": getattr(stepwrap, name).__all__ for name in PUBLIC},
        "stepwrap.presets": [name for name in bases if hasattr(stepwrap.presets, name)],
    }


def _modules():
    """The modules that `import stepwrap` loads, and what each has of its own."""
    return {
        name: sorted(
            key
            for key, value in vars(module).items()
            if not key.startswith("_") and getattr(value, "__module__", None) == name
        )
        for name, module in sorted(sys.modules.items())
        if name.startswith("stepwrap.") and not name.startswith("stepwrap.experiments")
    }


def write(folder):
    """Writes the files into a folder, anew."""
    folder.mkdir(exist_ok=True)
    expected = {
        "keras": keras.__version__,
        "wrappers": stepwrap.wrappers.names(),
        "names": _names(),
        "modules": _modules(),
        "texts": {text: _parsed(text) for text in [*TEXTS.values(), *MORE_TEXTS]},
    }
    with tempfile.TemporaryDirectory() as models:
        expected["models"] = {
            name: _write_model(pathlib.Path(models), name) for name in [*TEXTS, *OTHERS]
        }
        with zipfile.ZipFile(folder / "models.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(pathlib.Path(models).iterdir()):
                file.write(path, path.name)
    with (folder / "expected.json").open("w", encoding="utf-8") as file:
        json.dump(expected, file)
        file.write("\n")


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))
