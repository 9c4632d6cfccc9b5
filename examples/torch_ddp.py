"""L4 in several processes, with PyTorch's DistributedDataParallel.

    torchrun --nproc_per_node=2 examples/torch_ddp.py

Each process trains on its own share of every batch. DistributedDataParallel averages the gradients
over the processes; the loss of each is handed to the optimizer, which averages it by itself.

This is for CPU. With GPUs, start one process for each, choose the backend "nccl", have each process
call `torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))` before it makes the model, and move
every batch there.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import stepwrap


def data(samples: int = 2048) -> TensorDataset:
    """Points in 16 dimensions, in 4 classes by the quadrant of their first two."""
    x = np.random.default_rng(0).normal(size=(samples, 16)).astype("float32")
    y = (x[:, 0] > 0) + 2 * (x[:, 1] > 0)
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(y))


def train() -> None:
    """Trains, and has the first process print the loss of every epoch."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((16,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(4)]
    )
    parallel_model = DistributedDataParallel(model)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = stepwrap.L4Adam()

    dataset = data()
    sampler = DistributedSampler(dataset)
    loader = DataLoader(dataset, batch_size=32, sampler=sampler)
    for epoch in range(5):
        sampler.set_epoch(epoch)
        for x, y in loader:
            loss = cross_entropy(y, parallel_model(x))
            model.zero_grad()
            loss.backward()
            gradients = [variable.value.grad for variable in model.trainable_variables]
            optimizer.apply(gradients, model.trainable_variables, loss=loss)
        if distributed.get_rank() == 0:
            x, y = dataset.tensors
            print(f"epoch {epoch + 1}: loss {float(cross_entropy(y, model(x))):.4f}")


def main() -> None:
    """Trains in a group of processes."""
    distributed.init_process_group("gloo")
    # A function of its own, at whose end DistributedDataParallel goes: if the group's last owner
    # is that, and not Python, the process may wait for the threads of "gloo" for ever.
    train()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
