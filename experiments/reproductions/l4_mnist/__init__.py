"""L4 on MNIST: the network of the paper."""
