"""Ten steps of gradient descent at three learning rates, and with L4, which needs none."""
