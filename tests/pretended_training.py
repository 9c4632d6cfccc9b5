"""Comparisons without training, for tests of all that is around it."""

import numpy as np

from stepwrap.experiments import Record, jobs, plan
from stepwrap.experiments.step_trace import QUANTITIES


def pretend_training(monkeypatch):
    """Has records made up; returns a list that gets the seed of each."""
    seeds = []

    def train(task, make_optimizer, seed, epochs, checkpoint, on_epoch):
        seeds.append(seed)
        learning_rate = float(make_optimizer().learning_rate)
        measured = ["loss", "learning_rate", "seconds"]
        if task.test is not None:
            measured += ["val_loss", "val_accuracy"]
        steps = epochs * plan.steps_per_epoch(task)
        return Record(
            epochs={name: np.linspace(2 + seed, learning_rate, epochs) for name in measured},
            steps={name: np.linspace(2 + seed, learning_rate, steps) for name in QUANTITIES},
        )

    monkeypatch.setattr(jobs, "train", train)
    return seeds
