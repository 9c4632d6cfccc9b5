"""The contract of a wrapper: what it delegates, what it may change, how it is saved."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from .. import checks
from ..backends import flow, keras_private, kernels, replicas
from ..optimizers import old_names, text_form
from ..optimizers.look_up import optimizer_of
from ..optimizers.unknown_arguments import refuse_unknown_arguments
from ..toolkit.finite import all_finite
from ..toolkit.replica_local import ReplicaLocal
from ..toolkit.slots import MadeFor
from . import compilation, refusals, saved_stacks, shared_arguments, stack
from .capture import proposed_steps
from .inner_settings import InnerSettings, keep_own_settings
from .record import StepRecord
from .sparse import rows_suffice, works_on_rows
from .wrapper_classes import build_once, warn_of_misspelt_hooks

Tensor = Any
Variable = Any

HOOKS = ("transform_gradients", "transform_steps", "take_steps", "after_step", "apply_inner")


@keras.saving.register_keras_serializable(package="stepwrap")
class OptimizerWrapper(InnerSettings, keras.optimizers.Optimizer):
    """A Keras optimizer around another one; by itself it changes nothing.

    A subclass overrides a hook: `transform_gradients`, before the inner optimizer
    sees the gradients, `transform_steps`, before its step is written to the weights,
    or `after_step`, when it is. It stores every argument of its `__init__` under the
    argument's own name; saving and loading follow from that. State is made in `build`,
    which is run once, with `add_variable` or `add_variable_from_reference`, random numbers
    come from `add_seed_generator`, and both are saved, loaded and resumed by themselves.

    Learning rate, iterations and everything else that training loops and
    callbacks use are the inner optimizer's. So are `clipnorm`, `weight_decay`, `use_ema` and
    their like, read or set, unless the wrapper has an argument of that name.

    Args:
        inner_optimizer: The optimizer to wrap: an instance, a text such as "adam" or
            "adam(1e-3) | normalized", see `stepwrap.parse`, or a config as
            `keras.optimizers.serialize` writes it. It may be a wrapper itself.
        name: The wrapper's name. Default: made from the class name.
        jit_compile: Whether the update of the whole stack may be compiled by XLA where the
            model is not, see `compiles_update`. Every wrapper takes it, by name, also one
            whose `__init__` does not list it. Default: True.

    Raises:
        TypeError: If `inner_optimizer` is no Keras optimizer, `jit_compile` neither True nor
            False, or an argument not known.
        ValueError: If `inner_optimizer` names no optimizer, scales the loss or
            accumulates gradients; if the wrapper takes steps and `inner_optimizer`
            has `use_ema`; if a wrapper inside has to stand outside.
    """

    measured: tuple[str, ...] = ()
    """Attributes that a `stepwrap.callbacks.StepMonitor` reads after every step, all scalars."""

    arguments_of_all: tuple[str, ...] = ("jit_compile",)
    """What every wrapper takes; in the config where it is not at its default."""

    stands_outermost: bool = False
    """Whether it has to see the gradients and losses of every batch as they are."""

    step_record: StepRecord | None = None
    """What a `StepMonitor` reads, once there is one."""

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
        self, inner_optimizer: Any, name: str | None = None, jit_compile: bool = True
    ) -> None:
        inner_optimizer = optimizer_of(inner_optimizer)
        refusals.wrappable(self, inner_optimizer)
        # A callable makes no learning rate variable beside the inner one.
        super().__init__(learning_rate=lambda: inner_optimizer.learning_rate, name=name)
        # What Keras has made by now is a step counter; the inner optimizer has its own.
        self._unused_variables = tuple(super().variables)
        self.inner_optimizer = inner_optimizer
        self.jit_compile = jit_compile
        self._stands_inside = False
        self._loss = ReplicaLocal()
        self._loss_trace = ReplicaLocal()
        self._made_for = MadeFor()
        self._seed_states: list[Variable] = []
        self._newer_state: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        """Raises the error of what is not there; says what another package's is called here."""
        hint = old_names.hint_for_attribute(name)
        if not hint:
            return super().__getattribute__(name)  # raises again what a property may have raised
        raise AttributeError(f"'{type(self).__name__}' object has no attribute {name!r}.{hint}")

    def __repr__(self) -> str:
        """The text that `stepwrap.describe` returns, or the names of its classes."""
        return text_form.shown(self)

    # The hooks.

    @works_on_rows
    def transform_gradients(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """What the inner optimizer is given in place of the gradients.

        Args:
            gradients: Dense tensors; variables without a gradient are left out.
            variables: The variable of each gradient.

        Returns:
            As many tensors, of the same shapes and dtypes.
        """
        return gradients

    @works_on_rows
    def transform_steps(
        self, steps: list[Tensor], gradients: list[Tensor], variables: list[Variable]
    ) -> list[Tensor]:
        """What is added to the variables in place of the inner optimizer's step.

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
    def take_steps(
        self,
        inner_steps: Callable[[list[Tensor]], list[Tensor]],
        gradients: list[Tensor],
        variables: list[Variable],
    ) -> list[Tensor]:
        """As `transform_steps`, for wrappers that do something before the inner optimizer runs.

        Args:
            inner_steps: Runs the inner optimizer on gradients, and returns its steps. To be
                called once.
            gradients: What `transform_gradients` returned.
            variables: The variable of each gradient.

        Returns:
            What is added to each variable.
        """
        return self.transform_steps(inner_steps(gradients), gradients, variables)

    def after_step(self, variables: list[Variable]) -> None:
        """Reads or changes the weights when the step is written, constraints included.

        Such a wrapper cannot stand inside one that takes steps.

        Args:
            variables: Those of the step, also without a gradient.
        """

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
        stack.apply(self.inner_optimizer, gradients, variables, loss)

    @classmethod
    def overrides(cls, hook: str) -> bool:
        """Whether the class does something of its own in that hook."""
        return getattr(cls, hook) is not getattr(OptimizerWrapper, hook)

    @property
    def takes_steps(self) -> bool:
        """Whether the wrapper writes the step itself, rather than the inner optimizer."""
        return self.overrides("transform_steps") or self.overrides("take_steps")

    # The loss.

    def scale_loss(self, loss: Tensor) -> Tensor:
        """What Keras' train step differentiates; here the wrappers see the loss."""
        self.set_loss(loss)
        return super().scale_loss(loss)

    def set_loss(self, loss: Tensor | None) -> None:
        """Gives the wrapper the loss of the next step, which it hands on to those inside.

        The next `apply` uses it; one in another graph, or jitted function, does without a loss.
        If there will be no step on this loss, as after an error, None takes it back.
        """
        if loss is None:
            self._loss.clear()
            self._loss_trace.clear()
            return
        checks.loss(loss)
        # With its gradient, a traced loss would outlive the transformation it belongs to.
        loss = ops.stop_gradient(loss) if ops.is_tensor(loss) else loss
        self._loss.set(loss)
        self._loss_trace.set(flow.trace_of(loss))

    @property
    def loss(self) -> Tensor | None:
        """The loss of the step that is being done, if it was given: what the gradients are of."""
        return self._loss.get()

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
            elif self.loss is not None and not flow.goes_on(self._loss_trace.get()):
                self.set_loss(None)
            self._apply(gradients, trainable_variables)
        finally:  # also where there was no step, or the next one would take this loss for its own
            self.set_loss(None)

    def _apply(
        self, gradients: list[Tensor | None], trainable_variables: Iterable[Variable] | None
    ) -> None:
        """A step with the loss, or without, that is set by now."""
        if not gradients:
            return
        variables = self._variables_of_step(gradients, trainable_variables)
        if not self._stands_inside:  # again, for attributes can be set at any time
            refusals.sees_true_gradients(type(self).__name__, self.inner_optimizer)
        places = [
            place
            for place, (gradient, variable) in enumerate(zip(gradients, variables, strict=True))
            if gradient is not None and not is_overwritten(variable)
        ]
        for place in places:
            gradients[place] = self._true_gradient(gradients[place], variables[place])

        # Without the loss there may be a scaler of it outside, which looks for overflows on the
        # first replica alone.
        may_overflow = bool(places) and self.loss is None and replicas.must_sum()

        def step(seen: list[Tensor], loss: Tensor | None) -> None:
            self._loss.set(loss)
            completed = _with(seen, places, gradients)
            if may_overflow:
                self._step_if_finite(places, completed, variables)
            else:
                self._step(places, completed, variables)

        if kernels.sizes_are_known([gradients[place] for place in places]):
            step = flow.compiled(step, wanted=lambda: self.compiles_update)
        replicas.once_summed(step, [gradients[place] for place in places], self.loss)

    # The update compiled by XLA, inside of a graph that is not.

    @property
    def jit_compile(self) -> bool:
        """Return whether the update may be compiled; may be set before the first step."""
        return self._jit_compile

    @jit_compile.setter
    def jit_compile(self, jit_compile: bool) -> None:
        self._jit_compile = checks.flag("jit_compile", jit_compile)

    @property
    def given_functions(self) -> Sequence[Callable]:
        """The functions that the wrapper was given and calls in a step: XLA may not know them."""
        return ()

    @property
    def compiles_update(self) -> bool:
        """Whether a graph of the update for TensorFlow's CPU is compiled by XLA.

        The outermost wrapper's is, if every wrapper in the stack has `jit_compile` at True, and
        all that a step runs comes from Keras or from here: optimizers, learning rates, functions
        that wrappers were given and constraints of the variables. Otherwise, and where the graph
        has operations that XLA has not, it runs as the bare optimizer's does. The results are the
        same but for rounding. Models that are compiled themselves, eager steps and other backends
        are not affected. Keras keeps no note of whether `model.compile(jit_compile=False)` was
        asked for: on a CPU that is what its default comes to, so it does not turn this off.
        """
        return (
            not self._stands_inside
            and all(getattr(member, "jit_compile", True) for member in stack.walk(self))
            and compilation.runs_known_code(self)
        )

    def _step(
        self,
        places: Sequence[int],
        gradients: list[Tensor | None],
        variables: list[Variable],
    ) -> None:
        """A step on the gradients in those places; the others are for the inner optimizer."""
        if not places:
            self.apply_inner(gradients, variables, self.loss)
            return
        seen_variables = [variables[place] for place in places]
        seen = [gradients[place] for place in places]
        record = self._recording(seen, seen_variables)
        transformed = self.transform_gradients(seen, seen_variables)
        what = f"{type(self).__name__}.transform_gradients"
        checks.same_form(what, transformed, seen, "gradient")

        steps = None
        if self.takes_steps:

            def inner_steps(new_gradients: Sequence[Tensor]) -> list[Tensor]:
                completed = _with(new_gradients, places, gradients)
                proposed = proposed_steps(self.inner_optimizer, completed, variables, self.loss)
                return [proposed[replicas.local_key(variable)] for variable in seen_variables]

            steps = self.take_steps(inner_steps, transformed, seen_variables)
            hook = "take_steps" if self.overrides("take_steps") else "transform_steps"
            what = f"{type(self).__name__}.{hook}"
            checks.same_form(what, steps, seen_variables, "variable")
            self.write_steps(seen_variables, steps)
        else:
            self.apply_inner(_with(transformed, places, gradients), variables, self.loss)
        if self.overrides("after_step"):
            self.after_step([variable for variable in variables if not is_overwritten(variable)])
        record(steps)

    def _step_if_finite(
        self,
        places: Sequence[int],
        gradients: list[Tensor | None],
        variables: list[Variable],
    ) -> None:
        """A step, unless a gradient is not finite."""

        def step(gradients: list[Tensor | None], loss: Tensor | None) -> None:
            self._loss.set(loss)
            self._step(places, gradients, variables)

        finite = all_finite([gradients[place] for place in places])
        self.run_if(finite, step, gradients, self.loss)

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
        variables = [*keras_private.built_variables(self), *self.variables]
        return flow.run_if(predicate, function, variables, *tensors, like=like)

    def write_steps(self, variables: Sequence[Variable], steps: Sequence[Tensor]) -> None:
        """Adds the steps to the variables, and applies the variables' constraints."""
        kernels.add(variables, steps)
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Tensor],
        grads: Sequence[Tensor],
        trainable_variables: Sequence[Tensor],
        loss: Tensor | None = None,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """As `apply`, on tensors: returns the new weights and the new `variables`."""
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

    def _variables_of_step(
        self, gradients: Sequence[Tensor], variables: Iterable[Variable] | None
    ) -> list[Variable]:
        if variables is None:
            if not self.built:
                raise ValueError(
                    "`apply` needs `trainable_variables` as long as the optimizer is not built. "
                    "Pass them, or call `optimizer.build(trainable_variables)` first."
                )
            variables = keras_private.built_variables(self)
        variables = list(variables)
        if len(gradients) != len(variables):
            raise ValueError(
                "`apply` needs one gradient for each variable, None where there is none. "
                f"Received {len(gradients)} gradients and {len(variables)} variables."
            )
        replicas.check_place(type(self).__name__, variables[0])
        self.build(variables)
        keras_private.check_known(self, variables)
        return variables

    def _true_gradient(self, gradient: Tensor, variable: Variable) -> Tensor:
        """The gradient of the unscaled loss: dense, unless rows are enough all the way."""
        gradient = self._as_tensor(gradient, variable)
        if self.loss_scale_factor is not None:
            gradient = gradient / self.loss_scale_factor
        return gradient

    def _as_tensor(self, gradient: Any, variable: Variable) -> Tensor:
        """A tensor of the variable's shape and dtype, or such rows; raises if it cannot be one."""
        stays_sparse = kernels.is_sparse(gradient) and rows_suffice(self, variable)
        try:
            tensor = (kernels.rows if stays_sparse else kernels.dense)(gradient, variable)
        except (TypeError, ValueError) as error:
            raise checks.no_gradient(variable, gradient) from error
        checks.gradient_shape(variable, tensor)
        return tensor

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the state of the inner optimizer and of the wrapper; once is enough."""
        if self.built:
            return
        replicas.check_made_together(type(self).__name__, variables, self)
        if not self.inner_optimizer.built:
            self.inner_optimizer.build(variables)
        keras_private.check_known(self.inner_optimizer, variables)
        # Again, for a MultiOptimizer has its parts only now.
        refusals.wrappable(self, self.inner_optimizer)
        for member in stack.walk(self.inner_optimizer):
            member._stands_inside = True
        for leaf in stack.leaves(self.inner_optimizer):
            replicas.leave_sums_to_wrapper(leaf)
        # Checkpoints of the backend follow attributes, not the list in which Keras'
        # MultiOptimizer keeps its parts: without these their state would be lost.
        for index, part in enumerate(getattr(self, "optimizers", ())):
            setattr(self, f"_part_{index}", part)
        super().build(variables)
        replicas.agree(self._seed_states)

    def add_variable_from_reference(
        self, reference_variable: Variable, *arguments: Any, **named_arguments: Any
    ) -> Variable:
        """Makes a state variable for one of the model, of its shape and dtype, as Keras does."""
        made = super().add_variable_from_reference(
            reference_variable, *arguments, **named_arguments
        )
        self._made_for.add(reference_variable, made)
        return made

    def slots_of(self, variable: Variable) -> list[Variable]:
        """The wrapper's own state variables that were made for one of the model."""
        return self._made_for.of(variable)

    def add_seed_generator(self, seed: int | None) -> keras.random.SeedGenerator:
        """A source of random numbers whose state is part of the wrapper's.

        Wrappers in one stack draw different numbers, also from the same seed; but parts of a
        `MultiOptimizer`, which do not know of each other, need different ones. Without a
        seed, `keras.utils.set_random_seed` decides.
        """
        if seed is not None:
            others = (getattr(member, "_seed_states", ()) for member in stack.walk(self))
            sequence = np.random.SeedSequence(seed, spawn_key=(sum(map(len, others)),))
            seed = int(sequence.generate_state(1)[0]) % 2**31  # PyTorch's are signed
        generator = keras.random.SeedGenerator(seed)
        self._seed_states.append(generator.state)
        return generator

    # What belongs to the inner optimizer.

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate; may be set."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self) -> Variable:
        """The number of steps the inner optimizer has done."""
        return self.inner_optimizer.iterations

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """The parts of an inner `MultiOptimizer`, for the callbacks that look for them."""
        return self.inner_optimizer.optimizers

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Lets the inner optimizer set the final weights, at the end of `fit`."""
        self.inner_optimizer.finalize_variable_values(var_list)
        self.check_progress()

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Excludes variables from the inner optimizer's weight decay."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    # What a `StepMonitor` uses.

    def check_progress(self) -> None:
        """Raises or warns if training stands still; called where a graph cannot."""

    def record_steps(self, outermost: bool = True) -> StepRecord | None:
        """Starts a record of what it measures, if there is none yet; None if that is nothing.

        A training function made before does not know of it and must be made again.

        Args:
            outermost: Whether it is also of gradients, steps and the learning rate, which the
                wrappers inside need not measure again.
        """
        if not outermost and not self.measured:
            self.step_record = None
        elif self.step_record is None or self.step_record.of_steps != outermost:
            nominal = ["learning_rate"] if outermost and self._has_nominal_rate() else []
            with replicas.scope_of(self.iterations):
                self.step_record = StepRecord(outermost, [*self.measured, *nominal])
        return self.step_record

    def _has_nominal_rate(self) -> bool:
        """Return whether steps are made at its learning rate: no wrapper sets another one."""
        # Keras' MultiOptimizer has a learning rate in each part.
        return hasattr(self, "learning_rate") and not any(
            "effective_learning_rate" in getattr(member, "measured", ())
            for member in stack.walk(self)
        )

    def _recording(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> Callable[[list[Tensor] | None], None]:
        """Looks at what a step will change; returns what enters the step when it is made.

        A step that the wrapper does not take itself is what the weights differ by: taken on
        its way, it would be written with another rounding than without a record.
        """
        record = self.step_record
        if record is None:
            return lambda steps: None
        # Now, for a schedule counts the step that is made.
        nominal = [self.learning_rate] if "learning_rate" in record.quantities else []
        before = flow.snapshot(variables) if record.of_steps and not self.takes_steps else None

        def enter(steps: list[Tensor] | None) -> None:
            if before is not None:
                steps = kernels.add_scaled(flow.snapshot(variables), before, -1.0)
            measured = [getattr(self, name) for name in self.measured]
            dense = [kernels.written_out(gradient) for gradient in gradients]
            record.observe(dense, steps, [*measured, *nominal])

        return enter

    # State.

    @property
    def variables(self) -> list[Variable]:
        """The wrapper's own variables, then the inner optimizer's."""
        record = [] if self.step_record is None else [self.step_record.variable]
        inner = self.inner_optimizer.variables
        return [*self._variables_beside(inner), *record, *inner]

    @property
    def own_variables(self) -> list[Variable]:
        """The wrapper's own variables, without the inner optimizer's."""
        return self._variables_beside(self.inner_optimizer.variables)

    def _variables_beside(self, inner: Sequence[Variable]) -> list[Variable]:
        """The wrapper's own; `inner` is asked for once, or it would be twice at every depth."""
        # Keras takes every variable that an attribute holds for one of this optimizer.
        seeds = self._seed_states
        others = {id(variable) for variable in (*self._unused_variables, *inner, *seeds)}
        made = [variable for variable in super().variables if id(variable) not in others]
        return [*made, *seeds]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all `variables`, the inner optimizer's included."""
        if not self.built:
            raise ValueError(
                "`set_weights` needs a built optimizer. Call "
                "`optimizer.build(trainable_variables)` first."
            )
        variables = self.variables
        if [tuple(v.shape) for v in variables] != [tuple(w.shape) for w in weights]:
            raise ValueError(
                f"`weights` must match the {len(variables)} `optimizer.variables` one by one, in "
                f"number and shape. Received {len(weights)} weights: "
                f"{[tuple(weight.shape) for weight in weights]}."
            )
        for variable, weight in zip(variables, weights, strict=True):
            variable.assign(weight)

    def save_own_variables(self, store: Any) -> None:
        """Stores the wrapper's own variables; Keras saves the inner optimizer beside them."""
        for index, variable in enumerate(self.own_variables):
            store[str(index)] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        """Loads what `save_own_variables` stored; on a mismatch, warns and leaves all as it is.

        If the file is of a stack with other wrappers, or with none, what fits is taken over,
        also into the optimizers inside, and a warning says what was added or removed.
        """
        if self.built and saved_stacks.take_over(self, store):
            return
        stored = saved_stacks.stored_values(self, store)
        if stored is None:
            unbuilt = "" if self.built else " It is not built yet: build the model first."
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}': it has "
                f"{len(self.own_variables)} variables of its own, the saved one has "
                f"{len(store.keys())}, or they have other shapes.{unbuilt}",
                stacklevel=2,
            )
            return
        for variable, value in stored:
            variable.assign(value)

    def may_be_missing(self, variable: Variable) -> Variable:
        """Lets files load that were saved before there was this variable: it stays as it is."""
        self._newer_state.add(variable.path)
        return variable

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`, read from the attributes of the same names."""
        config = {
            parameter.name: keras.saving.serialize_keras_object(self._argument(parameter.name))
            for parameter in _arguments_of(type(self).__init__)
            if not self.leaves_out(parameter)
        }
        return keras_private.with_public_classes(config)

    def leaves_out(self, parameter: inspect.Parameter) -> bool:
        """Return whether an argument is one that all wrappers take, and at its default."""
        name = parameter.name
        return name in self.arguments_of_all and self._argument(name) == parameter.default

    def _argument(self, name: str) -> Any:
        if not hasattr(self, name):
            raise AttributeError(
                f"{type(self).__name__} takes the argument `{name}` but does not keep it, so it "
                f"cannot be saved. Add `self.{name} = {name}` to its `__init__`, or override "
                "`get_config`."
            )
        return getattr(self, name)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None) -> Self:
        """The wrapper that `get_config` described."""
        config = keras_private.with_public_classes(config)
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)
                for name, value in config.items()
            }
        )


def _arguments_of(function: Callable) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [p for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD]


def _with(
    new_gradients: Sequence[Tensor], places: Sequence[int], gradients: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The gradients with the new ones in their places."""
    completed = list(gradients)
    for place, gradient in zip(places, new_gradients, strict=True):
        completed[place] = gradient
    return completed


def is_overwritten(variable: Variable) -> bool:
    """Whether Keras writes the gradient to the variable as it is, as for float8 scales."""
    return getattr(variable, "overwrite_with_gradient", False)
