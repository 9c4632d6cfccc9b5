"""One of two processes that train every case together, each on its half of every batch.

Started by test_torch_processes.py. Writes what the tests look at into the folder that it is given,
where the two processes also meet.
"""

import datetime
import json
import pathlib
import random
import sys

import keras
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

import cases
import distributed_cases
import stepwrap
from distributed_cases import BAD_STEP, BATCH_SIZE, CASES, STEPS, WAYS_TO_GIVE_THE_LOSS

PROCESSES = 2


def train(optimizer, rank=None, give_loss="apply", bad_step=None):
    """A user's own loop; without a rank, in this process alone, on whole batches.

    Args:
        optimizer: What does the steps.
        rank: Which of the processes this is.
        give_loss: The method by which the optimizer is given the loss.
        bad_step: At which step the loss is NaN.
    """
    network = cases.model(optimizer)
    forward = network if rank is None else DistributedDataParallel(network)
    share = slice(None) if rank is None else slice(rank, None, PROCESSES)
    mean_squared_error = keras.losses.MeanSquaredError()
    losses = []
    for step in range(STEPS):
        batch = slice(step * BATCH_SIZE, (step + 1) * BATCH_SIZE)
        x, y = (torch.from_numpy(array[batch][share]) for array in distributed_cases.data())
        loss = mean_squared_error(y, forward(x))
        if step == bad_step:
            loss = loss * float("nan")
        if give_loss == "scale_loss":
            loss = optimizer.scale_loss(loss)
        elif give_loss == "set_loss":
            optimizer.set_loss(loss)
        network.zero_grad()
        loss.backward()
        gradients = [variable.value.grad for variable in network.trainable_variables]
        given = loss if give_loss == "apply" else None
        optimizer.apply(gradients, network.trainable_variables, loss=given)
        losses.append(loss.item())
    return {
        "weights": distributed_cases.flat(network),
        "losses": losses,
        "skipped_steps": int(getattr(optimizer, "skipped_steps", 0)),
    }


def main(rank, folder):
    results = {}
    if rank == 0:
        results["alone"] = {case: train(make()) for case, make in CASES.items()}
    distributed.init_process_group(
        "gloo",
        store=distributed.FileStore(str(folder / "store"), PROCESSES),
        rank=rank,
        world_size=PROCESSES,
        timeout=datetime.timedelta(seconds=120),
    )
    results["together"] = {case: train(make(), rank) for case, make in CASES.items()}
    results["ways"] = {
        way: train(stepwrap.L4Adam(), rank, give_loss=way) for way in WAYS_TO_GIVE_THE_LOSS
    }
    random.seed(rank)  # of which Keras makes a seed where none is given
    results["unseeded"] = train(stepwrap.GradientNoise(keras.optimizers.SGD()), rank)
    results["bad"] = train(stepwrap.L4Adam(), rank, bad_step=BAD_STEP if rank == 1 else None)
    (folder / f"{rank}.json").write_text(json.dumps(results))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), pathlib.Path(sys.argv[2]))
