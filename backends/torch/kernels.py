"""Kernels on PyTorch."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from .. import reference
from . import device

PIECE = 2**18  # elements, of which a few fit into a processor's cache
_BITS = {8: torch.int8, 16: torch.int16}
_WHOLE_NUMBERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


class Kernels(reference.Kernels):
    """Calls for all tensors at once, in place, in a vector, or in a processor's cache."""

    def dense(self, gradient: Any, variable: Any) -> Any:
        """Writes out the zeros of a sparse gradient, and leaves a tensor on its device."""
        if not torch.is_tensor(gradient):
            return super().dense(gradient, variable)
        dtype = self.flow.value(variable).dtype
        return (gradient.to_dense() if gradient.is_sparse else gradient).to(dtype)

    def forms(self, variables: Sequence[Any]) -> list[Any]:
        """Return shapes and dtypes."""
        return [(value.shape, value.dtype) for value in self.flow.values(variables)]

    def have_forms(self, gradients: Sequence[Any], forms: Sequence[Any]) -> bool:
        """Looks at what PyTorch knows of them."""
        for gradient, (shape, dtype) in zip(gradients, forms, strict=True):
            if not (
                type(gradient) is torch.Tensor
                and gradient.dtype is dtype
                and gradient.shape == shape
                and gradient.layout is torch.strided
            ):
                return False
        return True

    def all_finite(self, scalars: Any) -> Any:
        """Looks at all at once."""
        vector = scalars if torch.is_tensor(scalars) else _vector(scalars)
        return torch.isfinite(vector).all()

    def all_hold(self, conditions: Any) -> Any:
        """Looks at all at once."""
        vector = conditions if torch.is_tensor(conditions) else torch.stack(list(conditions))
        return vector.all()

    def scalar(self, value: Any, dtype: str) -> Any:
        """Return one of NumPy."""
        if torch.compiler.is_compiling():
            return super().scalar(value, dtype)
        value = self.flow.value(value)
        return np.dtype(dtype).type(value.item() if torch.is_tensor(value) else value)

    def of_scalars(self, formula: Callable[..., Any], *scalars: Any) -> Any:
        """Computes in Python, where an operation of PyTorch takes ten times as long."""
        if torch.compiler.is_compiling():
            return super().of_scalars(formula, *scalars)
        with np.errstate(all="ignore"):
            return formula(np, *map(self._array, scalars))

    def _array(self, scalars: Any) -> Any:
        tensor = self.flow.value(scalars)
        return tensor.numpy(force=True)[()] if torch.is_tensor(tensor) else tensor

    def root(self, square: Any) -> Any:
        """Takes no care of a derivative that nobody asks for."""
        return super().root(square) if square.requires_grad else square.sqrt()

    # The numbers of blocks are a vector.

    def numbers(self, values: Sequence[Any], blocks: Sequence[Sequence[Any]]) -> Any:
        """Return a vector."""
        if torch.is_tensor(values[0]):
            return _vector(values)
        dtypes = {tensor.dtype for block in blocks for tensor in block}
        widest = functools.reduce(torch.promote_types, dtypes, torch.float32)
        make = torch.tensor if torch.compiler.is_compiling() else _constants
        return make(tuple(values), dtype=widest, device=blocks[0][0].device)

    def each(self, formula: Callable[..., Any], *numbers: Any) -> Any:
        """Calls it once, with vectors."""
        return formula(*numbers)

    def all_within(self, numbers: Any, least: Sequence[float], most: Sequence[float]) -> Any:
        """Looks in Python."""
        pairs = zip(numbers.tolist(), least, most, strict=True)
        return all(lowest <= abs(number) <= highest for number, lowest, highest in pairs)

    def units_within(
        self, tensors: Sequence[Any], least: Sequence[float], most: Sequence[float]
    ) -> Any:
        """Looks in Python at the ends of the range of magnitudes."""
        magnitudes = torch._foreach_abs(list(tensors))
        ends = _vector([end for one in magnitudes for end in torch.aminmax(one)]).tolist()
        pairs = zip(ends[::2], ends[1::2], least, most, strict=True)
        return all(first <= low and high <= last for low, high, first, last in pairs)

    def first(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """Return a vector."""
        return _vector(super().first(blocks))

    def sums(
        self, function: Callable[..., Any], blocks: Sequence[Sequence[Any]], *numbers: Any
    ) -> Any:
        """Sums tensor by tensor."""
        of_tensors = (_for_all(blocks, vector) for vector in numbers)
        sums = [
            function(*arguments).sum()
            for arguments in zip(self._all_of(blocks), *of_tensors, strict=True)
        ]
        return _of_blocks(torch.sum, sums, blocks)

    def sums_of_squares(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """Multiplies flat tensors by themselves; norms of many elements would be less exact."""
        flat = self._flat(blocks)
        return _products(blocks, flat, flat)

    def dots(self, blocks: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]]) -> Any:
        """Multiplies flat tensors."""
        return _products(blocks, self._flat(blocks), self._flat(others))

    def dot(self, tensors: Sequence[Any], others: Sequence[Any]) -> Any:
        """Multiplies flat tensors."""
        return self.dots([tensors], [others])[0]

    def largest(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """Looks at the ends of the range of each tensor, which needs no copy for magnitudes."""
        ends = [torch.stack(torch.aminmax(one)).abs().amax() for one in self._all_of(blocks)]
        return _of_blocks(torch.amax, ends, blocks)

    def smallest(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """Looks at tensor by tensor."""
        ends = [tensor.abs().amin() for tensor in self._all_of(blocks)]
        return _of_blocks(torch.amin, ends, blocks)

    def _flat(self, blocks: Sequence[Sequence[Any]]) -> list[Any]:
        return [
            tensor if tensor.ndim == 1 else tensor.reshape(-1) for tensor in self._all_of(blocks)
        ]

    def _all_of(self, blocks: Sequence[Sequence[Any]]) -> list[Any]:
        return [self._wide(tensor) for block in blocks for tensor in block]

    def _wide(self, tensor: Any) -> Any:
        """Looks at PyTorch's own dtypes."""
        return tensor if tensor.dtype == torch.float32 else tensor.to(_wide_dtype(tensor))

    # What does many at once.

    def scaled(self, blocks: Sequence[Sequence[Any]], factors: Any) -> list[list[Any]]:
        """Multiplies all at once."""
        products = torch._foreach_mul(self._all_of(blocks), _for_all(blocks, factors))
        return _like(blocks, _as(products, [tensor for block in blocks for tensor in block]))

    def scaled_unless(
        self, unscaled: Any, blocks: Sequence[Sequence[Any]], factors: Any
    ) -> Sequence[Sequence[Any]]:
        """Decides in Python."""
        return blocks if unscaled else super().scaled(blocks, factors)

    def scaled_where(
        self,
        chosen: Any,
        blocks: Sequence[Sequence[Any]],
        factors: Any,
        others: Sequence[Sequence[Any]],
    ) -> list[list[Any]]:
        """Decides in Python."""
        choices = chosen.tolist()
        if not any(choices):
            return list(others)
        if all(choices):
            return self.scaled(blocks, factors)
        products = iter(self.scaled(list(itertools.compress(blocks, choices)), factors[chosen]))
        return [
            next(products) if choice else other
            for choice, other in zip(choices, others, strict=True)
        ]

    def scaled_or_zero(self, accepted: Any, tensors: Sequence[Any], scale: Any) -> list[Any]:
        """Decides in Python, and multiplies all at once."""
        if not accepted:
            return [torch.full_like(tensor, -0.0) for tensor in tensors]
        scale = torch.as_tensor(scale, device=tensors[0].device)
        return _as(torch._foreach_mul(list(map(self._wide, tensors)), scale), tensors)

    def times(self, tensors: Sequence[Any], factor: Any) -> list[Any]:
        """Multiplies all at once."""
        factor = torch.as_tensor(factor, device=tensors[0].device)
        if any(tensor.dtype != factor.dtype for tensor in tensors):
            return super().times(tensors, factor)
        return list(torch._foreach_mul(list(tensors), factor))

    @torch.no_grad()
    def add_scaled(self, tensors: Sequence[Any], others: Sequence[Any], scale: float) -> list[Any]:
        """Adds all at once."""
        return list(torch._foreach_add(list(tensors), list(others), alpha=scale))

    @torch.no_grad()
    def downhill(
        self, steps: Sequence[Any], gradients: Sequence[Any], least_kept: float
    ) -> list[Any]:
        """Multiplies by 0 or 1, and selects only where products are not finite."""
        keep = _kept_at_once if max(map(torch.Tensor.numel, steps)) <= PIECE else _kept_in_cache
        results, counts, sums = keep(steps, gradients)
        scales = [
            step.numel() / (max(count, least_kept * step.numel()) or 1)
            for step, count in zip(steps, counts, strict=True)
        ]
        if self.all_finite(sums):
            torch._foreach_mul_(results, scales)
            return results
        return [
            torch.where(torch.sign(step) * gradient < 0, step * scale, 0)
            for step, gradient, scale in zip(steps, gradients, scales, strict=True)
        ]

    # What is written to variables.

    @torch.no_grad()
    def add(self, variables: Sequence[Any], steps: Sequence[Any]) -> None:
        """Adds all at once, in place."""
        torch._foreach_add_(self._values(variables), list(steps))

    @torch.no_grad()
    def decay(self, variables: Sequence[Any], rate: Any) -> None:
        """Takes one pass, in place."""
        if rate := float(rate):
            values = self._values(variables)
            torch._foreach_add_(values, values, alpha=-rate)

    @torch.no_grad()
    def decay_towards(self, variables: Sequence[Any], targets: Sequence[Any], rate: Any) -> None:
        """Takes one pass, in place."""
        if rate := float(rate):
            torch._foreach_lerp_(self._values(variables), self._values(targets), rate)

    @torch.no_grad()
    def decay_unless_growing(
        self, variables: Sequence[Any], steps: Sequence[Any], rate: Any
    ) -> None:
        """Multiplies by 0 or 1, in a processor's cache."""
        if not (rate := float(rate)):
            return
        for value, step in zip(self._values(variables), steps, strict=True):
            # Of what is not in one piece, there would be copies.
            pieces = _in_cache([value], [step]) if value.is_contiguous() else [(value, step)]
            for part, its_step in pieces:
                kept = torch.sign(its_step).mul_(part).le_(0)  # the product itself could underflow
                part.addcmul_(kept, part, value=-rate)

    @torch.no_grad()
    def add_up(self, sums: Sequence[Any], tensors: Sequence[Any], anew: Any) -> None:
        """Decides in Python, for all at once, in place."""
        write = torch._foreach_copy_ if anew else torch._foreach_add_
        write(self._values(sums), list(tensors))

    @torch.no_grad()
    def update_averages(
        self, averages: Sequence[Any], tensors: Sequence[Any], decay: float
    ) -> list[Any]:
        """Takes one pass."""
        values = self._values(averages)
        torch._foreach_lerp_(values, _as(tensors, values), 1 - decay)
        return values

    @torch.no_grad()
    def blend(self, averages: Sequence[Any], targets: Sequence[Any], decay: Any) -> None:
        """Takes one pass, which is exact where it has to be."""
        if not averages:
            return  # PyTorch has no such functions of empty lists
        values, ends = self._values(averages), self._values(targets)
        if not self._are_finite(ends):
            ends = [
                torch.where(torch.isfinite(end), end, value)
                for end, value in zip(ends, values, strict=True)
            ]
        torch._foreach_lerp_(values, _as(ends, values), 1 - float(decay))

    @torch.no_grad()
    def accumulate(self, sums: Sequence[Any], tensors: Sequence[Any], decay: float) -> list[Any]:
        """Adds in place."""
        values = self._values(sums)
        if self._are_finite(tensors):
            torch._foreach_mul_(values, decay)
            torch._foreach_add_(values, list(tensors))
            return values
        for value, tensor in zip(values, tensors, strict=True):
            value.copy_(torch.where(torch.isfinite(tensor), decay * value + tensor, value))
        return values

    def _values(self, variables: Sequence[Any]) -> list[Any]:
        return self.flow.values(variables)

    def _are_finite(self, tensors: Sequence[Any]) -> Any:
        """Return whether all elements are; no, too, where large ones have a sum that is not."""
        return self.all_finite([tensor.sum() for tensor in tensors])

    # Random numbers.

    @torch.compiler.disable
    @torch.no_grad()
    def thinned(self, tensors: Sequence[Any], keep: float, seed: Any) -> list[Any]:
        """Draws few random bits: as the probability needs, of which PyTorch draws 64 the fastest.

        With 16 bits, it is rounded up or down at random, so that it is right on average.
        """
        generator, rounding = _generator(seed, tensors)
        width = 8 if (keep * 2**8).is_integer() else 16
        below = math.floor(keep * 2**width + rounding) - 2 ** (width - 1)
        results = [_empty_like(tensor) for tensor in tensors]
        for result, tensor in _in_cache(results, tensors):
            size, whole = tensor.numel(), _WHOLE_NUMBERS[tensor.element_size()]
            bits = torch.empty(-(-size * width // 64), dtype=torch.int64, device=tensor.device)
            drawn = bits.random_(-(2**63), None, generator=generator).view(_BITS[width])[:size]
            mask = drawn.lt_(below).neg_() if below < 2 ** (width - 1) else drawn.fill_(-1)
            result.view(whole).copy_(mask).bitwise_and_(tensor.view(whole))
        return results

    @torch.compiler.disable
    @torch.no_grad()
    def with_noise(self, tensors: Sequence[Any], deviation: Any, seed: Any) -> list[Any]:
        """Draws PyTorch's normal numbers."""
        generator, _ = _generator(seed, tensors)
        results = []
        for tensor in tensors:
            noise = torch.empty(tensor.shape, dtype=_wide_dtype(tensor), device=tensor.device)
            noise.normal_(generator=generator).mul_(deviation).add_(tensor)
            results.append(noise.to(tensor.dtype))
        return results


def _products(blocks: Sequence[Sequence[Any]], flat: list[Any], others: list[Any]) -> Any:
    return _of_blocks(torch.sum, list(map(torch.dot, flat, others)), blocks)


def _of_blocks(reduce: Callable, scalars: Sequence[Any], blocks: Sequence[Sequence[Any]]) -> Any:
    """Return a vector of a reduction of every block, from those of all tensors in turn."""
    vector = _vector(scalars)
    lengths = [len(block) for block in blocks]
    if max(lengths) == 1:
        return vector
    return torch.stack([reduce(part) for part in vector.split(lengths)])


def _vector(scalars: Sequence[Any]) -> Any:
    """Return them in the widest of their dtypes."""
    dtypes = {scalar.dtype for scalar in scalars}
    if len(dtypes) > 1:
        widest = functools.reduce(torch.promote_types, dtypes)
        scalars = [scalar.to(widest) for scalar in scalars]
    return torch.stack(list(scalars))


@functools.lru_cache(maxsize=64)
def _constants(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Any:
    """Return a vector that nobody may write to, and that every mode of PyTorch can use."""
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=dtype, device=device)


def _wide_dtype(tensor: Any) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)


def _for_all(blocks: Sequence[Sequence[Any]], vector: Any) -> list[Any]:
    """Return for each tensor the number of its block."""
    return [number for number, block in zip(vector.unbind(), blocks, strict=True) for _ in block]


def _like(blocks: Sequence[Sequence[Any]], tensors: Sequence[Any]) -> list[list[Any]]:
    """Return the tensors in as many blocks."""
    rest = iter(tensors)
    return [list(itertools.islice(rest, len(block))) for block in blocks]


def _as(results: Sequence[Any], tensors: Sequence[Any]) -> list[Any]:
    """Return the results in the dtypes of the tensors."""
    return [
        result if result.dtype == tensor.dtype else result.to(tensor.dtype)
        for result, tensor in zip(results, tensors, strict=True)
    ]


def _empty_like(tensor: Any) -> Any:
    """Return memory of the same shape, in one piece, whatever the tensor is a part of."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)


def _pieces(tensor: Any) -> Sequence[Any]:
    """Return the flat tensor; on a CPU in pieces, for which several operations are faster."""
    flat = tensor.reshape(-1)
    return flat.split(PIECE) if flat.numel() > PIECE and device.on_cpu(flat) else [flat]


def _in_cache(*lists: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the pieces of the tensors that stand in one place of the lists, place after place."""
    for tensors in zip(*lists, strict=True):
        yield from zip(*map(_pieces, tensors), strict=True)


Kept = tuple[list[Any], list[float], list[Any]]


def _kept_at_once(steps: Sequence[Any], gradients: Sequence[Any]) -> Kept:
    """Return the elements of each step that are downhill, or 0, how many, and what shows overflows.

    The last are sums.
    """
    results = torch._foreach_sign(list(steps))
    torch._foreach_mul_(results, list(gradients))  # the product itself could underflow
    counts = [kept.lt_(0).sum(dtype=_wide_dtype(kept)) for kept in results]
    torch._foreach_mul_(results, list(steps))
    return list(results), torch.stack(counts).tolist(), [kept.sum() for kept in results]


def _kept_in_cache(steps: Sequence[Any], gradients: Sequence[Any]) -> Kept:
    """Return the same, computed piece after piece."""
    results = [_empty_like(step) for step in steps]
    counts, sums = [], []
    for kept, step, gradient in _in_cache(results, steps, gradients):
        torch.sign(step, out=kept).mul_(gradient)
        counts.append(kept.lt_(0).sum(dtype=_wide_dtype(kept)))
        sums.append(kept.mul_(step).sum())
    return results, _summed(counts, steps), sums


def _summed(numbers: Sequence[Any], tensors: Sequence[Any]) -> list[float]:
    """Return the sum for each tensor of the numbers for its pieces."""
    rest = iter(torch.stack(list(numbers)).tolist())
    return [sum(itertools.islice(rest, len(_pieces(tensor)))) for tensor in tensors]


def _generator(seed: Any, tensors: Sequence[Any]) -> tuple[torch.Generator, float]:
    """Return a generator, and one number more, in [0, 1): PyTorch's seeds are of 32 bits."""
    words = np.random.SeedSequence([word % 2**32 for word in seed.tolist()]).generate_state(2)
    generator = torch.Generator(tensors[0].device).manual_seed(int(words[0]))
    return generator, int(words[1]) / 2**32
