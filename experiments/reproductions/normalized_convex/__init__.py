"""Normalised gradients on a convex quadratic function, at six learning rates."""
