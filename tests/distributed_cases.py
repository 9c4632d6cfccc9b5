"""What is trained on one device and on several, or in several processes: the same on each backend.

The programs that train write a JSON file; a run of the suite starts each of them once.
"""

import functools
import os
import time

import keras
import numpy as np

import cases
import stepwrap

BASES = {
    "SGD": keras.optimizers.SGD,
    "SGD-momentum": functools.partial(keras.optimizers.SGD, momentum=0.9),
    "Adam": keras.optimizers.Adam,
    "Adam-clipnorm": functools.partial(keras.optimizers.Adam, clipnorm=1.0),
    "AdamW": keras.optimizers.AdamW,
}
KINDS = ("normalized", "l4")  # one of gradients and one of steps, which meet every base
STACKS = ("stack", "stack_of_steps", "user_steps")


def _pairs(wrappers, bases):
    return {
        f"{wrapper}-{base}": lambda wrap=cases.WRAPPERS[wrapper], base=BASES[base]: wrap(base())
        for wrapper in wrappers
        for base in bases
    }


# Each makes an optimizer.
CASES = {
    **_pairs(KINDS, BASES),
    **_pairs([*stepwrap.wrappers.names(), *STACKS], ["Adam"]),
    **_pairs(["learning_rate_multipliers"], ["AdamW"]),  # which scales the decay, too
    "L4Adam": stepwrap.L4Adam,
    "L4Mom": stepwrap.L4Mom,
}
RESUMED = [name for name in CASES if name.endswith(("Adam", "L4Mom"))]
MONITORED = "stack_of_steps-Adam"

# Also looked at on torch.
WAYS_TO_GIVE_THE_LOSS = ("apply", "scale_loss", "set_loss")
BAD_STEP = 5

STEPS = 20
BATCH_SIZE = 8


def data():
    """One epoch of steps."""
    return cases.data(STEPS * BATCH_SIZE)


def flat(network):
    """The weights as a list of numbers, which JSON keeps bit for bit."""
    return np.concatenate([value.ravel() for value in cases.values(network.weights)]).tolist()


def assert_trained_alike(weights, expected, record):
    """The weights differ by less than 1e-6, and are no longer those that training began with."""
    difference = np.max(np.abs(np.subtract(weights, expected)))
    record(float(difference))
    assert difference < 1e-6
    assert np.max(np.abs(np.subtract(weights, flat(cases.model())))) > 1e-3


def made_once(tmp_path_factory, name, make, seconds):
    """The folder that `make(folder)` fills, for all workers of pytest-xdist only once."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    done = folder / "done"
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + seconds
        while not done.exists():
            assert time.monotonic() < deadline, f"{name}: not made in {seconds} seconds"
            time.sleep(0.1)
    else:
        try:
            make(folder)
        finally:
            done.touch()
    return folder
