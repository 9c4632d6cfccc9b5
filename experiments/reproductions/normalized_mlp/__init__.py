"""Normalised gradients in a network of 30 dense layers on MNIST."""
