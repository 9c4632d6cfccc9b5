"""Stacks as one line of text: `adam(1e-3) | normalized('l2', scope='layer') | l4`."""

from .describing import describe
from .parsing import chain, parse

__all__ = ["chain", "describe", "parse"]
