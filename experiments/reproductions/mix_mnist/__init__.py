"""Eighteen optimizers on MNIST."""
