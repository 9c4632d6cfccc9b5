"""What a backend module must have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Backend(Protocol):
    """The functions of a backend module."""

    def dense(self, gradient: Any, variable: Any) -> Any:
        """The gradient, a tensor of any kind, an array or lists, as an ordinary tensor.

        It has the variable's dtype, and a static shape: the variable's where it had none.
        """

    # Sparse gradients: rows of a variable, along its first axis; all others are zero.

    def is_sparse(self, gradient: Any) -> bool:
        """Return whether a gradient can be, or is, one for `rows`."""

    def rows(self, gradient: Any, variable: Any) -> Any:
        """Return a sparse gradient with the rows that are there twice summed up.

        It has the variable's shape and dtype. `sums`, of functions that are 0 at 0,
        `sums_of_squares`, `dots`, `largest`, `scaled`, `scaled_where` and `dot` take it like a
        tensor, and so do `run_if` and functions that are `compiled`.
        """

    def written_out(self, gradient: Any) -> Any:
        """Return the dense tensor that rows stand for, or a dense gradient as it is."""

    def slices(self, gradient: Any) -> Any:
        """Return rows as an optimizer of Keras takes them, or a dense gradient as it is."""

    def sizes_are_known(self, gradients: Sequence[Any]) -> bool:
        """Return whether a graph for these gradients can always be used again."""

    def all_finite(self, scalars: Any) -> Any:
        """Whether every scalar of a list, or every number of some blocks, is finite."""

    def all_hold(self, conditions: Any) -> Any:
        """Return whether every boolean of a list, or of some blocks, is true."""

    def cond(self, predicate: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        """The result of one of two functions that change no state, the other one not run."""

    def run_if(
        self,
        predicate: Any,
        function: Callable[..., Sequence[Any] | None],
        variables: Sequence[Any],
        *tensors: Any,
        like: Sequence[Any] = (),
    ) -> Sequence[Any]:
        """Calls function(*tensors) if the predicate holds; returns what it does, or zeros.

        Args:
            predicate: The same on all replicas.
            function: What changes no state but the variables.
            variables: All that the function reads or writes.
            tensors: Lists of tensors, or single ones; what the function takes from a
                replica must come this way.
            like: Variables of the shapes and dtypes of what the function returns.
        """

    def add_up(self, sums: Sequence[Any], tensors: Sequence[Any], anew: Any) -> None:
        """Adds each tensor to its sum, a variable, or where `anew` holds puts it in its place."""

    # Blocks: lists of tensors of which each counts as one vector, with at least one element. The
    # numbers of blocks, one for each, in float32 or wider, are one tensor where a call for each
    # would take long, else a list.

    def numbers(self, values: Sequence[Any], blocks: Sequence[Sequence[Any]]) -> Any:
        """The numbers of the blocks from a list of scalars, tensors or not."""

    def each(self, formula: Callable[..., Any], *numbers: Any) -> Any:
        """What the formula, of scalars, makes of the numbers of each block."""

    def first(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """The first element of each block."""

    def sums(
        self, function: Callable[..., Any], blocks: Sequence[Sequence[Any]], *numbers: Any
    ) -> Any:
        """The sum over each block of an elementwise function of a tensor and the block's numbers.

        The function is given tensors of float32 or wider.
        """

    def sums_of_squares(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """The sum of the squares of each block."""

    def dots(self, blocks: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]]) -> Any:
        """The inner product of each block with its other one."""

    def largest(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """The largest magnitude in each block."""

    def smallest(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """The smallest magnitude in each block."""

    def scaled(self, blocks: Sequence[Sequence[Any]], factors: Any) -> list[list[Any]]:
        """Each block times its number, in the dtypes that the tensors have."""

    def scaled_unless(
        self, unscaled: Any, blocks: Sequence[Sequence[Any]], factors: Any
    ) -> Sequence[Sequence[Any]]:
        """As `scaled`, or the blocks as they are, where the factors are known to be all 1.

        The factors may be a list of tensors, which broadcast with those of the blocks.
        """

    def scaled_where(
        self,
        chosen: Any,
        blocks: Sequence[Sequence[Any]],
        factors: Any,
        others: Sequence[Sequence[Any]],
    ) -> list[list[Any]]:
        """Return what `scaled` does where a boolean of the block says so, elsewhere the other."""

    def sums_of_squares_of_units(self, tensor: Any) -> Any:
        """The sums of the squares over all axes but the last, or of all elements of a vector.

        The axes that are summed over are kept, with length 1.
        """

    def dot(self, tensors: Sequence[Any], others: Sequence[Any]) -> Any:
        """The inner product of two lists of tensors, as a scalar of float32 or wider."""

    # What is traced: a graph, or a transformation, in which tensors are no numbers yet.

    def trace_of(self, tensor: Any) -> Any:
        """Return what the tensor, which was given here, belongs to; None when eager."""

    def goes_on(self, trace: Any) -> bool:
        """Return whether what belongs to it can be used here."""

    # Several replicas of the model.

    def replica(self) -> int:
        """The number of the replica that is being worked on, 0 if there is one."""

    def must_sum(self) -> bool:
        """Whether this is one of several replicas, whose gradients are not summed yet."""

    def once_summed(self, step: Callable[[list, Any], None], gradients: list, loss: Any) -> None:
        """Calls step(gradients, loss) with what the replicas have together.

        Within that call, nothing is summed again, not by the optimizers inside either.
        """

    def leave_sums_to_wrapper(self, optimizer: Any) -> None:
        """Has an optimizer not sum over replicas what a wrapper around it has summed."""

    def on_all_replicas(self, condition: Any) -> Any:
        """Whether the condition holds on all replicas."""

    def check_made_together(self, wrapper: str, variables: Sequence[Any], optimizer: Any) -> None:
        """Raises if the variables, and those of the optimizer, are not for the same replicas."""

    def check_place(self, wrapper: str, variable: Any) -> None:
        """Raises if a variable cannot be trained here, that is on these replicas."""

    def agree(self, variables: Sequence[Any]) -> None:
        """Gives all replicas what the first one has in these variables, once, before training."""

    def scope_of(self, variable: Any) -> AbstractContextManager:
        """Where a new variable gets the same replicas."""

    def once_for_all_replicas(
        self, work: Callable[[Callable[[], None]], Any], function: Callable, tensors: list
    ) -> Any:
        """Calls work(run) once, in which run() calls function(tensors) on every replica."""

    # The step of an optimizer.

    def key(self, variable: Any) -> Any:
        """What tells a variable from others, as a layer knows it."""

    def local_key(self, variable: Any) -> Any:
        """What tells a variable from others, as an optimizer's update on this replica knows it."""

    def replaced(self, optimizer: Any, **methods: Callable) -> AbstractContextManager[None]:
        """Has other methods stand in for those of this one optimizer."""

    def captured(self, optimizer: Any, steps: dict[Any, Any]) -> AbstractContextManager[None]:
        """Puts what an optimizer would add to each variable into `steps`, by `local_key`.

        The variables stay as they are.
        """

    def compiled(self, function: Callable, wanted: Callable[[], bool]) -> Callable:
        """A function of tensors that changes variables, compiled if that makes it faster.

        It is as it is where the compiler has not all that it needs, or where compilation is not
        `wanted`, which is asked only where it is possible.
        """

    def uncompiled(self, function: Callable) -> Callable:
        """The function, left out where a compiler would get its side effects wrong."""

    def add(self, variables: Sequence[Any], steps: Sequence[Any]) -> None:
        """Adds to each variable its step."""

    def scaled_or_zero(self, accepted: Any, tensors: Sequence[Any], scale: Any) -> list[Any]:
        """The tensors times a scalar where accepted, else zeros, whatever the tensors hold."""

    def downhill(
        self, steps: Sequence[Any], gradients: Sequence[Any], least_kept: float
    ) -> list[Any]:
        """The elements of each step whose product with the gradient's is negative, else 0.

        They are divided by the part of the step's elements that they are, or by `least_kept`.
        """

    def update_averages(
        self, averages: Sequence[Any], tensors: Sequence[Any], decay: float
    ) -> list[Any]:
        """Each average becomes decay · average + (1 − decay) · tensor; returns the new values."""

    def blend(self, averages: Sequence[Any], targets: Sequence[Any], decay: Any) -> None:
        """Each average becomes target + decay · (average − target), where the target is finite.

        It is exact for a decay of 0, and where the two are equal. Targets are variables or
        tensors.
        """

    def accumulate(self, sums: Sequence[Any], tensors: Sequence[Any], decay: float) -> list[Any]:
        """Each sum becomes decay · sum + tensor, where the tensor is finite.

        Returns the new values, which may share memory with the sums.
        """

    def add_scaled(self, tensors: Sequence[Any], others: Sequence[Any], scale: float) -> list[Any]:
        """New tensors: tensor + scale · other."""

    def copy(self, variables: Sequence[Any], sources: Sequence[Any]) -> None:
        """Gives each variable the value of another one, without sharing memory."""

    def start_at(self, variables: Sequence[Any], sources: Sequence[Any]) -> bool:
        """As `copy`, at once, also where a graph is built; or False if some have no values yet."""

    def without_gradients(self) -> AbstractContextManager:
        """Where a model that is called keeps nothing for gradients."""

    # Random numbers.

    def thinned(self, tensors: Sequence[Any], keep: float, seed: Any) -> list[Any]:
        """The tensors with each element kept with a probability, else 0.

        Args:
            tensors: Of any floating-point dtypes.
            keep: Above 0, at most 1.
            seed: Two whole numbers, of which the same give the same; others give
                independent draws. Those of the elements and tensors are independent.
        """

    def with_noise(self, tensors: Sequence[Any], deviation: Any, seed: Any) -> list[Any]:
        """The tensors with normal noise of that standard deviation, from a seed as above."""

    # State that is put back.

    def snapshot(self, variables: Sequence[Any]) -> list[Any]:
        """The values of the variables, unaffected by what is written to them later."""

    def restore_unless(
        self, accepted: Any, variables: Sequence[Any], values: Sequence[Any]
    ) -> None:
        """Puts the values back into the variables, unless accepted."""

    def read(self, variable: Any) -> Any:
        """The variable's value as a NumPy array, or None where it has none to be read."""
