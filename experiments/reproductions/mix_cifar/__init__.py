"""Eighteen optimizers on CIFAR-10."""
