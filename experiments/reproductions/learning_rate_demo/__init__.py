"""A line through points by gradient descent at three learning rates, and with L4."""
