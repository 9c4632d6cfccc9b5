"""The L4 rule, which `L4Wrapper`, `L4Adam` and `L4Mom` share."""

from __future__ import annotations

import abc
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from keras import ops

from ... import checks
from ...backends import flow, kernels
from ...core import stack
from ...core.optimizer_wrapper import OptimizerWrapper, Tensor, Variable
from ...toolkit.skip_tally import SkipTally
from ...toolkit.slots import scalar_dtype
from ...toolkit.user_warning import warn_user
from .gradient_average import InnerAverage, OwnAverage, keeps_average

# Why a step was skipped, in the order in which the state counts them.
SKIPS = {
    "not_finite": "the loss, the gradient or their product was not finite",
    "below_floor": "the loss was below `loss_floor`",
    "no_descent": "the inner optimizer's step did not lead downhill",
    "no_gap": "the loss was not above `minloss_factor` times the lowest loss",
}

LEAST_USUAL_FRACTION = 0.01  # learning rates are below, all that was published is above


class _Decision(NamedTuple):
    """What a step comes to."""

    moves: Tensor
    scale: Tensor
    learning_rate_used: Tensor
    min_loss: Tensor
    losses_seen: Tensor
    skips: dict[str, Tensor]


def _are_finite(numpy: Any, one: Tensor, other: Tensor) -> Tensor:
    return numpy.isfinite(one) & numpy.isfinite(other)


