"""L4 on a residual network with CIFAR-10."""
