"""Products of int8 matrices with 32-bit sums, exact on every machine, and the float arithmetic around them.

With x ≈ s_x · (q - o) and w_k ≈ s_k · p_k: y_nk = Σ_i x_ni · w_ki ≈ s_x · s_k · (Σ_i q_ni · p_ki - o · Σ_i p_ki).
Only the first sum depends on the input, and it is computed in integers.
"""

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.quantize.affine import at_least_float32
from kdtutor.quantize.arguments import dtype_name, values_are_readable

_SMALLEST = torch.finfo(torch.float32).tiny


def int8_matmul(a: Tensor, b: Tensor) -> Tensor:
    """The exact integer product a · b with 32-bit sums: int8 (M, K) and (K, N) to int32 (M, N).

    Fastest when b is the transposed view of a contiguous (N, K) matrix. Runs on the CPU and on CUDA, where sizes that
    the hardware does not take (M <= 16, K or N no multiple of 8) are padded with zeros. K below 2^17, so that
    128 · 128 · K fits into 32 bits. Raises TypeError for other dtypes, ValueError for shapes that do not multiply.
    """
    if a.dtype != torch.int8 or b.dtype != torch.int8:
        raise TypeError(f"a has dtype {dtype_name(a)}, b {dtype_name(b)}: both need int8")
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"a has shape {tuple(a.shape)}, b {tuple(b.shape)}: (M, K) and (K, N) are needed")
    if 0 in (*a.shape, *b.shape):
        return a.new_zeros(a.shape[0], b.shape[1], dtype=torch.int32)
    # torch._int_mm reads repeated (expanded) rows and columns wrongly: copies are made where a layout is unusual.
    if not (b.is_contiguous() or (b.stride(0) == 1 and b.stride(1) >= b.shape[0])):
        b = b.contiguous()
    return trusted_product(a.contiguous(), b)


def trusted_product(a: Tensor, b: Tensor) -> Tensor:
    """`int8_matmul` of what is known to fit and to lie in rows (a) and in rows or columns (b), without looking."""
    if a.is_cuda:
        return _padded(a, b)
    if a.shape[1] == 1:
        # torch._int_mm (2.14) mistakes the layout of a single row and returns other numbers.
        return a.int() * b.int()
    if torch.compiler.is_compiling() or cpu_product_is_exact():
        return torch._int_mm(a, b)
    return _in_halves(a, b)


@functools.cache
def cpu_product_is_exact() -> bool:
    """Whether this CPU's int8 product keeps 32-bit sums.

    Without the VNNI instructions the library behind `torch._int_mm` adds pairs of products in 16 bits, which saturate
    at 32767, and returns wrong sums without a word.
    """
    ones = torch.ones(32, 64, dtype=torch.int8)
    return all(
        bool((torch._int_mm(ones * x, (ones * w).t()) == 64 * x * w).all()) for x in (127, -128) for w in (127, -128)
    )


def _in_halves(a: Tensor, b: Tensor) -> Tensor:
    """b = 2 · (b >> 1) + (b & 1): with factors of at most 7 bits no pair of products leaves 16 bits."""
    return 2 * torch._int_mm(a, b >> 1) + torch._int_mm(a, b & 1)


def _padded(a: Tensor, b: Tensor) -> Tensor:
    (rows, inner), columns = a.shape, b.shape[1]
    more_rows, more_inner, more_columns = max(0, 17 - rows), -inner % 8, -columns % 8
    if more_rows or more_inner:
        a = F.pad(a, (0, more_inner, 0, more_rows))
    if more_inner or more_columns:
        # Padded as (N, K), so that the transposed view stays the layout that CUDA multiplies fastest.
        b = F.pad(b.t(), (0, more_inner, 0, more_columns)).t()
    return torch._int_mm(a, b)[:rows, :columns]


def input_parameters(x: Tensor) -> tuple[Tensor | float, Tensor | float]:
    """Scale and zero-point of this very input (dynamic quantisation): Python numbers on the CPU, scalars elsewhere.

    Python numbers save a third of the time of a small product; reading them from a GPU would stall it.
    NaN or infinity in x gives a scale that makes the whole result NaN.
    """
    low, high = torch.aminmax(x)
    if not values_are_readable(x):
        low, high = at_least_float32(low).clamp_max(0), at_least_float32(high).clamp_min(0)
        width = high / 255 - low / 255
        step = torch.where(width == 0, 1.0, width.clamp_min(_SMALLEST))
        return step, (-128 - (low / step).round()).clamp(-128, 127)
    least, most = min(float(low), 0.0), max(float(high), 0.0)
    scale = most / 255 - least / 255
    if not 0 < scale < math.inf:
        return (1.0, -128) if scale == 0 else (math.nan, 0)
    scale = max(scale, _SMALLEST)
    return scale, min(max(-128 - round(least / scale), -128), 127)


def quantize_input(x: Tensor, scale: Tensor | float, zero_point: Tensor | float) -> Tensor:
    """`quantize_affine` to 8 bits without its checks, with one temporary: this runs at every forward pass.

    With Python numbers round(x / s + o) in fewer calls instead of round(x / s) + o: the same code, except where x / s
    lies within 2e-5 of half-way between two codes.
    """
    x = at_least_float32(x)
    if isinstance(scale, Tensor) or isinstance(zero_point, Tensor):
        steps = x.div(scale).add_(zero_point)
    else:
        steps = torch.rsub(x, zero_point, alpha=-1 / scale)
    return steps.round_().clamp_(-128, 127).char()


def rescale(
    sums: Tensor,
    scale: Tensor | float,
    zero_point: Tensor | float,
    weight_scale: Tensor,
    weight_total: Tensor,
    bias: Tensor,
) -> Tensor:
    """s_x · s_k · Σ q p + (bias_k - s_x · o · s_k · Σ p), with weight_total_k = s_k · Σ_i p_ki: float32 (M, N)."""
    if isinstance(scale, Tensor) or isinstance(zero_point, Tensor):
        return torch.addcmul(bias - weight_total * (scale * zero_point), sums.float(), weight_scale * scale)
    offset = torch.add(bias, weight_total, alpha=-scale * zero_point)
    return torch.addcmul(offset, sums, weight_scale, value=scale)