class L4(OptimizerWrapper, abc.ABC):
    """The rule of `L4Wrapper`, which describes it and the arguments.

    A subclass says what the inner optimizer is given, from which it makes the direction v.
    """

    measured = ("effective_learning_rate", "min_loss", "skipped_steps")

    def __init__(
        self,
        inner_optimizer: Any,
        fraction: float = 0.15,
        minloss_factor: float = 0.9,
        init_factor: float = 0.75,
        minloss_forget_time: float = 1000.0,
        epsilon: float = 1e-12,
        gradient_time_scale: float = 10.0,
        loss_floor: float = 0.0,
        max_learning_rate: float | None = None,
        max_consecutive_skips: int = 100,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        self.fraction = checks.number("fraction", fraction, above=0, most=1)
        if self.fraction < LEAST_USUAL_FRACTION:
            warn_user(
                f"fraction={fraction!r} on {type(self).__name__} is no learning rate, of which it "
                "needs none, but the part of the way to the lowest loss that a step is to go: with "
                "so little of it training is slow. Leave it out for the default, 0.15."
            )
        self.minloss_factor = checks.number("minloss_factor", minloss_factor, least=0, most=1)
        self.init_factor = checks.number("init_factor", init_factor, above=0, most=1)
        self.minloss_forget_time = checks.number(
            "minloss_forget_time", minloss_forget_time, least=1
        )
        self.epsilon = checks.number("epsilon", epsilon, least=0)
        self.gradient_time_scale = checks.number(
            "gradient_time_scale", gradient_time_scale, least=1
        )
        self.loss_floor = checks.number("loss_floor", loss_floor)
        self.max_learning_rate = max_learning_rate
        if max_learning_rate is not None:
            self.max_learning_rate = checks.number("max_learning_rate", max_learning_rate, above=0)
        self.max_consecutive_skips = checks.count("max_consecutive_skips", max_consecutive_skips)
        self._told_of_the_floor = False
        self._told_of_the_rate = False

    @abc.abstractmethod
    def propose(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Return the steps along the direction, and the average of the gradients.

        Args:
            inner_steps: As in `take_steps`.
            gradients: The gradients of this step.
            variables: The variable of each gradient.

        Returns:
            The inner optimizer's steps; averages that start at zero; what these are to be
            divided by to be g̃.
        """

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the state; scalars are float64 if a variable is, else float32."""
        super().build(variables)
        self._scalar_dtype = scalar_dtype(variables)
        decay = 1 - 1 / self.gradient_time_scale
        if keeps_average(self.inner_optimizer, decay):
            self.gradient_average = InnerAverage(self.inner_optimizer, self._scalar_dtype)
        else:
            self.gradient_average = OwnAverage(self, variables, decay, self._scalar_dtype)
        self._min_loss = self._add_state("min_loss", self._scalar_dtype)
        self._losses_seen = self._add_state("losses_seen", "int32")
        self._learning_rate_used = self._add_state("effective_learning_rate", self._scalar_dtype)
        self._tally = SkipTally(
            self,
            SKIPS,
            self.max_consecutive_skips,
            "Look for losses that are not finite, give `loss_floor` if the loss can be negative, "
            "lower `fraction`, or set `max_learning_rate`.",
        )

    def _add_state(self, name: str, dtype: str) -> Variable:
        return self.add_variable((), initializer="zeros", dtype=dtype, name=name)

    # The loss.

    def _given_loss(self) -> Tensor:
        if self.loss is None:
            raise ValueError(
                f"{type(self).__name__} needs the loss of every step, and was given none. In a "
                "training loop of your own, either write `loss = optimizer.scale_loss(loss)` "
                "before taking the gradients, or `optimizer.apply(gradients, variables, "
                "loss=loss)`, in the same graph or jitted function. Under the policy "
                "mixed_float16, `compile` puts Keras' LossScaleOptimizer around it, which keeps "
                "the loss to itself: compile with "
                f"`stepwrap.LossScaleOptimizer({type(self).__name__}(...))`. Inside a "
                "MultiOptimizer, which does so too: put `stepwrap.OptimizerWrapper` around that."
            )
        return kernels.scalar(self.loss, self._scalar_dtype)

    # One step.

    def take_steps(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> list[Tensor]:
        """Return the inner optimizer's steps, rescaled; zeros where no step is safe."""
        self.gradient_average.check()
        loss = self._given_loss()
        inner_learning_rate = self._inner_learning_rate()
        # Now: it can be set on the inner optimizer at any time.
        weights = variables if stack.decays_weights(self.inner_optimizer) else []
        weights_before = flow.snapshot(weights)

        def propose(gradients: list[Tensor]) -> list[Tensor]:
            steps, averages, correction = self.propose(inner_steps, gradients, variables)
            return [*steps, kernels.dot(averages, steps), correction]

        # Known before any state is written. The squares, too, for inner optimizers average them.
        squares = kernels.dot(gradients, gradients)
        sound = kernels.of_scalars(_are_finite, loss, squares)
        like = [*variables, self._min_loss, self._min_loss]
        *steps, product, correction = self.run_if(sound, propose, gradients, like=like)

        decision = kernels.of_scalars(
            self._decide,
            *(loss, squares, product, correction, inner_learning_rate),
            *(self._min_loss, self._losses_seen),
        )
        flow.assign(self._min_loss, decision.min_loss)
        flow.assign(self._losses_seen, decision.losses_seen)
        flow.restore_unless(decision.moves, weights, weights_before)
        flow.assign(self._learning_rate_used, decision.learning_rate_used)
        self._tally.count(**decision.skips)
        self.check_progress()
        return kernels.scaled_or_zero(decision.moves, steps, decision.scale)

    def _decide(
        self,
        numpy: Any,
        loss: Tensor,
        squares: Tensor,
        product: Tensor,
        correction: Tensor,
        inner_learning_rate: Tensor,
        min_loss_before: Tensor,
        losses_seen: Tensor,
    ) -> _Decision:
        """Return what the rule comes to, as `kernels.of_scalars` calls it."""
        zero = numpy.zeros_like(loss)
        slope = -product / (correction * inner_learning_rate)  # g̃ᵀv
        loss = loss - self.loss_floor
        min_loss = numpy.where(loss < min_loss_before, loss, min_loss_before)
        min_loss = numpy.where(numpy.equal(losses_seen, 0), self.init_factor * loss, min_loss)
        gap = loss - self.minloss_factor * min_loss

        descent = numpy.where(slope > 0, slope, numpy.ones_like(slope))
        learning_rate = self.fraction * gap / (descent + self.epsilon)
        if self.max_learning_rate is not None:
            cap = numpy.full_like(learning_rate, self.max_learning_rate)
            learning_rate = numpy.where(learning_rate > cap, cap, learning_rate)
        scale = learning_rate / inner_learning_rate

        finite = _are_finite(numpy, loss, squares) & _are_finite(numpy, slope, scale)
        above_floor, descends = loss >= 0, slope > 0
        moves = finite & above_floor & descends & (gap > 0)
        at_rest = numpy.equal(squares, 0)  # as where the last bit of a loss is fitted: no fault
        counts = finite & above_floor
        forgetting = 1 + 1 / self.minloss_forget_time
        return _Decision(
            moves=moves,
            scale=scale,
            learning_rate_used=numpy.where(moves, learning_rate, zero),
            min_loss=numpy.where(counts, forgetting * min_loss, min_loss_before),
            losses_seen=losses_seen + numpy.where(counts, 1, 0),
            skips={
                "not_finite": ~finite,
                "below_floor": finite & ~above_floor,
                "no_descent": finite & (gap > 0) & ~descends & ~at_rest,
                "no_gap": finite & (loss > 0) & ~(gap > 0),
            },
        )

    def _inner_learning_rate(self) -> Tensor:
        """Return the factor of the inner optimizer's direction; 1 where it does not say."""
        rate = getattr(self.inner_optimizer, "learning_rate", 1.0)
        return kernels.of_scalars(
            lambda numpy, rate: numpy.where(numpy.equal(rate, 0), numpy.ones_like(rate), rate),
            kernels.scalar(rate, self._scalar_dtype),
        )

    # The inner optimizer's learning rate.

    @property
    def learning_rate(self) -> Any:
        """Return the inner optimizer's, which the step does not depend on; see `L4Wrapper`."""
        return super().learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if not self._told_of_the_rate:
            self._told_of_the_rate = True
            warn_user(
                f"Setting the learning rate of {type(self).__name__}, as a callback may do, does "
                "not change how far its steps go, which it takes from the loss. Only decoupled "
                "weight decay inside, if there is any, follows it. To bound the steps, give it "
                "`max_learning_rate` or a smaller `fraction`."
            )
        self.inner_optimizer.learning_rate = learning_rate

    # What can be read.

    @property
    def effective_learning_rate(self) -> Tensor:
        """Return η of the last step; 0 if it was skipped, and before the first."""
        return ops.copy(self._learning_rate_used if self.built else 0.0)

    @property
    def min_loss(self) -> Tensor:
        """Return the lowest loss above `loss_floor`, as the next step takes it; at first 0."""
        return ops.copy(self._min_loss if self.built else 0.0)

    @property
    def skipped_steps(self) -> Tensor:
        """Return how many steps left the weights as they were."""
        return self._tally.total() if self.built else ops.zeros((), "int32")

    def check_progress(self) -> None:
        """Raises if too many steps in a row were skipped, warns once of a loss below the floor.

        Does nothing while a graph is being built.

        Raises:
            RuntimeError: After `max_consecutive_skips` skipped steps in a row.
        """
        if not self.built:
            return
        counts = self._tally.by_reason()
        if counts is not None and counts["below_floor"] and not self._told_of_the_floor:
            self._told_of_the_floor = True
            warnings.warn(
                f"{type(self).__name__} makes no step while the loss is below "
                f"loss_floor={self.loss_floor:g}. Give `loss_floor` a value that the loss cannot "
                "fall below.",
                stacklevel=2,
            )
        self._tally.check()
