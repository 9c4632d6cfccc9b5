"""Wrappers that decide whether, and on which batches, there is a step."""
