"""Logarithmic quantisation: every value becomes 0 or a signed power of two, and multiplying becomes shifting.

b bits name 2^b - 1 values: an exact zero, and n = 2^(b-1) - 1 powers for either sign. The largest power is the one
nearest to max|x|; below the smallest there is only zero.
"""

import math

import torch
from torch import Tensor

from kdtutor.quantize.arguments import refuse_infinite, require_bits, require_codes, require_values


def power_of_two(x: Tensor, bits: int) -> Tensor:
    """x rounded to the nearest of {0, ±2^(e-n+1), ..., ±2^e}, n = 2^(b-1) - 1, 2^e the power nearest to max|x|.

    Nearest by distance, not by logarithm: 3 lies half-way between 2 and 4. Half-way goes to the larger magnitude.
    x: any shape, floating point. bits: 2 to 8. Returns x's shape, dtype and device; no gradient.
    Example: power_of_two([3.0, -0.8, 0.4, 0.0], 3) -> [4.0, -1.0, 0.0, 0.0], with the powers 1, 2, 4.
    Raises TypeError for integer x, ValueError for fewer than 2 bits, empty x, NaN or infinity (on the CPU).
    Source: Miyashita, Lee, Murmann, "Convolutional Neural Networks using Logarithmic Data Representation", 2016;
    Zhou et al., "Incremental Network Quantization", section 2.1, 2017 (the exact zero, and rounding by distance).
    """
    return power_of_two_values(*power_of_two_codes(x, bits), bits).to(x.dtype)


def power_of_two_codes(x: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Codes k of x's powers and the largest exponent e: k = 0 for zero, else sign(x) · (1 ... n), n for ±2^e.

    Returns (codes, top_exponent): int8 of x's shape with |k| < 2^(b-1), and an int32 scalar. The rest as
    `power_of_two`.
    """
    require_bits(bits, least=2)
    require_values("x", x)
    refuse_infinite("x", x)
    x = x.detach()
    largest_exponent = math.frexp(torch.finfo(x.dtype).max)[1] - 1
    # float64 holds every smaller format's subnormal numbers as normal ones.
    mantissa, exponent = torch.frexp(x.double().abs())
    exponent = torch.where(mantissa == 0, torch.iinfo(torch.int16).min, exponent)
    nearest = (exponent - (mantissa < 0.75).int()).clamp_max(largest_exponent)
    top = nearest.amax()
    count = 2 ** (bits - 1) - 1
    # Below the smallest power only zero is left, so there half-way is at half of it and not at three quarters.
    lifted = (exponent > top - count).int()
    codes = torch.maximum(nearest - top + count, lifted) * x.sign().int()
    return codes.to(torch.int8), top.to(torch.int32)


def power_of_two_values(codes: Tensor, top_exponent: Tensor | int, bits: int) -> Tensor:
    """Values of `power_of_two_codes`: 0 for k = 0, else sign(k) · 2^(e - n + |k|). Returns float64, exact.

    Raises TypeError for floating-point codes.
    """
    require_bits(bits, least=2)
    require_codes("codes", codes)
    steps = codes.int()
    exponents = steps.abs() + top_exponent - (2 ** (bits - 1) - 1)
    powers = torch.ldexp(torch.ones_like(steps, dtype=torch.float64), exponents)
    return torch.where(steps == 0, 0.0, steps.sign() * powers)
