"""The entry to a step: done once, where an optimizer is called from outside.

Inside of a stack, wrappers hand on what comes out of this; see `Batch`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .. import checks
from ..backends import flow, keras_private, kernels, replicas
from ..toolkit.finite import all_finite
from . import refusals
from .batch import Batch
from .sparse import rows_suffice

Tensor = Any
Variable = Any
Wrapper = Any  # an OptimizerWrapper, which is made of this


def enter(
    wrapper: Wrapper,
    gradients: Sequence[Tensor | None],
    variables: Iterable[Variable] | None,
    loss: Tensor | None,
) -> None:
    """Does a step: looks at what was given, makes it whole, and has the stack compiled."""
    if not gradients:
        return
    variables = _variables_of_step(wrapper, gradients, variables)
    forms = wrapper.known_forms.of(variables, lambda: _forms(wrapper, variables))
    if not wrapper.stands_inside:  # again, for attributes can be set at any time
        refusals.sees_true_gradients(type(wrapper).__name__, wrapper.inner_optimizer)
        refusals.decays_once(wrapper, wrapper.inner_optimizer)
    batch = _with_true_gradients(wrapper, Batch.of(gradients, variables, loss), forms)
    given = batch.seen
    # Without the loss there may be a scaler of it outside, which looks for overflows on the first
    # replica alone.
    may_overflow = bool(batch.places) and loss is None and replicas.must_sum()

    def step(seen: list[Tensor], loss: Tensor | None) -> None:
        whole = batch
        if seen is not given or loss is not batch.loss:
            whole = batch.carried_over(batch.replaced(seen).gradients, loss)
        if may_overflow:
            _step_if_finite(wrapper, whole)
        else:
            wrapper.step_on(whole)

    if kernels.sizes_are_known(given):
        step = flow.compiled(step, wanted=lambda: wrapper.compiles_update)
    replicas.once_summed(step, given, loss)


def _variables_of_step(
    wrapper: Wrapper, gradients: Sequence[Tensor | None], variables: Iterable[Variable] | None
) -> list[Variable]:
    if variables is None:
        if not wrapper.built:
            raise ValueError(
                "`apply` needs `trainable_variables` as long as the optimizer is not built. "
                "Pass them, or call `optimizer.build(trainable_variables)` first."
            )
        variables = keras_private.built_variables(wrapper)
    variables = list(variables)
    if len(gradients) != len(variables):
        raise ValueError(
            "`apply` needs one gradient for each variable, None where there is none. "
            f"Received {len(gradients)} gradients and {len(variables)} variables."
        )
    replicas.check_place(type(wrapper).__name__, variables[0])
    wrapper.build(variables)
    return variables


def _forms(wrapper: Wrapper, variables: Sequence[Variable]) -> Sequence[Any]:
    """Return the forms of variables that the wrapper was built with."""
    keras_private.check_known(wrapper, variables)
    return kernels.forms(variables)


def _with_true_gradients(wrapper: Wrapper, batch: Batch, forms: Sequence[Any]) -> Batch:
    """Return the step on what `_true_gradient` makes of the gradients."""
    forms = [forms[place] for place in batch.places]
    if wrapper.loss_scale_factor is None and kernels.have_forms(batch.seen, forms):
        return batch
    return batch.replaced(
        [
            _true_gradient(wrapper, *pair)
            for pair in zip(batch.seen, batch.seen_variables, strict=True)
        ]
    )


def _true_gradient(wrapper: Wrapper, gradient: Tensor, variable: Variable) -> Tensor:
    """Return the gradient of the unscaled loss: dense, unless rows are enough all the way."""
    gradient = _as_tensor(wrapper, gradient, variable)
    if wrapper.loss_scale_factor is not None:
        gradient = gradient / wrapper.loss_scale_factor
    return gradient


def _as_tensor(wrapper: Wrapper, gradient: Any, variable: Variable) -> Tensor:
    """Return a tensor of the variable's shape and dtype, or such rows; raise if it cannot be."""
    stays_sparse = kernels.is_sparse(gradient) and rows_suffice(wrapper, variable)
    try:
        tensor = (kernels.rows if stays_sparse else kernels.dense)(gradient, variable)
    except (TypeError, ValueError) as error:
        raise checks.no_gradient(variable, gradient) from error
    checks.gradient_shape(variable, tensor)
    return tensor


def _step_if_finite(wrapper: Wrapper, batch: Batch) -> None:
    """Does a step, unless a gradient is not finite."""

    def step(gradients: list[Tensor | None], loss: Tensor | None) -> None:
        wrapper.step_on(batch.carried_over(gradients, loss))

    wrapper.run_if(all_finite(batch.seen), step, batch.gradients, batch.loss)
