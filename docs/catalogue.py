"""Writes the table of the catalogue from the wrappers themselves.

Usage: python docs/catalogue.py
"""

from __future__ import annotations

import inspect
import pathlib
import re

import keras
import numpy as np

import stepwrap
from stepwrap.core.sparse import keeps_rows

PAGE = pathlib.Path(__file__).with_name("catalogue_table.md")
# Where the formula of the docstring is too long for a table.
SHORT = {
    "lookahead": "slow ← slow + slow_step_size · (w − slow); w ← slow, every sync_period steps",
    "cautious_weight_decay": "w ← w − η · rate · w where −p · w ≥ 0; w ← w + p",
    "decay_to_initial_weights": "w ← w − η · rate · (w − w₀); w ← w + p",
    "moving_average": "average ← decay · average + (1 − decay) · w",
    "stochastic_weight_average": "average ← mean of w at every average_period-th step",
    "gradient_accumulation": "one step on the means of g and L over `steps` batches",
    "skip_non_finite": "no step where g or the loss is not finite",
    "l4": "w ← w − η · v, η = fraction · (loss − minloss_factor · min_loss) / g̃ᵀv",
    "freeze": "w ← w + p from the step until(path) on; before it w ← w, bit for bit",
    "warm_up": "w ← w + min(1, start + (1 − start) · t / steps) · p, t steps made before",
    "step_clipping": "p ← p · max_norm / ‖p‖ where ‖p‖ > max_norm, or the same with max_rms",
    "step_momentum": "v ← momentum · v + p; w ← w + v",
}
HOOKS = {
    "transform_gradients": "gradient",
    "transform_steps": "step",
    "take_steps": "step",
    "before_step": "weights",
    "after_step": "weights",
    "apply_inner": "whether there is a step",
}


def table() -> str:
    """Return the table, in Markdown."""
    header = ["name", "class", "acts on", "formula", "paper", "arguments", "sparse", "memory"]
    rows = [header, ["---"] * 7 + ["---:"], *map(row, sorted(stepwrap.wrappers.names(), key=order))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def order(name: str) -> tuple[int, str]:
    """Wrappers of gradients first, then those of steps, of weights, and the others."""
    return list(HOOKS.values()).index(acts_on(name)), name


def row(name: str) -> list[str]:
    """Return the cells of one wrapper."""
    cls = stepwrap.wrappers.get(name)
    return [
        f"`{name}`",
        f"`{cls.__name__}`",
        acts_on(name),
        SHORT.get(name) or formula(cls),
        papers(cls),
        arguments(cls),
        "stays" if keeps_rows(cls) else "dense",
        f"{memory(name):g}",
    ]


def acts_on(name: str) -> str:
    """Return what the first hook that it overrides changes; decay changes the weights anywhere."""
    cls = stepwrap.wrappers.get(name)
    if cls.decays_weights:
        return "weights"
    return next(what for hook, what in HOOKS.items() if cls.overrides(hook))


def formula(cls: type) -> str:
    """Return the first indented block of the docstring, on one line."""
    [block] = re.findall(r"\n\n((?:    .*\n)+)\n", inspect.getdoc(cls) + "\n\n")[:1]
    lines = (" ".join(line.split()).rstrip(",") for line in block.splitlines())
    return "; ".join(lines).replace("|", "\\|")


def papers(cls: type) -> str:
    """Return the papers of the docstring, as links."""
    numbers = dict.fromkeys(re.findall(r"arXiv\s+(\d{4}\.\d{4,5})", cls.__doc__))
    return ", ".join(f"[{number}](https://arxiv.org/abs/{number})" for number in numbers) or "–"


def arguments(cls: type) -> str:
    """Return the arguments with their defaults, without those that every wrapper takes."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    common = ("self", "inner_optimizer", "name", *cls.arguments_of_all)
    own = [p for p in parameters if p.name not in common]
    return ", ".join(f"`{p.name}{written_default(p)}`" for p in own) or "–"


def written_default(parameter: inspect.Parameter) -> str:
    """Return the default as it stands in a call, or nothing."""
    return "" if parameter.default is parameter.empty else f"={parameter.default!r}"


def memory(name: str) -> float:
    """Return the size of the wrapper's own state, in copies of a model of 10,000 weights."""
    variable = keras.Variable(np.zeros((100, 100)), dtype="float32", name="kernel")
    optimizer = stepwrap.wrappers.get(name)("sgd", **stepwrap.wrappers.example(name))
    optimizer.build([variable])
    return round(sum(np.prod(own.shape) for own in optimizer.own_variables) / 1e4, 2)


if __name__ == "__main__":
    PAGE.write_text(table(), encoding="utf-8")
