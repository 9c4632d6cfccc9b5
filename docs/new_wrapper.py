"""Writes the files of a new wrapper from a template; `make wrapper` runs it, and then ruff.

Usage: python docs/new_wrapper.py NAME KIND

The wrapper works as it stands, and is in the catalogue; its reference fails until it is written.
"""

from __future__ import annotations

import pathlib
import sys

from stepwrap import catalogue, wrappers

ROOT = pathlib.Path(__file__).parents[1]
# What it acts on: the first line, the formula, what the argument does, and the hook.
KINDS = {
    "gradients": (
        "Gradients that are changed",
        "g ← factor · g",
        "What the gradient is multiplied by",
        '''
    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """The gradients, scaled."""
        return [self.factor * gradient for gradient in gradients]
''',
    ),
    "steps": (
        "Steps that are changed",
        "w ← w + factor · p",
        "What the inner optimizer's step p is multiplied by",
        '''
    def transform_steps(
        self, steps: list[Tensor], gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """The steps, scaled."""
        return [self.factor * step for step in steps]
''',
    ),
    "step_sizes": (
        "Step sizes",
        "w ← w + factor · p",
        "What the inner optimizer's step p is multiplied by",
        '''
    def take_steps(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> list[Tensor]:
        """The steps, scaled by what is known before and after the inner optimizer runs."""
        return [self.factor * step for step in inner_steps(gradients)]
''',
    ),
    "weights": (
        "Weights that are changed",
        "w ← factor · w",
        "What the weights are multiplied by after a step",
        '''
    def after_step(self, variables: list[Variable]) -> None:
        """Scales the weights."""
        for variable in variables:
            variable.assign(self.factor * ops.convert_to_tensor(variable))
''',
    ),
    "updates": (
        "Steps that are not made",
        "w, inner state ← step of the inner optimizer    where max |g| > factor",
        "What the largest element of the gradients has to exceed",
        '''
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
    ),
}
# ruff takes out what is not used.
WRAPPER = '''"""TITLE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from ... import checks
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ..catalogue import wrapper


@wrapper("NAME", example={"factor": 0.5})
class CLASS(OptimizerWrapper):
    """Says in one sentence what it does.

        FORMULA

    When to use it, and when not. What stays as it is.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        factor: ARGUMENT, above 0. Default: 1.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `factor` is no number above 0.

    References:
        Authors: "Title", where, which equation.
    """

    def __init__(
        self, inner_optimizer: Any, factor: float = 1.0, name: str | None = None
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.factor = checks.number("factor", factor, above=0)
HOOK'''
REFERENCE = """

@reference("NAME")
class CLASS(Reference):
    def __init__(self, factor):
        self.factor = factor

    def step(self, weights, gradients, loss, seen):
        # Until the formula stands here, the tests fail and say where to put it.
        raise NotImplementedError(
            "Write the formula of `NAME`, from its docstring, in NumPy: "
            "tests/references/KIND.py."
        )
"""


def write(name: str, kind: str, root: pathlib.Path = ROOT) -> None:
    """Writes the wrapper, its reference and its export.

    Raises:
        ValueError: If there is such a wrapper, or no such kind.
    """
    catalogue.check_name_in_texts(name)
    path = root / "wrappers" / kind / f"{name}.py"
    if kind not in KINDS:
        raise ValueError(f"KIND must be one of {', '.join(KINDS)}. Received: {kind!r}")
    if name in wrappers.names() or path.exists():
        raise ValueError(f"There is a wrapper called {name!r}.")
    cls = "".join(part.capitalize() for part in name.split("_"))
    title, formula, argument, hook = KINDS[kind]
    words = {"TITLE": title, "FORMULA": formula, "ARGUMENT": argument, "HOOK": hook}
    words |= {"NAME": name, "CLASS": cls, "KIND": kind}

    path.write_text(_filled(WRAPPER, words), encoding="utf-8")
    with (root / "tests" / "references" / f"{kind}.py").open("a", encoding="utf-8") as references:
        references.write(_filled(REFERENCE, words))
    classes = root / "wrappers" / "classes.py"
    imports, names = classes.read_text(encoding="utf-8").split("\n\n__all__ = [\n")
    imports += f"\nfrom .{kind}.{name} import {cls}"
    names = f'    "{cls}",\n{names}'  # ruff sorts both
    classes.write_text(f"{imports}\n\n__all__ = [\n{names}", encoding="utf-8")


def _filled(template: str, words: dict[str, str]) -> str:
    for word, text in words.items():
        template = template.replace(word, text)
    return template


if __name__ == "__main__":
    try:
        write(*sys.argv[1:])
    except ValueError as error:
        raise SystemExit(f"make wrapper NAME=my_wrapper KIND={'|'.join(KINDS)}\n{error}") from None
