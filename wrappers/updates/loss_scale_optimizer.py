"""Loss scaling that hands on the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras

from ...backends import keras_private, replicas
from ...core import stack
from ...core.inner_settings import InnerSettings
from ...core.optimizer_wrapper import OptimizerWrapper
from ...core.saving import SavedState
from ...core.selected_variables import refuse_selection

Tensor = Any


@keras.saving.register_keras_serializable(package="stepwrap")
class LossScaleOptimizer(SavedState, InnerSettings, keras.optimizers.LossScaleOptimizer):
    """Keras' loss scaler for mixed_float16, for every stack of wrappers and any replicas.

        loss     ← loss · scale, before gradients are taken
        gradient ← gradient / scale
        scale    ← scale / 2, and no step       where a gradient overflowed
        scale    ← scale · 2                     after dynamic_growth_steps steps without

    Keras' own, which `compile` adds by itself, keeps the loss to itself, and looks for an
    overflow on the first replica only. This one gives the unscaled loss to the wrappers
    inside, and makes no step on any replica if a gradient overflowed on one of them.
    `compile` takes it as it is:
    `model.compile(stepwrap.LossScaleOptimizer(stepwrap.L4Wrapper("adam")), ...)`.

    Args:
        inner_optimizer: The optimizer to wrap, an instance.
        initial_scale: The first scale, above 0; a power of 2 loses no digits. Default: 2 ** 15.
        dynamic_growth_steps: After how many steps without overflow the scale is doubled.
            Default: 2000.
        name: The optimizer's name. Default: made from the class name.

    References:
        Micikevicius et al.: "Mixed Precision Training", arXiv 1710.03740, Section 3.2.
    """

    __repr__ = OptimizerWrapper.__repr__

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuses what every other wrapper takes: the loss is scaled for all variables."""
        for argument in ("only", "exclude"):
            if argument in kwargs:
                refuse_selection(cls, argument, kwargs[argument])
        return super().__new__(cls)

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Return the loss to differentiate; the wrappers inside see it as it was."""
        stack.set_loss(self.inner_optimizer, loss)
        return super().scale_loss(loss)

    def apply(self, grads: Sequence[Tensor | None], trainable_variables: Any = None) -> None:
        """Does one step, or none if a gradient is not finite; the loss given for it is used up."""
        try:
            super().apply(grads, trainable_variables)
        finally:
            stack.set_loss(self.inner_optimizer, None)

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Tensor],
        grads: Sequence[Tensor],
        trainable_variables: Sequence[Tensor],
    ) -> tuple[Any, list[Tensor]]:
        """Does what `apply` does, on tensors: returns the new weights and the new `variables`."""
        try:
            return super().stateless_apply(optimizer_variables, grads, trainable_variables)
        finally:
            stack.set_loss(self.inner_optimizer, None)

    def check_finite(self, grads: Sequence[Tensor | None]) -> Tensor:
        """Return whether the gradients of all replicas are finite."""
        return replicas.on_all_replicas(super().check_finite(grads))

    # Keras stores the inner variables here, too, and then finds them missing if there are fewer.
    @property
    def own_variables(self) -> list[Any]:
        """Return the scale and the count of steps, without the inner optimizer's variables."""
        inner = {id(variable) for variable in self.inner_optimizer.variables}
        return [variable for variable in self.variables if id(variable) not in inner]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of `__init__`; Keras 3.8 would add settings that are the inner
        one's.
        """
        own = ("name", "inner_optimizer", "initial_scale", "dynamic_growth_steps")
        config = {name: value for name, value in super().get_config().items() if name in own}
        return keras_private.with_public_classes(config)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None) -> Self:
        """Return the optimizer that `get_config` described."""
        return super().from_config(keras_private.with_public_classes(config), custom_objects)
