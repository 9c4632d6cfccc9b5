"""optax, with the arithmetic of the wrappers: Adam with a transformation before or around it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import keras
import optax

import steps
from steps import Step
from variants import BARE_ADAM, RATE, Variant
from workload import Workload

BARE = "optax.adam"


def variants() -> list[Variant]:
    """Return optax's own Adam, and what stands before or around it."""
    return [
        Variant(BARE, "peers", functools.partial(_step, lambda inner: inner)),
        _before(
            "optax.clip_by_global_norm",
            lambda: optax.clip_by_global_norm(1.0),
            "ClippedOptimizer(scope='global')",
        ),
        _before(
            "optax.clip_by_block_rms", lambda: optax.clip_by_block_rms(1.0), "ClippedOptimizer"
        ),
        _before(
            "optax.normalize_by_update_norm",
            optax.normalize_by_update_norm,
            "NormalizedOptimizer(scope='global')",
        ),
        _before(
            "optax.adaptive_grad_clip",
            lambda: optax.adaptive_grad_clip(0.01),
            "AdaptiveGradientClipping",
        ),
        _before("optax.centralize", optax.centralize, "GradientCentralization"),
        _before(
            "optax.add_noise",
            lambda: optax.add_noise(0.3, 0.55, jax.random.key(1)),
            "GradientNoise",
        ),
        _around(
            "optax.apply_if_finite",
            lambda inner: optax.apply_if_finite(inner, 100),
            "SkipNonFinite",
        ),
        _around(
            "optax.lookahead", lambda inner: optax.lookahead(inner, 6, 0.5), "Lookahead", cycle=6
        ),
        _around(
            "optax.MultiSteps(4)",
            lambda inner: optax.MultiSteps(inner, 4).gradient_transformation(),
            "GradientAccumulation(steps=4)",
            cycle=4,
        ),
        _around("optax.contrib.mechanize", optax.contrib.mechanize),
        _around("optax.contrib.momo_adam", lambda _: optax.contrib.momo_adam(RATE), "L4Adam"),
    ]


def _before(
    name: str, make: Callable[[], optax.GradientTransformation], like: str | None = None
) -> Variant:
    return _around(name, lambda inner: optax.chain(make(), inner), like)


def _around(
    name: str,
    wrap: Callable[[optax.GradientTransformation], optax.GradientTransformation],
    like: str | None = None,
    cycle: int = 1,
) -> Variant:
    """Return a variant; `like` is the wrapper that does the same."""
    start = functools.partial(_step, wrap, looks_ahead=name == "optax.lookahead")
    return Variant(name, "peers", start, (BARE_ADAM, BARE), like, cycle)


def _step(
    wrap: Callable[[optax.GradientTransformation], optax.GradientTransformation],
    workload: Workload,
    looks_ahead: bool = False,
) -> Step:
    transformation = optax.with_extra_args_support(wrap(optax.adam(RATE, eps=1e-7)))

    def update(weights: Any, state: Any, gradients: list, loss: Any) -> tuple[Any, Any]:
        updates, state = transformation.update(gradients, state, weights, value=loss)
        return optax.apply_updates(weights, updates), state

    if workload.kind == "step":
        weights = [jax.numpy.asarray(weight) for weight in workload.weights()]
        function, given = update, (workload.gradients, workload.loss)
    else:
        model = workload.model()
        weights = [variable.value for variable in model.trainable_variables]
        given = workload.batch

        def compute_loss(weights: list, x: Any, y: Any) -> Any:
            predicted, _ = model.stateless_call(weights, [], x, training=True)
            return keras.ops.mean(keras.losses.mean_squared_error(y, predicted))

        def function(weights: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any]:
            fast = weights.fast if looks_ahead else weights
            loss, gradients = jax.value_and_grad(compute_loss)(fast, x, y)
            return update(weights, state, gradients, loss)

    # Copies, for memory that is given away can be only one of weights, slow weights and state.
    if looks_ahead:
        weights = optax.LookaheadParams(weights, jax.tree.map(jax.numpy.copy, weights))
    state = jax.tree.map(jax.numpy.copy, transformation.init(weights))
    kept = [*jax.tree.leaves(state), *(weights.slow if looks_ahead else [])]
    size = sum(leaf.nbytes for leaf in kept)
    return steps.donating(function, (weights, state), given, size)
