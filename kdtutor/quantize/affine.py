r"""Uniform quantisation x ≈ s · (q - o): scale s, integer codes q, integer zero-point o.

b bits have the signed codes -2^(b-1) ... 2^(b-1) - 1, so 2^b codes and 2^b - 1 steps between them; they are stored as
plain int8 whatever b is. Symmetric quantisation sets o = 0 and leaves the lowest code out, so that -x has the code -q.
Rounding is half to even, as torch.round rounds. What lies outside the range saturates at the outermost code.
"""

import torch
from torch import Tensor

from kdtutor.quantize.arguments import (
    refuse_nan,
    require_bits,
    require_codes,
    require_floating,
    require_scale,
    require_zero_point,
    values_are_readable,
)


def code_range(bits: int = 8) -> tuple[int, int]:
    """The lowest and the highest code of b bits: -2^(b-1) and 2^(b-1) - 1."""
    require_bits(bits)
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def affine_parameters(low: Tensor | float, high: Tensor | float, bits: int = 8) -> tuple[Tensor, Tensor]:
    """Scale and zero-point whose codes cover [low, high]: s = (high - low) / (2^b - 1), o = q_min - round(low / s).

    The range is widened to contain 0 first, because zero (padding, ReLU, a pruned weight) has to be exact; o is an
    integer inside the codes, and s · (o - o) = 0. Inside the range the error is then at most s / 2. A range that is
    nothing but 0 gets s = 1. low, high: numbers, or tensors of one shape (one range each). bits: 1 to 8.
    Returns s in low's dtype, at least float32, and o as int32, both of low's shape and on its device.
    Raises TypeError for integer tensors, ValueError for low > high, NaN or infinity (on the CPU).
    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", section 2.1 and 3, 2018.
    """
    q_min, q_max = code_range(bits)
    low, high = _bounds(low, high)
    low, high = low.clamp_max(0), high.clamp_min(0)
    steps = q_max - q_min
    # Divided before subtracted: the width of a range may overflow where its ends do not.
    scale = high / steps - low / steps
    scale = torch.where(scale > 0, scale.clamp_min(torch.finfo(scale.dtype).tiny), 1.0)
    zero_point = (q_min - (low / scale).round()).clamp(q_min, q_max)
    return scale, zero_point.to(torch.int32)


def quantize_affine(x: Tensor, scale: Tensor | float, zero_point: Tensor | int, bits: int = 8) -> Tensor:
    """Codes q = clamp(round(x / s) + o, -2^(b-1), 2^(b-1) - 1), rounded half to even.

    The zero-point is added and the sum clamped in floating point, and only then cast: a value outside the range
    saturates and never wraps. x: any shape, floating point; infinities saturate. scale, zero_point: numbers, or
    tensors that broadcast to x: (1,) for a tensor, (C, 1, ...) for channels. Returns int8 of x's shape on its device.
    Raises TypeError for integer x or a fractional zero-point, ValueError for s <= 0, o outside the codes or NaN (on the
    CPU; on a GPU the code of NaN is undefined).
    Source: Jacob et al., 2018, section 2.1.
    """
    q_min, q_max = code_range(bits)
    require_floating("x", x)
    refuse_nan("x", x)
    require_scale(scale, x)
    require_zero_point(zero_point, x, q_min, q_max)
    return ((at_least_float32(x) / scale).round() + zero_point).clamp(q_min, q_max).to(torch.int8)


def dequantize_affine(codes: Tensor, scale: Tensor | float, zero_point: Tensor | int) -> Tensor:
    """Values s · (q - o) that the codes stand for.

    codes: any shape, any integer dtype. scale, zero_point: numbers, or tensors that broadcast to the codes.
    Returns the scale's dtype (float32 for a number), in the codes' shape and on their device.
    Raises TypeError for floating-point codes, ValueError for s <= 0.
    Source: Jacob et al., 2018, section 2.1, equation 1.
    """
    require_codes("codes", codes)
    require_scale(scale, codes)
    require_zero_point(zero_point, codes, -(2**31), 2**31 - 1)
    dtype = scale.dtype if isinstance(scale, Tensor) else torch.float32
    # In place on the copy that the change of dtype made: weights are decoded at every call of some layers.
    return codes.to(dtype).sub_(zero_point).mul_(scale)


def symmetric_scale(bound: Tensor | float, bits: int = 8) -> Tensor:
    """Scale s = bound / (2^(b-1) - 1) of the symmetric codes -(2^(b-1) - 1) ... 2^(b-1) - 1, whose zero-point is 0.

    bound: the largest absolute value to cover, a number or a tensor, >= 0; where it is 0 the scale is 1. bits: 2 to 8
    (one bit has no code on either side of 0). Returns bound's shape and dtype, at least float32.
    Raises ValueError for a negative bound (on the CPU) or one bit.
    Source: Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference", section 2.2, 2018.
    """
    require_bits(bits, least=2)
    bound, _ = _bounds(bound, bound)
    if values_are_readable(bound) and bool((bound < 0).any()):
        raise ValueError(f"bound holds {bound.min().item()}: the largest absolute value cannot be negative")
    scale = bound / (2 ** (bits - 1) - 1)
    return torch.where(scale > 0, scale.clamp_min(torch.finfo(scale.dtype).tiny), 1.0)


def quantize_symmetric(x: Tensor, scale: Tensor | float, bits: int = 8) -> Tensor:
    """Codes q = clamp(round(x / s), -(2^(b-1) - 1), 2^(b-1) - 1); `dequantize_affine(q, s, 0)` is the way back.

    x, scale, errors: as `quantize_affine`. bits: 2 to 8. Returns int8; the code of -x is minus the code of x.
    Source: Krishnamoorthi, 2018, section 2.2.
    """
    require_bits(bits, least=2)
    require_floating("x", x)
    refuse_nan("x", x)
    require_scale(scale, x)
    top = 2 ** (bits - 1) - 1
    return (at_least_float32(x) / scale).round().clamp(-top, top).to(torch.int8)


def at_least_float32(x: Tensor) -> Tensor:
    """Half precision has too few digits to hold a code and its rounding error together."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def _bounds(low: Tensor | float, high: Tensor | float) -> tuple[Tensor, Tensor]:
    for name, end in (("low", low), ("high", high)):
        if isinstance(end, Tensor):
            require_floating(name, end)
        elif not isinstance(end, (int, float)) or isinstance(end, bool):
            raise TypeError(f"{name} is a {type(end).__name__}: a number or a floating-point tensor is needed")
    anchor = next((end for end in (low, high) if isinstance(end, Tensor)), torch.zeros(()))
    low, high = (torch.as_tensor(v, dtype=anchor.dtype, device=anchor.device).detach() for v in (low, high))
    low, high = at_least_float32(low), at_least_float32(high)
    if low.shape != high.shape and low.ndim and high.ndim:
        raise ValueError(f"low has shape {tuple(low.shape)}, high {tuple(high.shape)}: both need the same shape")
    if values_are_readable(low, high):
        if not bool((low.isfinite() & high.isfinite()).all()):
            raise ValueError("low or high is NaN or infinite: both ends of a range must be finite")
        if bool((low > high).any()):
            worst = (low - high).argmax()
            ends = [v.expand((low - high).shape).flatten()[worst].item() for v in (low, high)]
            raise ValueError(f"low is {ends[0]:g}, high {ends[1]:g}: a range runs from its lower to its upper end")
    return low, high
