"""Replicas on JAX."""

from .. import reference


class Replicas(reference.Replicas):
    """One in every process: a sharded program computes whole gradients and losses."""
