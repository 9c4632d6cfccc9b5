"""Wrappers that change the inner optimizer's step before it is written to the weights."""
