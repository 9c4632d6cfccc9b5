"""What is measured: bare optimizers, every wrapper of the catalogue, Keras' own, and peers."""

from __future__ import annotations

import fnmatch
import importlib.util
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

import steps
import stepwrap
from plan import FIVE
from steps import Step
from workload import Workload

# So small that the weights stay where they are: a step costs the same at the end as at the start.
RATE = 1e-6
BARE_ADAM, BARE_MOMENTUM = "Adam", "SGD(momentum=0.9)"
BARE_SGD = "SGD"
AGAIN = "Adam, a second time"  # another instance, for the noise of the measurement
# What is measured neither at its default nor at what the wrapper's example has.
ARGUMENTS = {
    "gradient_accumulation": {"steps": 4},  # as many as of Keras' own, which is beside it
    "l4": {"fraction": RATE},  # keeps the weights where they are
    "step_clipping": {"max_norm": 1.0},  # under this name its times were published
}
# After how many calls a wrapper has done everything that it does.
CYCLES = {"gradient_accumulation": 4, "lookahead": 6, "stochastic_weight_average": 10}
# What stands for the others where there is no time for all.
HEADLINES = {
    BARE_ADAM,
    AGAIN,
    BARE_MOMENTUM,
    "NormalizedOptimizer",
    "NormalizedOptimizer(scope='global')",
    "ClippedOptimizer",
    "ClippedOptimizer(scope='global')",
    "L4Wrapper",
    "L4Adam",
    "L4Mom",
    "Cautious",
    "LearningRateDropout",
    "Lookahead",
    FIVE,
    "Adam(clipnorm=1)",
    "Adam(global_clipnorm=1)",
    "optax.adam",
    "optax.clip_by_global_norm",
    "optax.normalize_by_update_norm",
    "optax.lookahead",
    "optax.contrib.momo_adam",
    "torch.optim.Adam",
    "torch.nn.utils.clip_grad_norm_",
    "pytorch_optimizer.Lookahead",
    "momo.MomoAdam",
}


@dataclass(frozen=True)
class Variant:
    """Something that does a step, and what it is compared with.

    Args:
        name: What it is called in tables.
        group: What it belongs to: "bare", "gradients", "steps", "weights", "others", "stacks",
            "keras" or "peers".
        start: Makes its step for a workload.
        bases: Names of bare optimizers that it is compared with, first that which it wraps.
        like: The name of the wrapper that does the same as this one of Keras or a peer.
        cycle: After how many steps it has done everything that it does.
    """

    name: str
    group: str
    start: Callable[[Workload], Step]
    bases: tuple[str, ...] = (BARE_ADAM,)
    like: str | None = None
    cycle: int = 1

    @property
    def compared_with(self) -> tuple[str, ...]:
        """Return the names of all that its time is divided by."""
        return self.bases if self.like is None else (*self.bases, self.like)


def known() -> dict[str, Variant]:
    """Return every variant that there is on this backend, by name."""
    peers = {"jax": ("peers_jax", "optax"), "torch": ("peers_torch", "torch")}
    variants = [*_bare(), *_catalogue(), *_other_wrappers(), *_of_sgd(), *_stacks(), *_of_keras()]
    module, requirement = peers.get(keras.backend.backend(), (None, None))
    if module is not None and importlib.util.find_spec(requirement) is not None:
        variants += importlib.import_module(module).variants()
    return {variant.name: variant for variant in variants}


def chosen(patterns: Sequence[str]) -> list[Variant]:
    """Return those whose names match a pattern, in lower case or not; "headline" means
    `HEADLINES`.
    """
    found = [
        variant
        for variant in known().values()
        if ("headline" in patterns and variant.name in HEADLINES)
        or any(fnmatch.fnmatchcase(variant.name.lower(), glob.lower()) for glob in patterns)
    ]
    if not found:
        raise ValueError(f"No variant matches {list(patterns)}. Known: {list(known())}.")
    return found


def adam(**arguments: float | bool) -> keras.optimizers.Optimizer:
    """Return the optimizer that is wrapped."""
    return keras.optimizers.Adam(RATE, **arguments)


def sgd() -> keras.optimizers.Optimizer:
    """Return SGD, whose steps need no more of a table than the rows that a batch looks up."""
    return keras.optimizers.SGD(RATE)


def _optimizer(make: Callable[[], keras.optimizers.Optimizer]) -> Callable[[Workload], Step]:
    return lambda workload: steps.of_optimizer(make(), workload)


def _bare() -> list[Variant]:
    return [
        Variant(BARE_ADAM, "bare", _optimizer(adam)),
        Variant(AGAIN, "bare", _optimizer(adam)),
        Variant(
            BARE_MOMENTUM,
            "bare",
            _optimizer(lambda: keras.optimizers.SGD(RATE, momentum=0.9)),
        ),
        Variant(BARE_SGD, "bare", _optimizer(sgd)),
    ]


