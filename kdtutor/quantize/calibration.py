"""Which range [low, high] the codes should cover: everything seen, or less of it with finer steps.

Every range contains 0. With `axis` there is one range a slice, shaped to broadcast against x.
"""

from typing import Literal

import torch
from torch import Tensor

from kdtutor.quantize.affine import affine_parameters, at_least_float32, code_range, symmetric_scale
from kdtutor.quantize.arguments import (
    refuse_infinite,
    require_axis,
    require_between,
    require_bits,
    require_integer,
    require_values,
)

Method = Literal["minmax", "percentile", "error", "entropy"]
_SMOOTHING = 1e-4  # share of the quantised histogram that is spread evenly before the divergence is taken


def calibrate(x: Tensor, method: Method = "minmax", bits: int = 8) -> tuple[Tensor, Tensor]:
    """The range [low, high] of x by one of four methods, with the defaults of each.

    minmax: the extremes. percentile: the extremes without the outermost 0.1 % on either side. error: the smallest
    squared quantisation error. entropy: the smallest KL divergence between histograms before and after.
    x: any shape, floating point. Returns two scalars for `affine_parameters(low, high, bits)`.
    Raises ValueError for an unknown method, and as the methods do.
    """
    match method:
        case "minmax":
            return minmax_range(x)
        case "percentile":
            return percentile_range(x)
        case "error":
            return error_range(x, bits)
        case "entropy":
            return entropy_range(x, bits)
    raise ValueError(f"method is {method!r}: one of 'minmax', 'percentile', 'error', 'entropy' is needed")


def minmax_range(x: Tensor, axis: int | None = None) -> tuple[Tensor, Tensor]:
    """The extremes: low = min(x, 0), high = max(x, 0). One outlier widens every step.

    x: any shape, floating point. Returns x's dtype: scalars, or one range a slice along `axis`.
    Raises TypeError for integer x, ValueError for empty x, NaN or infinity (on the CPU).
    Source: Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference", section 2, 2018.
    """
    rows = _rows(x, axis)
    low, high = torch.aminmax(rows, dim=1)
    return _shaped(low.clamp_max(0), x, axis), _shaped(high.clamp_min(0), x, axis)


def percentile_range(x: Tensor, percentile: float = 99.9, axis: int | None = None) -> tuple[Tensor, Tensor]:
    """Values that leave the outermost (100 - percentile) % out on either side; linear between neighbours.

    percentile: above 50, up to 100, which is `minmax_range`. The rest as `minmax_range`.
    Source: Wu et al., "Integer Quantization for Deep Learning Inference: Principles and Empirical Evaluation",
    section 4, 2020.
    """
    require_between("percentile", percentile, 50, 100)
    rows = _rows(x, axis).sort(dim=1).values
    last = rows.shape[1] - 1
    low, high = (_between_neighbours(rows, p / 100 * last) for p in (100 - percentile, percentile))
    return _shaped(low.clamp_max(0), x, axis), _shaped(high.clamp_min(0), x, axis)


def error_range(
    x: Tensor, bits: int = 8, axis: int | None = None, *, symmetric: bool = False, candidates: int = 100
) -> tuple[Tensor, Tensor]:
    """The range γ · [min, max], γ = 1/n, 2/n, ... 1, whose codes give the smallest squared error Σ (x - x̂)².

    Clipping a few outliers costs less than coarser steps for all the rest, the more so the fewer the bits. γ = 1 is
    among the n candidates: never worse than `minmax_range`. symmetric: search ranges [-γ · max|x|, γ · max|x|] for
    `symmetric_scale`. The rest as `minmax_range`.
    Source: Sung, Shin, Hwang, "Resiliency of Deep Neural Networks under Quantization", section 3, 2015 (L2 search).
    """
    require_bits(bits, least=2 if symmetric else 1)
    require_integer("candidates", candidates, least=1)
    rows = at_least_float32(_rows(x, axis))
    low, high = torch.aminmax(rows, dim=1, keepdim=True)
    low, high = low.clamp_max(0), high.clamp_min(0)
    if symmetric:
        high = torch.maximum(-low, high)
        low = -high
    least = torch.full_like(low, torch.inf)
    best = torch.ones_like(low)
    for step in range(candidates, 0, -1):
        share = step / candidates
        error = (rows - _round_trip(rows, share * low, share * high, bits, symmetric)).square().sum(1, keepdim=True)
        best = torch.where(error < least, share, best)
        least = torch.minimum(error, least)
    low, high = ((best * end).squeeze(1).to(x.dtype) for end in (low, high))
    return _shaped(low, x, axis), _shaped(high, x, axis)


