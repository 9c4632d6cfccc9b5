"""L4 on MNIST: the convolutional network of Keras' example."""
