"""Cells of the tables of reproductions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def number(values: np.ndarray, form: str = "#.2g", center: Callable = np.mean) -> str:
    """The mean over seeds, or what `center` is; that seeds diverged, if their values say so.

    Args:
        values: One for each seed.
        form: How the number is written.
        center: Another function of an array.
    """
    return _diverged(values) or format(center(values), form)


def span(values: np.ndarray, form: str = ".1e") -> str:
    """Return the lowest and the highest of the seeds that did not diverge.

    Args:
        values: One for each seed.
        form: How the numbers are written.
    """
    finite = values[np.isfinite(values)]
    return f"{np.min(finite):{form}} to {np.max(finite):{form}}" if finite.size else "–"


def percentage(values: np.ndarray, digits: int = 1) -> str:
    """The mean in per cent, ± the standard deviation if there are several seeds."""
    shown = f"{100 * np.mean(values):.{digits}f}"
    deviation = f" ± {100 * np.std(values):.{digits}f}" if len(values) > 1 else ""
    return _diverged(values) or shown + deviation


def _diverged(values: np.ndarray) -> str:
    lost = int(np.sum(~np.isfinite(values)))
    if 0 < lost < len(values):
        return f"{lost} of {len(values)} diverged"
    return "diverged" if lost else ""


def of_seeds(count: int, what: str = "mean") -> str:
    """What a number is, such as the mean of seeds 0 to 2."""
    return "seed 0" if count == 1 else f"{what} of seeds 0 to {count - 1}"
