"""The contract of a wrapper: the hooks that it may override, and what it is to Keras."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import keras

from .. import checks
from ..backends import flow, keras_private, kernels, replicas
from ..optimizers import old_names, text_form
from ..optimizers.look_up import optimizer_of
from ..optimizers.unknown_arguments import refuse_unknown_arguments
from ..toolkit.kept import KeptFor
from . import compilation, entry, refusals, shared_arguments, stack, step
from .batch import Batch
from .given_loss import GivenLoss
from .inner_settings import keep_own_settings
from .own_state import OwnState
from .recording import Recorded
from .saving import SavedArguments
from .selected_variables import ActsOnSelected, Patterns
from .sparse import works_on_rows
from .standing_in import StandIn
from .wrapper_classes import build_once, warn_of_misspelt_hooks

Tensor = Any
Variable = Any

HOOKS = (
    "before_step",
    "transform_gradients",
    "transform_steps",
    "take_steps",
    "after_step",
    "apply_inner",
)


@keras.saving.register_keras_serializable(package="stepwrap")
class OptimizerWrapper(
    ActsOnSelected, Recorded, SavedArguments, OwnState, StandIn, keras.optimizers.Optimizer
):
    """A Keras optimizer around another one; by itself it changes nothing.

    A subclass overrides a hook, or several. A step calls them in this order:

        before_step(variables)                         before all else
        transform_gradients(gradients, variables)      → gradients, for the inner optimizer
        take_steps(inner_steps, gradients, variables)  → steps, around the inner optimizer
        transform_steps(steps, gradients, variables)   → steps, to be written to the weights
        apply_inner(gradients, variables, loss)        runs the inner optimizer, or does not
        after_step(variables)                          when the step is written

    It stores every argument of its `__init__` under the argument's own name; saving and loading
    follow from that. State is made in `build`, which is run once, with `add_variable` or
    `add_variable_from_reference`, random numbers come from `add_seed_generator`, and both are
    saved, loaded and resumed by themselves.

    Learning rate, iterations and everything else that training loops and
    callbacks use are the inner optimizer's. So are `clipnorm`, `weight_decay`, `use_ema` and
    their like, read or set, unless the wrapper has an argument of that name.

    It acts on the variables that `only` and `exclude` select when it is built. Hooks, and the
    `build` of a subclass, are given these; all others get the step of the optimizer inside, as if
    there were no wrapper. Every wrapper takes `jit_compile`, `only` and `exclude`, by name, also
    one whose `__init__` does not list them.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text such as "adam" or
            "adam(1e-3) | normalized", see `stepwrap.parse`, or a config as
            `keras.optimizers.serialize` writes it. It may be a wrapper itself.
        name: The wrapper's name. Default: made from the class name.
        jit_compile: Whether the update of the whole stack may be compiled by XLA where the
            model is not, see `compiles_update`. Default: True.
        only: Which variables the wrapper acts on: regular expressions, or a single one, searched
            for anywhere in a variable's path, such as "dense/kernel"; `stepwrap.VECTORS`, in texts
            '*vectors', stands for variables of less than two axes. Default: None, all of them.
        exclude: Which of these it leaves out, in the same way. Default: None, which is none,
            unless the wrapper says otherwise.

    Raises:
        TypeError: If `inner_optimizer` is no Keras optimizer, `jit_compile` neither True nor
            False, a pattern no string, or an argument not known.
        ValueError: If `inner_optimizer` names no optimizer, scales the loss or
            accumulates gradients; if the wrapper takes steps and `inner_optimizer`
            has `use_ema`; if a wrapper inside has to stand outside; if a pattern is no regular
            expression; if `only` or `exclude` is given to a wrapper that decides whether there
            is a step, or that makes the optimizer inside itself. When built, warns of a regular
            expression that is found in no path.
    """

    # The hooks.

    def before_step(self, variables: list[Variable]) -> None:
        """Reads or changes the weights before the step, of which that is no part.

        Args:
            variables: Those that have a gradient in this step.
        """

    @works_on_rows
    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return what the inner optimizer is given in place of the gradients.

        Args:
            gradients: Dense tensors; variables without a gradient are left out.
            variables: The variable of each gradient.

        Returns:
            As many tensors, of the same shapes and dtypes.
        """
        return gradients

    @works_on_rows
    def take_steps(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> list[Tensor]:
        """Return the steps, as a wrapper that does something before the inner optimizer runs.

        Args:
            inner_steps: Runs the inner optimizer on gradients, and returns its steps. To be
                called once.
            gradients: What `transform_gradients` returned.
            variables: The variable of each gradient.

        Returns:
            What is added to each variable.
        """
        return self.transform_steps(inner_steps(gradients), gradients, variables)

    @works_on_rows
    def transform_steps(
        self, steps: list[Tensor], gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """Return what is added to the variables in place of the inner optimizer's step.

        Decoupled weight decay is no part of the step; the inner optimizer has applied
        it. Constraints are applied after the step.

        Args:
            steps: What the inner optimizer would add: variable ← variable + step.
            gradients: What the inner optimizer was given.
            variables: The variable of each step.

        Returns:
            As many tensors, of the same shapes and dtypes.
        """
        return steps

    @works_on_rows
    def apply_inner(
        self, gradients: list[Tensor | None], variables: list[Variable], loss: Tensor | None
    ) -> None:
        """Runs the inner optimizer; a wrapper may do so on some steps only.

        Such a wrapper cannot stand inside one that takes steps.

        Args:
            gradients: What `transform_gradients` returned, None for variables without a
                gradient, and what Keras writes to a variable in place of a gradient's step.
            variables: The variable of each gradient.
            loss: The loss of the step, if it was given.
        """
        stack.hand_over(self.inner_optimizer, Batch.of(gradients, variables, loss))

    def after_step(self, variables: list[Variable]) -> None:
        """Reads or changes the weights when the step is written, constraints included.

        Such a wrapper cannot stand inside one that takes steps.

        Args:
            variables: Those of the step, also without a gradient.
        """

    stands_outermost: bool = False
    """It is True for a wrapper that has to see gradients and losses of every batch as they are."""

    decays_weights: bool = False
    """It is True for a wrapper that decays weights beside the step, as `weight_decay` does."""

    scales_steps: bool = False
    """It is True for a wrapper that scales steps and decoupled decay, as a learning rate would."""

    @property
    def given_functions(self) -> Sequence[Callable]:
        """Return the functions that the wrapper was given and calls in a step: XLA may not know
        them.
        """
        return ()

    @classmethod
    def overrides(cls, hook: str) -> bool:
        """Return whether the class does something of its own in that hook."""
        return getattr(cls, hook) is not getattr(OptimizerWrapper, hook)

    @property
    def takes_steps(self) -> bool:
        """Return whether the wrapper writes the step itself, rather than the inner optimizer."""
        return self.overrides("transform_steps") or self.overrides("take_steps")

    # Making one.

    arguments_of_all: tuple[str, ...] = ("jit_compile", "only", "exclude")
    """What every wrapper takes; in the config where it is not at its default."""

    stands_inside: bool = False
    """It is True once a wrapper around this one is built."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Looks at what a wrapper class defines, and lets it be given what all wrappers take."""
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            known = inspect.signature(OptimizerWrapper.__init__).parameters
            shared = [known[name] for name in OptimizerWrapper.arguments_of_all]
            cls.__init__ = shared_arguments.added(cls.__init__, shared)
        keep_own_settings(cls)
        build_once(cls)
        warn_of_misspelt_hooks(cls, HOOKS, cls.overrides)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuses unknown arguments before any `__init__`, so that no wrapper needs `**kwargs`."""
        refuse_unknown_arguments(cls, args, kwargs)
        return super().__new__(cls)

    def __init__(
        self,
        inner_optimizer: Any,
        name: str | None = None,
        jit_compile: bool = True,
        *,
        only: Patterns | None = None,
        exclude: Patterns | None = None,
    ) -> None:
        inner_optimizer = optimizer_of(inner_optimizer)
        refusals.wrappable(self, inner_optimizer)
        # A callable makes no learning rate variable beside the inner one.
        super().__init__(learning_rate=lambda: inner_optimizer.learning_rate, name=name)
        self._start_state()
        self.inner_optimizer = inner_optimizer
        self.jit_compile = jit_compile
        self.only = only
        self.exclude = exclude
        self._loss = GivenLoss()
        self.known_forms = KeptFor()

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the state of the inner optimizer and of the wrapper; once is enough."""
        if self.built:
            return
        self.known_forms.forget()
        variables = self.variables_to_build(variables)
        replicas.check_made_together(type(self).__name__, variables, self)
        if not self.inner_optimizer.built:
            self.inner_optimizer.build(variables)
        keras_private.check_known(self.inner_optimizer, variables)
        # Again, for a MultiOptimizer has its parts only now.
        refusals.wrappable(self, self.inner_optimizer)
        for member in stack.walk(self.inner_optimizer):
            member.stands_inside = True
        for leaf in stack.leaves(self.inner_optimizer):
            replicas.leave_sums_to_wrapper(leaf)
            flow.save_memory(leaf)
        # Checkpoints of the backend follow attributes, not the list in which Keras'
        # MultiOptimizer keeps its parts: without these their state would be lost.
        for index, part in enumerate(getattr(self, "optimizers", ())):
            setattr(self, f"_part_{index}", part)
        super().build(variables)
        replicas.agree(self._seed_states)

    # One step.

    @works_on_rows
    def apply(
        self,
        grads: Iterable[Tensor],
        trainable_variables: Iterable[Variable] | None = None,
        loss: Tensor | None = None,
    ) -> None:
        """Does one step.

        Under a tf.distribute strategy, gradients and loss are summed over the replicas, once.
        There, without a loss, a step whose gradients are not finite is left out.
        With several processes of torch.distributed, the loss is averaged over them, as
        DistributedDataParallel has averaged the gradients.

        Args:
            grads: The gradients, None where there is none.
            trainable_variables: The variable of each gradient. Default: those that the
                optimizer was built with.
            loss: The loss that the gradients are of, a scalar, for loss-based wrappers,
                unless `scale_loss` or `set_loss` has seen it.
        """
        gradients = list(grads)
        try:
            if loss is not None:
                self.set_loss(loss)
            elif not self._loss.is_of_here():
                self.set_loss(None)
            entry.enter(self, gradients, trainable_variables, self.loss)
        finally:  # also where there was no step, or the next one would take this loss for its own
            self.set_loss(None)

    def step_on(self, batch: Batch) -> None:
        """Does a step that a wrapper around this one hands on, without looking at it again."""
        before = self._loss.exchange(batch.loss)
        try:
            step.step_on(self, batch)
        finally:
            self._loss.exchange(before)

    def run_if(
        self,
        predicate: Tensor,
        function: Callable[..., Sequence[Tensor] | None],
        *tensors: Any,
        like: Sequence[Variable] = (),
    ) -> Sequence[Tensor]:
        """Calls function(*tensors), which may change the weights and any state, if it is true.

        Args:
            predicate: Whether to call it.
            function: See above.
            tensors: What it takes from this step, other than variables: lists of tensors, or
                single ones.
            like: Variables of the shapes and dtypes of what the function returns.

        Returns:
            What the function returns, or zeros.
        """
        variables = []
        if flow.hands_variables_on:
            variables = [*keras_private.built_variables(self), *self.variables]
        return flow.run_if(predicate, function, variables, *tensors, like=like)

    def write_steps(self, variables: Sequence[Variable], steps: Sequence[Tensor]) -> None:
        """Adds the steps to the variables, and applies the variables' constraints."""
        kernels.add(variables, steps)
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(self.constrained(variable))

    def constrained(self, variable: Variable) -> Tensor:
        """Return the variable with its constraint."""
        return variable.constraint(variable)

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Tensor],
        grads: Sequence[Tensor],
        trainable_variables: Sequence[Tensor],
        loss: Tensor | None = None,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Does what `apply` does, on tensors: returns the new weights and the new `variables`."""
        if loss is not None:
            self.set_loss(loss)
        try:
            return super().stateless_apply(optimizer_variables, grads, trainable_variables)
        finally:
            self.set_loss(None)

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Tensor, Variable]], loss: Tensor | None = None
    ) -> Variable:
        """Does one step on (gradient, variable) pairs, and returns `iterations`."""
        gradients, variables = zip(*grads_and_vars, strict=True)
        self.apply(gradients, variables, loss=loss)
        return self.iterations

    # The loss.

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Return what Keras' train step differentiates; here the wrappers see the loss."""
        self.set_loss(loss)
        return super().scale_loss(loss)

    def set_loss(self, loss: Tensor | None) -> None:
        """Gives the wrapper the loss of the next step, which it hands on to those inside.

        The next `apply` uses it; one in another graph, or jitted function, does without a loss.
        If there will be no step on this loss, as after an error, None takes it back.
        """
        self._loss.set(loss)

    @property
    def loss(self) -> Tensor | None:
        """Return the loss of the step that is being done, if it was given: what the gradients are
        of.
        """
        return self._loss.get()

    # The update compiled by XLA, inside of a graph that is not.

    @property
    def jit_compile(self) -> bool:
        """Return whether the update may be compiled; may be set before the first step."""
        return self._jit_compile

    @jit_compile.setter
    def jit_compile(self, jit_compile: bool) -> None:
        self._jit_compile = checks.flag("jit_compile", jit_compile)

    @property
    def compiles_update(self) -> bool:
        """Return whether a graph of the update for TensorFlow's CPU is compiled by XLA.

        The outermost wrapper's is, if every wrapper in the stack has `jit_compile` at True, and
        all that a step runs comes from Keras or from here: optimizers, learning rates, functions
        that wrappers were given and constraints of the variables. Otherwise, and where the graph
        has operations that XLA has not, it runs as the bare optimizer's does. The results are the
        same but for rounding. Models that are compiled themselves, eager steps and other backends
        are not affected. Keras keeps no note of whether `model.compile(jit_compile=False)` was
        asked for: on a CPU that is what its default comes to, so it does not turn this off.
        """
        return (
            not self.stands_inside
            and all(getattr(member, "jit_compile", True) for member in stack.walk(self))
            and compilation.runs_known_code(self)
        )

    # How it is shown.

    def __getattr__(self, name: str) -> Any:
        """Raises the error of what is not there; says what another package's is called here."""
        hint = old_names.hint_for_attribute(name)
        if not hint:
            return super().__getattribute__(name)  # raises again what a property may have raised
        raise AttributeError(f"'{type(self).__name__}' object has no attribute {name!r}.{hint}")

    def __repr__(self) -> str:
        """Return the text that `stepwrap.describe` returns, or the names of its classes."""
        return text_form.shown(self)
