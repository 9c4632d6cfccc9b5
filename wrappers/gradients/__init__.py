"""Wrappers that change the gradients before the inner optimizer sees them."""
