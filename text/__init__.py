"""Stacks as one line of text: `adam(1e-3) | normalized('l2', scope='layer') | l4`."""

from ..optimizers import text_form
from .describing import describe, short_form
from .parsing import chain, parse

__all__ = ["chain", "describe", "parse"]

text_form.provide(read=parse, write=short_form)
