"""How the gradients of a step are divided into blocks that share one norm.

The blocks of a layer are those of "Block-Normalized Gradient Method"
(Yu et al., arXiv 1707.04822).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

Tensor = Any
Variable = Any

SCOPES = ("variable", "layer", "global")


def transform(
    function: Callable[[list[list[Tensor]]], list[list[Tensor]]],
    scope: str,
    gradients: Sequence[Tensor],
    variables: Sequence[Variable],
) -> list[Tensor]:
    """Return the gradients after a function of blocks, in the order they came.

    Gradients without elements are in no block, and stay as they are.
    """
    places = divide(scope, variables)
    if any(0 in gradient.shape for gradient in gradients):
        filled = [[place for place in block if 0 not in gradients[place].shape] for block in places]
        places = [block for block in filled if block]
    if not places:
        return list(gradients)
    transformed = list(gradients)
    blocks = function([[gradients[place] for place in block] for block in places])
    for block_places, block in zip(places, blocks, strict=True):
        for place, gradient in zip(block_places, block, strict=True):
            transformed[place] = gradient
    return transformed


def divide(scope: str, variables: Sequence[Variable]) -> list[list[int]]:
    """Return the places of the variables of each block.

    Args:
        scope: "variable": every variable by itself; "layer": the variables of
            one layer together; "global": all together.
        variables: The variables, in any order.
    """
    places = range(len(variables))
    if scope == "variable":
        return [[place] for place in places]
    if scope == "global":
        return [list(places)]
    blocks: dict[Any, list[int]] = {}
    for place, layer in zip(places, _layers(variables), strict=True):
        blocks.setdefault(layer, []).append(place)
    return list(blocks.values())


def _layers(variables: Sequence[Variable]) -> list[Any]:
    """Return a key for the layer of each variable: what stands before the last "/" of its path.

    Two layers that were given one name differ in the count of the paths seen;
    a variable that belongs to no layer is a layer of its own.
    """
    keys: list[Any] = []
    seen: Counter[str] = Counter()
    for place, variable in enumerate(variables):
        path = getattr(variable, "path", variable.name)
        layer, separator, _ = path.rpartition("/")
        keys.append((layer, seen[path]) if separator else place)
        seen[path] += 1
    return keys
