"""The registry of normalizers, by name: the built-in ones and those added at run time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import checks
from ..catalogue import Catalogue
from . import norms
from .normalizer import FunctionNorm, FunctionNormalizer, Normalizer, NormNormalizer
from .norms import Norm, Tensor


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise TypeError(
            f"`name` must be a string that is not empty. Received: {name!r}. As a decorator, "
            "write `@register('my_name')`."
        )


_catalogue = Catalogue(
    "normalizer",
    {name: NormNormalizer(norm) for name, norm in norms.BUILT_IN.items()},
    _check_name,
)

unregister = _catalogue.unregister
names = _catalogue.names


def register(
    name: str, normalizer: Callable[[Tensor], Tensor] | None = None, *, replace: bool = False
) -> Callable:
    """Adds a normalizer under a name; a decorator if no function is given.

    Args:
        name: How `NormalizedOptimizer(..., name)` refers to it.
        normalizer: A function from a gradient tensor to a normalised tensor of
            the same shape and dtype, written with `keras.ops`.
        replace: Whether an existing name may be given a new meaning. Default: False.

    Returns:
        The function, unchanged.

    Raises:
        TypeError: If `normalizer` cannot be called or `name` is no string.
        ValueError: If the name exists and `replace` is False.
    """

    def make(function: Any) -> Normalizer:
        return FunctionNormalizer(name, checks.function("normalizer", function))

    return _catalogue.register(name, normalizer, make, replace)


def register_norm(
    name: str, norm: Callable[[Tensor], Tensor] | None = None, *, replace: bool = False
) -> Callable:
    """Adds the normalizer gradient / (norm + epsilon); a decorator if no function is given.

    Args:
        name: How `NormalizedOptimizer(..., name)` and `ClippedOptimizer(..., name)`
            refer to it.
        norm: A function from a gradient tensor (float32, or float64) to a scalar,
            written with `keras.ops`.
        replace: Whether an existing name may be given a new meaning. Default: False.

    Returns:
        The function, unchanged.

    Raises:
        TypeError: If `norm` cannot be called or `name` is no string.
        ValueError: If the name exists and `replace` is False.
    """

    def make(function: Any) -> Normalizer:
        return NormNormalizer(FunctionNorm(name, checks.function("norm", function)))

    return _catalogue.register(name, norm, make, replace)


def names_of_norms() -> list[str]:
    """Return the names of all that have a norm, which `ClippedOptimizer` takes, sorted."""
    return [name for name in names() if isinstance(_catalogue.get(name), NormNormalizer)]


def get(normalization: str | Callable[[Tensor], Tensor]) -> Normalizer:
    """Return the normalizer of that name, or one made from a function gradient → normalised
    gradient.

    Raises:
        ValueError: If the name is not registered.
        TypeError: If it is neither a name nor callable.
    """
    if callable(normalization):
        return FunctionNormalizer(_name_of(normalization), normalization)
    return _find(normalization)


def get_norm(normalization: str | Callable[[Tensor], Tensor]) -> Norm:
    """Return the norm of that name, or one made from a function gradient → scalar.

    Raises:
        ValueError: If the name is not registered, or its normalizer has no norm.
        TypeError: If it is neither a name nor callable.
    """
    if callable(normalization):
        return FunctionNorm(_name_of(normalization), normalization)
    normalizer = _find(normalization)
    if not isinstance(normalizer, NormNormalizer):
        raise ValueError(
            f"normalization={normalization!r} was registered as a normalizer, which has no norm "
            f"to compare with. Register its norm, a function from a gradient to a scalar: "
            f"`stepwrap.normalizers.register_norm({normalization + '_norm'!r}, my_norm)`."
        )
    return normalizer.norm


def _find(name: Any) -> Normalizer:
    if not isinstance(name, str):
        raise TypeError(
            "`normalization` must be the name of a normalizer, such as 'l2', or a function of a "
            f"gradient tensor. Received: {name!r} of type {type(name).__name__}."
        )
    if name not in names():
        raise ValueError(
            f"normalization={name!r} is not registered.{checks.nearest(name, names())} "
            f"Registered: {checks.listed(names())}. Add one of your own before the optimizer is "
            f"made or the model is loaded: `stepwrap.normalizers.register({name!r}, my_function)`."
        )
    return _catalogue.get(name)


def _name_of(function: Callable) -> str:
    return getattr(function, "__name__", repr(function))
