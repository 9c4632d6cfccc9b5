"""Optimizers for PyTorch with the arithmetic of the wrappers, around or beside PyTorch's Adam."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch

from steps import Step
from variants import BARE_ADAM, BARE_MOMENTUM, RATE, Variant
from workload import Workload

BARE = "torch.optim.Adam"
Parameters = list[torch.nn.Parameter]


def variants() -> list[Variant]:
    """PyTorch's Adam, and what is installed of the packages that wrap it."""
    found = [
        _variant(BARE, _adam),
        _variant("torch.optim.Adam(fused=True)", lambda weights: _adam(weights, fused=True)),
        _variant(
            "torch.nn.utils.clip_grad_norm_",
            _adam,
            before=_clip,
            like="ClippedOptimizer(scope='global')",
        ),
        _variant("torch.optim.swa_utils EMA", _adam, after=_average, like="MovingAverage"),
    ]
    if importlib.util.find_spec("pytorch_optimizer") is not None:
        found += _pytorch_optimizer()
    if importlib.util.find_spec("momo") is not None:
        found += _momo()
    return found


def _pytorch_optimizer() -> list[Variant]:
    import pytorch_optimizer as peer

    def clip(weights: Parameters) -> None:
        for weight in weights:
            weight.grad = peer.agc(weight, weight.grad)

    def centralize(weights: Parameters) -> None:
        peer.centralize_gradient([weight.grad for weight in weights])

    return [
        _variant(
            "pytorch_optimizer.Lookahead",
            lambda weights: peer.Lookahead(_adam(weights), k=6, alpha=0.5),
            like="Lookahead",
            cycle=6,
        ),
        _variant(
            "pytorch_optimizer.OrthoGrad",
            lambda weights: peer.OrthoGrad(_adam(weights)),
            like="OrthogonalGradient",
        ),
        _variant("pytorch_optimizer.agc", _adam, before=clip, like="AdaptiveGradientClipping"),
        _variant(
            "pytorch_optimizer.centralize_gradient",
            _adam,
            before=centralize,
            like="GradientCentralization",
        ),
    ]


def _momo() -> list[Variant]:
    import momo

    return [
        _variant(
            "momo.MomoAdam",
            lambda weights: momo.MomoAdam(weights, lr=RATE),
            takes_loss=True,
            like="L4Adam",
        ),
        _variant(
            "momo.Momo", lambda weights: momo.Momo(weights, lr=RATE), takes_loss=True, like="L4Mom"
        ),
    ]


def _adam(weights: Parameters, **arguments: bool) -> torch.optim.Optimizer:
    return torch.optim.Adam(weights, RATE, eps=1e-7, **arguments)


def _clip(weights: Parameters) -> None:
    torch.nn.utils.clip_grad_norm_(weights, 1.0)


def _average(weights: Parameters) -> Callable[[], None]:
    update = torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
    averages = [weight.detach().clone() for weight in weights]
    return lambda: update(averages, [weight.detach() for weight in weights], 1)


def _variant(
    name: str,
    make: Callable[[Parameters], torch.optim.Optimizer],
    before: Callable[[Parameters], None] | None = None,
    after: Callable[[Parameters], Callable[[], None]] | None = None,
    takes_loss: bool = False,
    like: str | None = None,
    cycle: int = 1,
) -> Variant:
    """Return a variant.

    Args:
        make: The optimizer.
        before: What is done with the gradients before its step.
        after: Makes what is done with the weights after it.
        takes_loss: Whether its step is given the loss.
        like: The wrapper that does the same.
        cycle: As in `Variant`.
    """

    def start(workload: Workload) -> Step:
        if workload.kind == "step":
            weights = [torch.nn.Parameter(torch.tensor(weight)) for weight in workload.weights()]
            # Some write to them.
            for weight, gradient in zip(weights, workload.gradients, strict=True):
                weight.grad = gradient.clone()
        else:
            model = workload.model()
            weights = [variable.value for variable in model.trainable_variables]
        optimizer = make(weights)
        finish = None if after is None else after(weights)

        def step(loss: torch.Tensor) -> None:
            if before is not None:
                before(weights)
            optimizer.step(**({"loss": loss} if takes_loss else {}))
            if finish is not None:
                finish()

        def train_step() -> None:
            x, y = workload.batch
            loss = keras.ops.mean(keras.losses.mean_squared_error(y, model(x, training=True)))
            optimizer.zero_grad()
            loss.backward()
            step(loss)

        def run() -> None:
            if workload.kind == "step":
                step(workload.loss)
            else:
                train_step()

        run()  # state is made at the first step
        return Step(run, _size(optimizer))

    bare = BARE_MOMENTUM if like == "L4Mom" else BARE_ADAM
    return Variant(name, "peers", start, (bare, BARE), like, cycle)


def _size(optimizer: Any) -> int:
    """Bytes of the state, of a wrapped optimizer's too."""
    own = [tensor for state in optimizer.state.values() for tensor in _tensors(state)]
    inner = getattr(optimizer, "optimizer", None)
    size = sum(tensor.nbytes for tensor in own)
    return size + (_size(inner) if inner is not None and inner.state is not optimizer.state else 0)


def _tensors(state: Any) -> list[torch.Tensor]:
    values = state.values() if isinstance(state, dict) else []
    return [value for value in values if isinstance(value, torch.Tensor | np.ndarray)]
