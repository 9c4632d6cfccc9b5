"""L4 on a Differentiable Neural Computer."""
