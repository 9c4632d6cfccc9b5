"""Replicas on JAX: there is one, as a sharded program computes whole gradients and losses."""

from ..reference.replicas import Replicas

__all__ = ["Replicas"]
