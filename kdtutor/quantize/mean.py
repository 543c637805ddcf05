"""Mean quantisation: the mean absolute value is the step."""

import torch
from torch import Tensor

from kdtutor.quantize.affine import at_least_float32, quantize_symmetric
from kdtutor.quantize.arguments import refuse_infinite, require_bits, require_values


def mean_quantize(x: Tensor, bits: int = 8) -> tuple[Tensor, Tensor]:
    """Codes q = clamp(round(x / s), -(2^(b-1) - 1), 2^(b-1) - 1) with the step s = mean|x|.

    The *absolute* value matters: weights have a signed mean near 0, and dividing by it gives codes of any size and a
    sign that changes with the seed. With 2 bits the codes are -1, 0, 1. All zeros get s = 1.
    x: any shape, floating point. bits: 2 to 8. Returns (codes, scale): int8 of x's shape, and a scalar of x's dtype (at
    least float32). Back by `dequantize_affine(codes, scale, 0)`.
    Raises TypeError for integer x, ValueError for empty x, one bit, NaN or infinity (on the CPU).
    Source: Ma et al., "The Era of 1-bit LLMs", section 2, 2024 (2 bits, there called absmean).
    """
    require_bits(bits, least=2)
    require_values("x", x)
    refuse_infinite("x", x)
    scale = at_least_float32(x.detach()).abs().mean()
    scale = torch.where(scale > 0, scale, 1.0)
    return quantize_symmetric(x.detach(), scale, bits), scale
