"""Stochastic rounding: up with the probability of the fraction, so that the mean of many roundings is the value."""

from collections.abc import Iterable

import torch
from torch import Tensor

from kdtutor.quantize.affine import at_least_float32, dequantize_affine, quantize_symmetric, symmetric_scale
from kdtutor.quantize.arguments import refuse_infinite, refuse_nan, require_bits, require_floating, require_values


def stochastic_round(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """⌊x⌋ + 1 with probability x - ⌊x⌋, else ⌊x⌋: E[result] = x, and an integer stays itself.

    Rounding to nearest sends every update below half a step to 0; this lets small ones through in proportion.
    x: any shape, floating point; infinities stay. generator: source of the randomness, on x's device; None takes
    torch's global one. Returns x's shape, dtype and device; no gradient.
    Raises TypeError for integer x, ValueError for NaN (on the CPU).
    Source: Gupta et al., "Deep Learning with Limited Numerical Precision", section 3, 2015.
    """
    require_floating("x", x)
    refuse_nan("x", x)
    values = at_least_float32(x.detach())
    below = values.floor()
    draws = torch.rand(values.shape, dtype=values.dtype, device=values.device, generator=generator)
    # inf - inf is NaN, smaller than no draw, so infinities stay as they are.
    return (below + (draws < values - below).to(values.dtype)).to(x.dtype)


def quantize_gradient(
    gradient: Tensor, bits: int = 8, *, stochastic: bool = True, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Codes of a gradient on symmetric steps of s = max|g| / (2^(b-1) - 1), rounded stochastically or to nearest.

    Nothing saturates, so the stochastic codes are unbiased: E[s · q] = g. bits: 2 to 8. Returns (codes, scale): int8 of
    g's shape, and a scalar. Back by `dequantize_affine(codes, scale, 0)`.
    Raises TypeError for an integer gradient, ValueError for one that is empty, NaN or infinite (on the CPU).
    Source: Gupta et al., 2015; Alistarh et al., "QSGD", section 3.1, 2017.
    """
    require_bits(bits, least=2)
    require_values("gradient", gradient)
    refuse_infinite("gradient", gradient)
    gradient = gradient.detach()
    scale = symmetric_scale(gradient.abs().amax(), bits)
    if not stochastic:
        return quantize_symmetric(gradient, scale, bits), scale
    # The clamp undoes no draw: it only catches max|g| / s one rounding error above the outermost code.
    top = 2 ** (bits - 1) - 1
    steps = (at_least_float32(gradient) / scale).clamp(-top, top)
    return stochastic_round(steps, generator).to(torch.int8), scale


def quantize_gradients_(
    parameters: Iterable[Tensor], bits: int = 8, *, stochastic: bool = True, generator: torch.Generator | None = None
) -> None:
    """Replace each parameter's gradient, in place, by its b-bit version: call between backward and the update.

    One scale a parameter. Parameters without a gradient are left alone. Errors as `quantize_gradient`.
    """
    for parameter in parameters:
        if parameter.grad is not None:
            codes, scale = quantize_gradient(parameter.grad, bits, stochastic=stochastic, generator=generator)
            parameter.grad.copy_(dequantize_affine(codes, scale, 0))
