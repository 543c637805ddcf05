"""Training with quantisation inside: rounded going forward, straight through going back.

The derivative of rounding is 0 almost everywhere and teaches nothing; the straight-through estimator replaces it by 1
inside the range. At the bounds themselves the derivative here is 1, outside 0. Both are written out, so that they do
not change with autograd's own convention for clamp.
"""

from typing import Any

import torch
from torch import Tensor, nn

from kdtutor.quantize.affine import affine_parameters, at_least_float32, code_range, symmetric_scale
from kdtutor.quantize.arguments import (
    refuse_nan,
    require_axis,
    require_bits,
    require_floating,
    require_scale,
    require_zero_point,
)
from kdtutor.quantize.calibration import minmax_range


def fake_quantize(x: Tensor, scale: Tensor | float, zero_point: Tensor | int, bits: int = 8) -> Tensor:
    """Quantised and back, x̂ = s · (clamp(round(x / s) + o, q_min, q_max) - o), with a straight-through gradient.

    ∂x̂/∂x = 1 where q_min - o <= x / s <= q_max - o, both bounds included, and 0 outside. s and o receive no gradient:
    see `learned_step_quantize` for a step that learns. x, scale, zero_point, bits, errors: as `quantize_affine`.
    Returns x's shape, dtype and device; the values are those of `dequantize_affine(quantize_affine(x, ...), ...)`.
    Source: Bengio, Léonard, Courville, "Estimating or Propagating Gradients Through Stochastic Neurons", section 4,
    2013; Jacob et al., 2018, section 3.
    """
    q_min, q_max = code_range(bits)
    require_floating("x", x)
    refuse_nan("x", x)
    require_scale(scale, x)
    require_zero_point(zero_point, x, q_min, q_max)
    return _StraightThrough.apply(x, scale, zero_point, q_min, q_max)


class WeightFakeQuantize(nn.Module):
    """Parametrisation that shows a layer its own weight rounded to b bits, one range a slice along `axis`.

    The range follows the weight as it trains. Use:
    `torch.nn.utils.parametrize.register_parametrization(layer, "weight", WeightFakeQuantize(bits=4))`.
    bits: 2 to 8 when symmetric, else 1 to 8. axis None shares one range. Source: Jacob et al., 2018, section 3.
    """

    def __init__(self, bits: int = 8, axis: int | None = 0, *, symmetric: bool = True) -> None:
        super().__init__()
        require_bits(bits, least=2 if symmetric else 1)
        self.bits, self.axis, self.symmetric = bits, axis, symmetric

    def forward(self, weight: Tensor) -> Tensor:
        if self.axis is not None:
            require_axis(self.axis, weight, "weight")
        low, high = minmax_range(weight.detach(), self.axis)
        if not self.symmetric:
            return fake_quantize(weight, *affine_parameters(low, high, self.bits), self.bits)
        return fake_quantize(weight, symmetric_scale(torch.maximum(-low, high), self.bits), 0, self.bits)

    def extra_repr(self) -> str:
        return f"bits={self.bits}, axis={self.axis}, symmetric={self.symmetric}"


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor | float, zero_point: Tensor | int, q_min: int, q_max: int) -> Tensor:
        steps = at_least_float32(x) / scale
        low, high = q_min - zero_point, q_max - zero_point
        ctx.save_for_backward((steps >= low) & (steps <= high))
        codes = (steps.round() + zero_point).clamp(q_min, q_max)
        return ((codes - zero_point) * scale).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None, None, None
