"""Published results, done again: a folder for each, with a page that compares the two."""

from .normalized_convex import experiment as normalized_convex

__all__ = ["normalized_convex"]
