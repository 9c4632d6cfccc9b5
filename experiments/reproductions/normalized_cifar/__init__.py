"""Normalised gradients in a convolutional network on CIFAR-10."""
