"""Wrappers that choose the size of the step themselves."""
