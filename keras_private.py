"""The names of Keras that are not public, each behind one function, used nowhere else.

`tests/test_keras_private.py` fails when one of them goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras


def built_variables(optimizer: keras.optimizers.Optimizer) -> list[Any]:
    """The variables that an optimizer was built with.

    `_trainable_variables`: since Keras 3.0.
    """
    return optimizer._trainable_variables


def check_known(optimizer: keras.optimizers.Optimizer, variables: Sequence[Any]) -> None:
    """Raises Keras' own error for a variable that the optimizer was not built with.

    `_check_variables_are_known`: since Keras 3.0. It also matches the backend's
    variables to those of Keras, and replicas to their distributed variable.
    """
    optimizer._check_variables_are_known(variables)


def averages(optimizer: keras.optimizers.Optimizer) -> list[Any]:
    """The averages of the weights that an optimizer keeps for `use_ema`.

    `_model_variables_moving_average`, made by `build`: since Keras 3.0. None stands for
    the average of a variable that Keras writes the gradient to.
    """
    return optimizer._model_variables_moving_average if optimizer.use_ema else []


def layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers of a model, and those inside of them, at any depth.

    `_flatten_layers`: since Keras 3.0.
    """
    return model._flatten_layers(include_self=False)


def variable_index(optimizer: keras.optimizers.Optimizer, variable: Any) -> int:
    """The place of a variable among those that the optimizer was built with.

    `_get_variable_index`: since Keras 3.0. It knows a replica's part of a variable as well.
    """
    return optimizer._get_variable_index(variable)


def first_moments(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[Any]
) -> list[keras.Variable]:
    """The averages of the gradients that Adam and AdamW keep for these variables.

    `_momentums`, made by `build`: since Keras 3.0.
    """
    return [optimizer._momentums[variable_index(optimizer, variable)] for variable in variables]


def is_of_keras(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether it is an optimizer of Keras itself, not somebody's subclass.

    The package of its class, also of the classes without a public name for PyTorch: since
    Keras 3.0.
    """
    return type(optimizer).__module__.partition(".")[0] == "keras"


def has_averages(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether an optimizer was built with `use_ema`.

    `_model_variables_moving_average`: since Keras 3.0.
    """
    return hasattr(optimizer, "_model_variables_moving_average")


class DelegatedAverages:
    """Leads `keras.callbacks.SwapEMAWeights` to the averages of an optimizer further inside.

    It looks for `use_ema` and `_model_variables_moving_average`, both since Keras 3.0, one
    wrapper deep.
    """

    builds_own_state: bool = False
    """Whether Keras' `build` is at work, which would make averages where `use_ema` is set."""

    def build(self, variables: Sequence[Any]) -> None:
        """Makes no averages: the optimizer inside has them."""
        self.builds_own_state = True
        try:
            super().build(variables)
        finally:
            self.builds_own_state = False

    @property
    def _model_variables_moving_average(self) -> list[Any]:
        return self.inner_optimizer._model_variables_moving_average


def replace_reduction(optimizer: keras.optimizers.Optimizer, unless: Callable[[], bool]) -> None:
    """Has an optimizer on TensorFlow sum gradients over replicas only where `unless` is false.

    `_all_reduce_sum_gradients(grads_and_vars)`: since Keras 3.2.1.
    """
    if "_all_reduce_sum_gradients" in vars(optimizer):
        return  # another wrapper of the stack has done it
    reduce = optimizer._all_reduce_sum_gradients
    optimizer._all_reduce_sum_gradients = lambda pairs: pairs if unless() else reduce(pairs)


PARALLEL_UPDATE_STEP = "_parallel_update_step"


def parallel_update_step(optimizer: keras.optimizers.Optimizer) -> Callable | None:
    """What updates all variables at once, in the optimizers that Keras rewrote for PyTorch.

    `_parallel_update_step(gradients, variables, learning_rate)`: since Keras 3.0. It
    writes to the weights past `assign`, `assign_add` and `assign_sub`.
    """
    return getattr(optimizer, PARALLEL_UPDATE_STEP, None)