def _catalogue() -> list[Variant]:
    """Return every wrapper, a new one too, around Adam."""
    return [_catalogued(name) for name in stepwrap.wrappers.names()]


def _catalogued(name: str) -> Variant:
    wrapper = stepwrap.wrappers.get(name)
    arguments = _arguments(name)
    shown = ", ".join(f"{key}={_written(one)}" for key, one in arguments.items() if one != RATE)
    return Variant(
        wrapper.__name__ + (f"({shown})" if shown else ""),
        _group(wrapper),
        _optimizer(lambda: wrapper(adam(), **arguments)),
        cycle=CYCLES.get(name, 1),
    )


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _arguments(name: str) -> dict[str, Any]:
    """Return what the wrapper cannot do without; the rest is at its defaults, as users have it."""
    parameters = inspect.signature(stepwrap.wrappers.get(name)).parameters
    example = stepwrap.wrappers.example(name)
    required = {
        key: example[key] for key in example if parameters[key].default is parameters[key].empty
    }
    return {**required, **ARGUMENTS.get(name, {})}


def _group(wrapper: type[stepwrap.OptimizerWrapper]) -> str:
    """Return what it acts on, by the first hook that it overrides."""
    groups = {
        "before_step": "weights",
        "transform_gradients": "gradients",
        "transform_steps": "steps",
        "take_steps": "steps",
        "after_step": "weights",
    }
    return next((group for hook, group in groups.items() if wrapper.overrides(hook)), "others")


def _other_wrappers() -> list[Variant]:
    """Optimizers that are none of the catalogue, and arguments that change what is done."""

    def of_adam(name: str, group: str, wrap: Callable, cycle: int = 1) -> Variant:
        return Variant(name, group, _optimizer(lambda: wrap(adam())), cycle=cycle)

    return [
        Variant("L4Adam", "steps", _optimizer(lambda: stepwrap.L4Adam(fraction=RATE))),
        Variant(
            "L4Mom",
            "steps",
            _optimizer(lambda: stepwrap.L4Mom(fraction=RATE)),
            bases=(BARE_MOMENTUM, BARE_ADAM),
        ),
        # Adam's own average is over 10 steps.
        of_adam(
            "L4Wrapper(gradient_time_scale=20)",
            "steps",
            lambda inner: stepwrap.L4Wrapper(inner, fraction=RATE, gradient_time_scale=20),
        ),
        of_adam(
            "NormalizedOptimizer(scope='global')",
            "gradients",
            lambda inner: stepwrap.NormalizedOptimizer(inner, scope="global"),
        ),
        of_adam(
            "ClippedOptimizer(scope='global')",
            "gradients",
            lambda inner: stepwrap.ClippedOptimizer(inner, scope="global"),
        ),
        of_adam(
            "Lookahead(slow_state='pullback')",
            "weights",
            lambda inner: stepwrap.Lookahead(inner, slow_state="pullback"),
            cycle=6,
        ),
        of_adam("OptimizerWrapper", "others", stepwrap.OptimizerWrapper),
    ]


def _of_sgd() -> list[Variant]:
    """Return some wrappers that leave sparse gradients sparse, around what gains by it."""

    def of_sgd(wrapper: type[stepwrap.OptimizerWrapper], cycle: int = 1) -> Variant:
        make = _optimizer(lambda: wrapper(sgd()))
        name = f"{wrapper.__name__}({BARE_SGD})"
        return Variant(name, _group(wrapper), make, bases=(BARE_SGD,), cycle=cycle)

    return [
        of_sgd(stepwrap.OptimizerWrapper),
        of_sgd(stepwrap.NormalizedOptimizer),
        of_sgd(stepwrap.ClippedOptimizer),
        of_sgd(stepwrap.SkipNonFinite),
        of_sgd(stepwrap.Lookahead, cycle=CYCLES["lookahead"]),
    ]


def _stacks() -> list[Variant]:
    cycles = {
        "normalized | clipped": 1,
        "gradient_centralization | normalized | clipped": 1,
        FIVE: CYCLES["lookahead"],
    }
    return [
        Variant(stack, "stacks", _optimizer(lambda stack=stack: _stack(stack)), cycle=cycle)
        for stack, cycle in cycles.items()
    ]


def _stack(text: str) -> keras.optimizers.Optimizer:
    return stepwrap.parse(f"adam({RATE}) | {text}")


def _of_keras() -> list[Variant]:
    """Return what Keras' optimizers have as arguments."""

    def of_adam(argument: str, value: float | bool, like: str, cycle: int = 1) -> Variant:
        make = _optimizer(lambda: adam(**{argument: value}))
        return Variant(f"Adam({argument}={value})", "keras", make, like=like, cycle=cycle)

    return [
        of_adam("clipnorm", 1, "ClippedOptimizer"),
        of_adam("global_clipnorm", 1, "ClippedOptimizer(scope='global')"),
        of_adam("use_ema", True, "MovingAverage"),
        of_adam("gradient_accumulation_steps", 4, "GradientAccumulation(steps=4)", cycle=4),
    ]