def entropy_range(x: Tensor, bits: int = 8, *, bins: int = 2048) -> tuple[Tensor, Tensor]:
    """The threshold τ on |x| whose clipped and quantised histogram stays closest to the clipped one, by KL divergence.

    Returns (-τ, τ), or the half of it where x has values; τ is the upper edge of one of the histogram's bins. Zeros do
    not count: every range represents them exactly. x: any shape, floating point. bins: at least 2^bits.
    Raises as `minmax_range`, and ValueError for too few bins.
    Source: Migacz, "8-bit Inference with TensorRT", GPU Technology Conference 2017.
    """
    require_bits(bits)
    require_integer("bins", bins, least=2**bits)
    values = at_least_float32(_rows(x, None)).flatten()
    low, high = values.amin().clamp_max(0), values.amax().clamp_min(0)
    largest = torch.maximum(-low, high)
    one_sided = (low == 0) | (high == 0)
    levels = 2**bits if bool(one_sided) else 2 ** (bits - 1)
    magnitudes = values.abs()
    magnitudes = magnitudes[magnitudes > 0]
    if magnitudes.numel() == 0:
        return low.to(x.dtype), high.to(x.dtype)
    index = (magnitudes / largest * bins).long().clamp_max(bins - 1)
    histogram = torch.bincount(index.cpu(), minlength=bins).double()
    sizes = range(bins, levels - 1, -max(1, bins // 256))
    divergences = [_clipping_divergence(histogram, size, levels) for size in sizes]
    threshold = largest * (sizes[divergences.index(min(divergences))] / bins)
    return torch.maximum(low, -threshold).to(x.dtype), torch.minimum(high, threshold).to(x.dtype)


def _clipping_divergence(histogram: Tensor, size: int, levels: int) -> float:
    """KL(p ‖ q): p the first `size` bins with all mass beyond in the last, q those bins merged into `levels` steps."""
    inside = histogram[:size]
    p = inside.clone()
    p[-1] += histogram[size:].sum()
    level = torch.arange(size) * levels // size
    filled = p > 0
    mass = torch.zeros(levels, dtype=p.dtype).scatter_add_(0, level, inside)
    sharing = torch.zeros(levels, dtype=p.dtype).scatter_add_(0, level, filled.to(p.dtype))
    q = torch.where(filled, (mass / sharing.clamp_min(1))[level], 0.0)
    if not q.sum() > 0:
        return float("inf")
    # A bin that only the clipped mass fills has q = 0: dear, but not infinitely, or no outlier would ever be clipped.
    p, q = p / p.sum(), (1 - _SMOOTHING) * q / q.sum() + _SMOOTHING / size
    return float((torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum())


def _round_trip(x: Tensor, low: Tensor, high: Tensor, bits: int, symmetric: bool) -> Tensor:
    q_min, q_max = code_range(bits)
    if symmetric:
        scale = symmetric_scale(high, bits)
        return (x / scale).round().clamp(-q_max, q_max) * scale
    scale, zero_point = affine_parameters(low, high, bits)
    return (((x / scale).round() + zero_point).clamp(q_min, q_max) - zero_point) * scale


def _rows(x: Tensor, axis: int | None) -> Tensor:
    """x as (slices, values in a slice)."""
    require_values("x", x)
    refuse_infinite("x", x)
    x = x.detach()
    if axis is None:
        return x.reshape(1, -1)
    require_axis(axis, x)
    return x.movedim(axis, 0).flatten(1) if x.ndim > 1 else x.unsqueeze(1)


def _shaped(end: Tensor, x: Tensor, axis: int | None) -> Tensor:
    """One end a slice, as a scalar or with x's number of axes."""
    if axis is None:
        return end.squeeze(0)
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    return end.reshape(shape)


def _between_neighbours(sorted_rows: Tensor, place: float) -> Tensor:
    below = min(int(place), sorted_rows.shape[1] - 1)
    above = min(below + 1, sorted_rows.shape[1] - 1)
    return torch.lerp(sorted_rows[:, below], sorted_rows[:, above], place - below)
