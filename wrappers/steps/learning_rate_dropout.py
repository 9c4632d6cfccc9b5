"""Dropped elements of the steps."""

from __future__ import annotations

from typing import Any

from ... import checks
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...toolkit.random_numbers import RandomNumbers
from ..catalogue import wrapper


@wrapper("learning_rate_dropout")
class LearningRateDropout(OptimizerWrapper):
    """Drops elements of the step at random, as if their learning rate were 0 for once.

        w ← w + m ⊙ p,    m ~ Bernoulli(keep) for every element

    p is the inner optimizer's step; its state sees every gradient.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text or a config.
        keep: The probability that an element is kept, in (0, 1]. Default: 0.5, as in the
            paper's experiments.
        seed: A whole number of at least 0 for the same elements in every run, or None
            for what `keras.utils.set_random_seed` decides. Default: None.
        name: The wrapper's name. Default: made from the class name.

    Raises:
        TypeError, ValueError: If `keep` or `seed` is no number of its range.

    References:
        Lin, Zeng, Ding, Huang, Huang, Paisley: "Learning Rate Dropout", arXiv 1912.00144.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        keep: float = 0.5,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.keep = checks.probability("keep", keep)
        self.seed = checks.seed("seed", seed)
        self._random = RandomNumbers(self.add_seed_generator(self.seed))

    def transform_steps(
        self, steps: list[Tensor], gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return the steps, thinned."""
        return self._random.thinned(steps, self.keep)
