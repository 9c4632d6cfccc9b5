"""optax, with the arithmetic of the wrappers: Adam with a transformation before or around it."""

from __future__ import annotations

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
    """optax's own Adam, and what stands before or around it."""
    before = {
        "optax.clip_by_global_norm": lambda: optax.clip_by_global_norm(1.0),
        "optax.clip_by_block_rms": lambda: optax.clip_by_block_rms(1.0),
        "optax.normalize_by_update_norm": lambda: optax.normalize_by_update_norm(),
        "optax.adaptive_grad_clip": lambda: optax.adaptive_grad_clip(0.01),
        "optax.centralize": lambda: optax.centralize(),
        "optax.add_noise": lambda: optax.add_noise(0.3, 0.55, jax.random.key(1)),
    }
    around = {
        "optax.apply_if_finite": (lambda inner: optax.apply_if_finite(inner, 100), 1),
        "optax.lookahead": (lambda inner: optax.lookahead(inner, 6, 0.5), 6),
        "optax.contrib.mechanize": (lambda inner: optax.contrib.mechanize(inner), 1),
        "optax.MultiSteps(4)": (
            lambda inner: optax.MultiSteps(inner, 4).gradient_transformation(),
            4,
        ),
    }
    return [
        _variant(BARE, _adam),
        *(
            _variant(name, lambda make=make: optax.chain(make(), _adam()))
            for name, make in before.items()
        ),
        *(
            _variant(name, lambda wrap=wrap: wrap(_adam()), cycle)
            for name, (wrap, cycle) in around.items()
        ),
        _variant("optax.contrib.momo_adam", lambda: optax.contrib.momo_adam(RATE)),
    ]


def _adam() -> optax.GradientTransformation:
    return optax.adam(RATE, eps=1e-7)


def _variant(
    name: str, make: Callable[[], optax.GradientTransformation], cycle: int = 1
) -> Variant:
    return Variant(name, "peers", lambda workload: _step(name, make(), workload), _BASES, cycle)


_BASES = (BARE_ADAM, BARE)


def _step(name: str, transformation: Any, workload: Workload) -> Step:
    looks_ahead = name == "optax.lookahead"
    transformation = optax.with_extra_args_support(transformation)

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
