"""N:M patterns: n weights kept of each m neighbours, the regularity that matrix units can use."""

from torch import Tensor

from kdtutor.prune.arguments import require_count, require_values
from kdtutor.prune.selection import without_smallest


def n_m_mask(weight: Tensor, n: int = 2, m: int = 4, *, axis: int | None = None) -> Tensor:
    """Mask that keeps the n largest |w| of each m neighbours along one axis: 2:4 keeps two of four.

    weight: (out, in, ...) or (in,). axis: where the neighbours lie; by default the input axis, 1 for a layer's weight
    and the only one of a vector, which is where matrix units skip zeros. Its length must be a multiple of m.
    Returns a boolean mask, True = kept. Raises ValueError for n outside 0..m or a length that m does not divide.
    Source: Mishra et al., "Accelerating Sparse Deep Neural Networks", section 3, 2021 (2:4); Zhou et al., "Learning
    N:M Fine-grained Structured Sparse Neural Networks From Scratch", 2021.
    """
    require_values("weight", weight)
    grouped = _neighbours(weight.detach().abs(), n, m, axis)
    return _neighbours_back(without_smallest(grouped, m - n), weight, axis)


def is_n_m(weight: Tensor, n: int = 2, m: int = 4, *, axis: int | None = None) -> bool:
    """Whether at most n of each m neighbours along the axis are non-zero. Arguments and errors as `n_m_mask`.

    Reads one value back from a GPU.
    """
    require_values("weight", weight)
    return bool(((_neighbours(weight.detach(), n, m, axis) != 0).sum(-1) <= n).all())


def _input_axis(weight: Tensor, axis: int | None) -> int:
    if axis is None:
        return min(1, weight.ndim - 1)
    if not isinstance(axis, int) or not -weight.ndim <= axis < weight.ndim:
        raise ValueError(f"axis is {axis!r}: weight has shape {tuple(weight.shape)}, {weight.ndim} axes from 0")
    return axis % weight.ndim


def _neighbours(weight: Tensor, n: int, m: int, axis: int | None) -> Tensor:
    """The entries in groups of m neighbours: (..., length / m, m) with the axis moved last."""
    require_count("m", m, 1, "a whole number of neighbours, at least 1, is needed")
    require_count("n", n, 0, f"a whole number kept of each {m}, from 0 to {m}, is needed")
    if n > m:
        raise ValueError(f"n is {n}: a whole number kept of each {m}, from 0 to {m}, is needed")
    if weight.ndim == 0:
        raise ValueError("weight has shape (): at least one axis is needed")
    where = _input_axis(weight, axis)
    if weight.shape[where] % m:
        raise ValueError(
            f"weight has shape {tuple(weight.shape)}: axis {where} has length {weight.shape[where]}, "
            f"a multiple of m = {m} is needed"
        )
    return weight.movedim(where, -1).unflatten(-1, (-1, m))


def _neighbours_back(grouped: Tensor, weight: Tensor, axis: int | None) -> Tensor:
    return grouped.flatten(-2).movedim(-1, _input_axis(weight, axis)).contiguous()
