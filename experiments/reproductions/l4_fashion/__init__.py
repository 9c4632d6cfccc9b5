"""L4 on Fashion-MNIST."""
