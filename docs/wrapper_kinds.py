"""The kinds of wrappers that `docs/new_wrapper.py` can begin: what each template is filled with."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Kind:
    """Holds what the first version of a wrapper of one kind says and does.

    Args:
        formula: Its formula, as the docstring has it.
        latex: The same for the page.
        symbols: What the signs of the formula are.
        argument: What the argument `factor` does.
        hook: The method that does it.
        reference: What its reference overrides.
        stack: Where a wrapper with this hook may stand in a stack.
        neighbours: Pages of others that act on the same thing.
        heading: The comment above the next kind's pictures, before which its own is put. Nothing:
            its picture comes last.
    """

    formula: str
    latex: str
    symbols: str
    argument: str
    hook: str
    reference: str
    stack: str
    neighbours: tuple[str, ...]
    heading: str


TAKES_STEPS = """\
It takes steps. It may stand around any wrapper of gradients or steps; a wrapper of weights,
[SkipNonFinite](skip_non_finite.md), [GradientAccumulation](gradient_accumulation.md) and a loss
scaler have to stand outside of it, and `use_ema=True` inside of it is refused."""
STEP = "$p$ is the step that the inner optimizer would add to the weights $w$ of a variable"

KINDS = {
    "gradients": Kind(
        formula="g ← factor · g",
        latex=r"g \leftarrow c\, g",
        symbols="$g$ is the gradient of a variable",
        argument="What the gradient is multiplied by",
        hook='''
    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the gradients, multiplied by `factor`."""
        return [self.factor * gradient for gradient in gradients]
''',
        reference="of_gradients(self, weights, gradients)",
        stack="""\
It changes gradients, and may stand around every wrapper except
[GradientAccumulation](gradient_accumulation.md) and [LossScaleOptimizer](loss_scale_optimizer.md),
which have to stand outside of it.""",
        neighbours=("[ClippedOptimizer](clipped.md)", "[NormalizedOptimizer](normalized.md)"),
        heading="# Of steps.",
    ),
    "steps": Kind(
        formula="w ← w + factor · p",
        latex=r"w \leftarrow w + c\, p",
        symbols=STEP,
        argument="What the inner optimizer's step p is multiplied by",
        hook='''
    def transform_steps(
        self, steps: list[Tensor], gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the steps, multiplied by `factor`."""
        return [self.factor * step for step in steps]
''',
        reference="of_steps(self, weights, gradients, steps)",
        stack=TAKES_STEPS,
        neighbours=("[StepClipping](step_clipping.md)", "[Cautious](cautious.md)"),
        heading="# Of weights.",
    ),
    "step_sizes": Kind(
        formula="w ← w + factor · p",
        latex=r"w \leftarrow w + c\, p",
        symbols=STEP,
        argument="What the inner optimizer's step p is multiplied by",
        hook='''
    def take_steps(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> list[Tensor]:
        """Return the steps, scaled by what is known before and after the inner optimizer runs."""
        return [self.factor * step for step in inner_steps(gradients)]
''',
        reference="step(self, weights, gradients, loss, seen)",
        stack=TAKES_STEPS,
        neighbours=("[L4Wrapper](l4.md)", "[TrustRatio](trust_ratio.md)"),
        heading="# Of weights.",
    ),
    "weights": Kind(
        formula="w ← factor · w",
        latex=r"w \leftarrow c\, w",
        symbols="$w$ are the weights of a variable after the step",
        argument="What the weights are multiplied by after a step",
        hook='''
    def after_step(self, variables: list[Variable]) -> None:
        """Multiplies the weights by `factor`."""
        for variable in variables:
            variable.assign(self.factor * ops.convert_to_tensor(variable))
''',
        reference="step(self, weights, gradients, loss, seen)",
        stack="""\
It works on the weights after the step, and has to stand outside of all wrappers that take steps,
such as [Cautious](cautious.md) and [L4Wrapper](l4.md); in the other order there is an error.
Wrappers of gradients may stand on both sides. [SkipNonFinite](skip_non_finite.md),
[GradientAccumulation](gradient_accumulation.md) and a loss scaler have to stand outside of it.""",
        neighbours=("[Lookahead](lookahead.md)", "[MovingAverage](moving_average.md)"),
        heading="# Whether there is a step.",
    ),
    "updates": Kind(
        formula="w, inner state ← step of the inner optimizer    where max |g| > factor",
        latex=r"(w, s) \leftarrow \mathrm{step}(w, s, g) \quad \text{where } \max |g| > c",
        symbols="$w$ are the weights, $s$ is the state of the stack inside, $g$ are the gradients",
        argument="What the largest element of the gradients has to exceed",
        hook='''
    def apply_inner(
        self, gradients: list[Tensor | None], variables: list[Variable], loss: Tensor | None
    ) -> None:
        """Runs the inner optimizer where a gradient is large enough."""
        seen = [gradient for gradient in gradients if gradient is not None]
        largest = [ops.cast(ops.max(ops.abs(gradient)), "float32") for gradient in seen]

        def step(gradients: list[Tensor | None], loss: Tensor | None) -> None:
            super(CLASS, self).apply_inner(gradients, variables, loss)

        self.run_if(ops.max(ops.stack(largest)) > self.factor, step, gradients, loss)
''',
        reference="step(self, weights, gradients, loss, seen)",
        stack="""\
It decides whether there is a step, and has to stand outside of all wrappers that take steps and of
all wrappers of weights; in the other order there is an error. Wrappers of gradients may stand on
both sides; outside of it they see every batch, also one without a step.""",
        neighbours=(
            "[SkipNonFinite](skip_non_finite.md)",
            "[GradientAccumulation](gradient_accumulation.md)",
        ),
        heading="",
    ),
}
