"""Learned step size (LSQ): the width of a step is trained together with the weights."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from kdtutor.quantize.affine import at_least_float32
from kdtutor.quantize.arguments import refuse_nan, require_bits, require_floating, require_scale, require_values


def learned_step_quantize(
    x: Tensor, step: Tensor, bits: int = 8, *, signed: bool = True, gradient_scale: float | None = None
) -> Tensor:
    """x̂ = s · round(clamp(x / s, -Q_N, Q_P)), differentiable in x and in the step s.

    Q_N = 2^(b-1), Q_P = 2^(b-1) - 1 when signed; 0 and 2^b - 1 when not (after a ReLU).
    ∂x̂/∂x = 1 where -Q_N <= x / s <= Q_P and 0 outside. ∂x̂/∂s = round(x / s) - x / s there, -Q_N below and Q_P above,
    times the gradient scale g = 1 / sqrt(N · Q_P), N values a step, which makes a step's update as large relative to
    the step as a weight's is to the weight. The bounds belong to the inside, as in `fake_quantize` (the paper's strict
    inequalities differ at those two points only).
    x: any shape, floating point. step: positive, a scalar tensor or broadcastable to x. bits: 1 to 8 (signed: 2 to 8).
    gradient_scale: another g; 1.0 gives the plain derivative. Returns x's shape, dtype and device.
    Raises TypeError for integers, ValueError for a step that is not positive or NaN (on the CPU).
    Source: Esser et al., "Learned Step Size Quantization", section 2, equations 1 to 5, and 2.2, 2020.
    """
    below, above = _outermost(bits, signed)
    require_floating("x", x)
    refuse_nan("x", x)
    require_floating("step", step)
    require_scale(step, x, "step")
    if gradient_scale is None:
        gradient_scale = 1 / math.sqrt(max(1, x.numel() // max(1, step.numel())) * above)
    return _LearnedStep.apply(x, step, below, above, gradient_scale)


def initial_step(x: Tensor, bits: int = 8, *, signed: bool = True) -> Tensor:
    """The step to start from, s = 2 · mean|x| / sqrt(Q_P); 1 where x is all zeros. Returns a scalar of x's dtype.

    Source: Esser et al., 2020, section 2.1.
    """
    _, above = _outermost(bits, signed)
    require_values("x", x)
    step = 2 * at_least_float32(x.detach()).abs().mean() / math.sqrt(above)
    return torch.where(step > 0, step, 1.0).to(x.dtype)


class LearnedStep(nn.Module):
    """A quantiser whose step is a parameter, for weights (as a parametrisation) or activations (as a layer).

    example: values to take the initial step from (a weight, one batch of activations).
    `register_parametrization(layer, "weight", LearnedStep(layer.weight, bits=4))`.
    """

    def __init__(self, example: Tensor, bits: int = 8, *, signed: bool = True) -> None:
        super().__init__()
        self.bits, self.signed = bits, signed
        self.step = nn.Parameter(initial_step(example, bits, signed=signed))

    def forward(self, x: Tensor) -> Tensor:
        return learned_step_quantize(x, self.step, self.bits, signed=self.signed)

    def extra_repr(self) -> str:
        return f"bits={self.bits}, signed={self.signed}"


def _outermost(bits: int, signed: bool) -> tuple[int, int]:
    """Q_N and Q_P, the numbers of steps below and above zero."""
    require_bits(bits, least=2 if signed else 1)
    return (2 ** (bits - 1), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


class _LearnedStep(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, below: int, above: int, gradient_scale: float) -> Tensor:
        ctx.save_for_backward(x, step)
        ctx.below, ctx.above, ctx.gradient_scale = below, above, gradient_scale
        return ((at_least_float32(x) / step).clamp(-below, above).round() * step).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        x, step = ctx.saved_tensors
        (gradient,) = gradients
        steps = at_least_float32(x) / step
        inside = (steps >= -ctx.below) & (steps <= ctx.above)
        slope = torch.where(inside, steps.round() - steps, steps.clamp(-ctx.below, ctx.above))
        towards_step = (gradient * slope).sum_to_size(step.shape) * ctx.gradient_scale
        return gradient * inside, towards_step.to(step.dtype), None, None, None
